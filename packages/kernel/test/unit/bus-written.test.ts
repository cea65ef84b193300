import { expect } from 'chai';
import { Cache } from '../../src/bus/cache.ts';
import { Written } from '../../src/bus/written.ts';
import type { KObject } from '../../src/index.ts';
import { manualClock } from '@kosmos/testing';

const object = (v: number, uid = 'a'): KObject => ({ metadata: { name: 'x', uid, resourceVersion: String(v) } });

describe('a write that the watch has not told of yet', () => {
  let clock: ReturnType<typeof manualClock>;
  let written: Written;
  let cache: Cache;
  const version = () => (written.get('x') ?? cache.objects.get('x'))?.metadata.resourceVersion;
  const write = () =>
    written.begin(
      'x',
      [cache.objects.get('x')].flatMap((known) => known?.metadata.resourceVersion ?? []),
    );
  beforeEach(async () => {
    clock = manualClock();
    written = new Written(clock);
    cache = new Cache(undefined, undefined, written);
    cache.begin();
    await cache.end();
  });

  it('counts as known, also while older changes still come', () => {
    cache.upsert(object(1));
    write()(object(3));
    expect(version()).to.equal('3');
    cache.upsert(object(2));
    expect(version()).to.equal('3');
    cache.upsert(object(3));
    cache.upsert(object(4));
    expect(version()).to.equal('4');
  });

  it('is no reason to believe in an object that was made and is gone', () => {
    write()(object(1));
    expect(version()).to.equal('1');
    cache.upsert(object(1));
    cache.remove(object(2));
    expect(version()).to.equal(undefined);
  });

  it('is none either where the watch was faster than the answer', () => {
    const answered = write();
    cache.upsert(object(1));
    cache.remove(object(2));
    answered(object(1));
    expect(version()).to.equal(undefined);
    const again = write();
    cache.upsert(object(3, 'b'));
    cache.upsert(object(4, 'b'));
    again(object(3, 'b'));
    expect(version()).to.equal('4');
  });

  it('is told already where it changed nothing', () => {
    cache.upsert(object(1));
    const answered = write();
    cache.upsert(object(2));
    answered(object(1));
    expect(version()).to.equal('2');
  });

  it('is over with a list, which may be newer', async () => {
    write()(object(1));
    cache.begin();
    expect(version()).to.equal('1');
    cache.upsert(object(5));
    expect(version()).to.equal('5');
    written.begin('y', [])(object(6));
    const late = written.begin('y', []);
    await cache.end();
    expect(written.get('y')).to.equal(undefined);
    late(object(7));
    expect(written.get('y')).to.equal(undefined);
  });

  it('is over after a while where no watch has the object in its selection, and when it failed', async () => {
    write()(object(1));
    write()();
    expect(version()).to.equal('1');
    await clock.advance(10_000);
    expect(version()).to.equal(undefined);
  });
});
