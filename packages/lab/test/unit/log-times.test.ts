import { appendFileSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { cleanUp, eventually, tempDir } from '@kosmos/testing';
import { noteTimes, times } from '../../src/node/log-times.ts';

describe('the times of a log', () => {
  afterEach(cleanUp);
  const pause = (ms: number) => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);

  it('are those of the writes, also where the kubelet looks later', async () => {
    const log = join(tempDir(), 'log');
    writeFileSync(log, 'before\n');
    const past = Date.now() - 3_600_000;
    utimesSync(log, past / 1000, past / 1000);
    let end = () => {};
    noteTimes(log, new Promise<void>((resolve) => (end = resolve)));
    expect(times(log)).to.deep.equal([{ end: 7, at: past }]);
    const wrote = Date.now();
    appendFileSync(log, 'late\n');
    pause(500);
    const [, late] = await eventually(() => times(log).length === 2 && times(log));
    end();
    expect(late?.end).to.equal(12);
    expect(late?.at).to.be.within(wrote - 20, wrote + 250);
  });
});
