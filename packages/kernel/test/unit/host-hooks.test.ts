import { type OwnBail, type OwnChain, type OwnHook, type Plugin, bail, chain, hook, token } from '@kosmos/kernel';
import { createKernel, problemsIn, tapHook } from '@kosmos/kernel/runtime';
import { expect } from 'chai';
import * as fc from 'fast-check';
import { memoryLog, plugin } from '../fixtures/host.ts';

/** The KosmosErrors that `work` throws. */
async function thrown(work: () => unknown) {
  try {
    await work();
  } catch (error) {
    return problemsIn(error) ?? [error as Error & { code?: string; where?: string; hint?: string }];
  }
  throw new Error('nothing was thrown');
}

const Owned = token<OwnHook<[string[]]>>('owner.hook');
/** A kernel in which each named plugin taps a hook, writing its name. */
async function heard(taps: Readonly<Record<string, { before?: string[]; after?: string[] }>>): Promise<string[]> {
  const own = hook<[string[]]>('owner.heard');
  const owner = plugin('owner', (ctx) => ctx.provide('own', own), { provides: { own: Owned } });
  const tappers: Plugin[] = Object.entries(taps).map(([name, options]) =>
    plugin(name, (ctx) => ctx.tap(ctx.use.own, (list: string[]) => void list.push(name), options), { requires: { own: Owned } }),
  );
  await createKernel({ config: { plugins: [owner, ...tappers] }, role: 'manager', log: memoryLog() });
  const list: string[] = [];
  own.run(list);
  return list;
}

describe('hooks', () => {
  it('call every tap with all arguments, in the order of plugins', async () => {
    expect(await heard({ a: {}, b: {}, c: {} })).to.deep.equal(['a', 'b', 'c']);
  });

  it('put taps before and after others by plugin name', async () => {
    expect(await heard({ a: { after: ['c'] }, b: {}, c: { before: ['b'] } })).to.deep.equal(['c', 'a', 'b']);
  });

  it('pass over a name of a plugin that is not in the config', async () => {
    expect(await heard({ a: { after: ['globalip'] }, b: {} })).to.deep.equal(['a', 'b']);
  });

  it('refuse a name that looks misspelt', async () => {
    const [error] = await thrown(() => heard({ gateway: {}, b: { after: ['gatewey'] } }));
    expect(error).to.include({ code: 'KOSMOS_E_TAP_ORDER', where: 'plugin b, hook owner.heard', hint: "Did you mean 'gateway'?" });
    expect(error?.message).to.equal("plugin 'b' orders its tap of 'owner.heard' by the unknown plugin 'gatewey'");
  });

  it('print a circle of taps', async () => {
    const [error] = await thrown(() => heard({ a: { after: ['b'] }, b: { after: ['a'] } }));
    expect(error).to.include({ code: 'KOSMOS_E_TAP_ORDER', message: "the taps of the hook 'owner.heard' cannot be ordered: a -> b -> a" });
  });

  it('hold every before and after, whatever the order of plugins', () => {
    const names = ['p0', 'p1', 'p2', 'p3', 'p4'];
    const edges = fc.array(fc.tuple(fc.nat(4), fc.nat(4)).filter(([a, b]) => a < b));
    return fc.assert(
      fc.asyncProperty(edges, fc.shuffledSubarray(names, { minLength: 5 }), async (pairs, order) => {
        const taps = Object.fromEntries(
          order.map((name) => [name, { after: pairs.filter(([, b]) => names[b] === name).map(([a]) => names[a] ?? '') }]),
        );
        const list = await heard(taps);
        expect(list.toSorted()).to.deep.equal(names);
        for (const [a, b] of pairs) expect(list.indexOf(names[a] ?? '')).to.be.lessThan(list.indexOf(names[b] ?? ''));
      }),
      { numRuns: 50 },
    );
  });

  it('name plugin and hook of a tap that throws', async () => {
    const own = hook<[]>('x.y');
    tapHook(own, 'bad', () => {
      throw new Error('boom');
    });
    const [error] = await thrown(() => own.run());
    expect(error).to.include({
      code: 'KOSMOS_E_TAP',
      message: "plugin 'bad' failed in the hook 'x.y': boom",
      where: 'plugin bad, hook x.y',
    });
    expect(error?.cause).to.be.an('error').with.property('message', 'boom');
  });

  it('run asynchronous taps one after the other, and stop at the one that fails', async () => {
    const own = hook<[string[]]>('x.y');
    tapHook(own, 'a', async (list: string[]) => {
      await Promise.resolve();
      list.push('a');
    });
    tapHook(own, 'b', async (list: string[]) => {
      list.push('b');
      throw new Error('boom');
    });
    tapHook(own, 'c', (list: string[]) => void list.push('c'));
    const list: string[] = [];
    const [error] = await thrown(() => own.runAsync(list));
    expect(error?.message).to.equal("plugin 'b' failed in the hook 'x.y': boom");
    expect(list).to.deep.equal(['a', 'b']);
  });

  it('refuse a promise from a tap of a synchronous run', async () => {
    const own = hook<[]>('x.y');
    tapHook(own, 'bad', async () => {});
    expect((await thrown(() => own.run()))[0]).to.include({ code: 'KOSMOS_E_TAP_PROMISE', where: 'plugin bad, hook x.y' });
  });

  it('bail with the first answer, false and null included', () => {
    const own: OwnBail<[number], unknown> = bail('x.y');
    const asked: string[] = [];
    tapHook(own, 'a', () => void asked.push('a'));
    tapHook(own, 'b', (n: number) => (n === 1 ? false : null));
    tapHook(own, 'c', () => asked.push('c'));
    expect(own.first(1)).to.equal(false);
    expect(own.first(2)).to.equal(null);
    expect(asked).to.deep.equal(['a', 'a']);
    expect(bail<[], string>('x.z').first()).to.equal(undefined);
  });

  it('chain values through taps, and refuse a tap that returns nothing', async () => {
    const own: OwnChain<number, [number]> = chain('x.y');
    expect(own.through(3, 4)).to.equal(3);
    tapHook(own, 'add', (value: number, by: number) => value + by);
    tapHook(own, 'double', (value: number) => value * 2);
    expect(own.through(3, 4)).to.equal(14);
    tapHook(own, 'forgetful', () => {});
    expect((await thrown(() => own.through(3, 4)))[0]).to.include({
      code: 'KOSMOS_E_TAP_NOTHING',
      message: "plugin 'forgetful' returned nothing from its tap of the chain 'x.y'",
    });
  });

  it('are frozen at ready and free of taps after stop', async () => {
    const own = hook<[]>('x.y');
    let tap = () => {};
    let calls = 0;
    const late = plugin('late', (ctx) => {
      tap = () => ctx.tap(own, () => void calls++);
      ctx.onStart(async () => tap());
    });
    const kernel = await createKernel({ config: { plugins: [late] }, role: 'cli', log: memoryLog() });
    await kernel.start();
    own.run();
    expect(calls).to.equal(1);
    expect((await thrown(tap))[0]).to.include({ code: 'KOSMOS_E_TAP_LATE', where: 'plugin late, hook x.y' });
    expect((await thrown(() => tapHook(own, 'other', () => {})))[0]).to.include({ code: 'KOSMOS_E_TAP_LATE' });
    await kernel.stop();
    own.run();
    expect(calls).to.equal(1);
  });
});
