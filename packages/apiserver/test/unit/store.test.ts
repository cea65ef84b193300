import { expect } from 'chai';
import { KeptEntry } from '../../src/storage/entry.ts';
import { Store, VersionMismatch } from '../../src/storage/store.ts';

const entry = (name: string, version: number, data = ''): KeptEntry =>
  new KeptEntry({ namespace: 'n', name, version, uid: name, labels: {}, fields: {}, json: JSON.stringify({ data }) });

describe('the store', () => {
  it('lets exactly one of concurrent writers win a version', async () => {
    const store = new Store();
    const { version } = await store.write('r', 'n/a', 0, (v) => entry('a', v));
    const results = await Promise.allSettled(Array.from({ length: 10 }, () => store.write('r', 'n/a', version, (v) => entry('a', v))));
    expect(results.filter((r) => r.status === 'fulfilled')).to.have.length(1);
    for (const r of results) if (r.status === 'rejected') expect(r.reason).to.be.instanceOf(VersionMismatch);
  });

  it('shows a list as it was at a version', async () => {
    const store = new Store();
    await store.write('r', 'n/a', 0, (v) => entry('a', v));
    const { version } = await store.write('r', 'n/b', 0, (v) => entry('b', v));
    await store.write('r', 'n/a', 1, () => undefined);
    await store.write('r', 'n/c', 0, (v) => entry('c', v));
    expect(store.list('r', 'n', version).map((e) => e.name)).to.deep.equal(['a', 'b']);
    expect(store.list('r', 'n').map((e) => e.name)).to.deep.equal(['b', 'c']);
  });

  it('forgets changes beyond its window, and says so', async () => {
    const store = new Store({ window: 4 });
    for (let i = 0; i < 20; i += 1) await store.write('r', `n/${i}`, 0, (v) => entry(String(i), v));
    expect([store.knows('r', 1), store.knows('r', 19)]).to.deep.equal([false, true]);
  });

  it('shows nothing before it is committed', async () => {
    const store = new Store();
    const writing = store.write('r', 'n/a', 0, (v) => entry('a', v));
    expect([store.get('r', 'n/a'), store.head('r', 'n/a')?.name]).to.deep.equal([undefined, 'a']);
    await writing;
    expect(store.get('r', 'n/a')?.version).to.equal(1);
  });
});
