import { expect } from 'chai';
import fc from 'fast-check';
import { ListBudget } from '../../src/bus/budget.ts';
import { Cache } from '../../src/bus/cache.ts';
import { ClusterInformer } from '../../src/bus/informer.ts';
import { busMetrics } from '../../src/bus/metrics.ts';
import { share } from '../../src/bus/shape.ts';
import { Subscription } from '../../src/bus/subscription.ts';
import type { KObject } from '../../src/index.ts';
import { manualClock } from '@kosmos/testing';
import { testLog, testMetrics } from '../support/engine.ts';
import { waitFor } from '../support/wait-for.ts';

const object = (name: string, v = 1): KObject => ({ metadata: { name, uid: name, resourceVersion: String(v) } });
const seen = { cluster: 'host', initial: false, missed: false };
const burn = (ms: number) => {
  const until = performance.now() + ms;
  while (performance.now() < until);
};

describe('the delivery of events', () => {
  it('lets a slow handler hold up nobody but itself', async () => {
    const [slowly, quickly]: [string[], string[]] = [[], []];
    const failed = (error: unknown) => expect.fail(String(error));
    const slow = new Subscription({ add: (o) => (burn(2), void slowly.push(o.metadata.name)) }, failed);
    const quick = new Subscription({ add: (o) => void quickly.push(o.metadata.name) }, failed);
    for (let i = 0; i < 200; i += 1) for (const each of [slow, quick]) each.set(`${i}`, object(String(i)), undefined, seen);
    await waitFor(() => quickly.length === 200, 'the quick one to have all');
    expect(slowly.length).to.be.lessThan(150);
    await waitFor(() => slowly.length === 200, 'the slow one to have all');
    expect(slowly).to.deep.equal(quickly);
  });

  it('waits for the promise of a handler before its next event', async () => {
    const events: string[] = [];
    let release = () => {};
    const handler = {
      add: (o: KObject) => {
        events.push(o.metadata.name);
        return new Promise<void>((resolve) => (release = resolve));
      },
    };
    const made = new Subscription(handler, () => {});
    made.set('a', object('a'), undefined, seen);
    made.set('b', object('b'), undefined, seen);
    expect(events).to.deep.equal(['a']);
    release();
    await waitFor(() => events.length === 2, 'the second');
  });

  it('merges what a handler that is far behind has not heard, so that its queue is no longer than there are objects', async () => {
    let release = () => {};
    const told = new Map<string, string[]>();
    const tell = (what: string, o: KObject) => void told.set(o.metadata.name, [...(told.get(o.metadata.name) ?? []), what]);
    let first = true;
    const made = new Subscription(
      {
        add: (o) => {
          tell(`add ${o.metadata.resourceVersion}`, o);
          if (!first) return;
          first = false;
          return new Promise<void>((resolve) => (release = resolve)) as unknown as void;
        },
        update: (o, old) => tell(`update ${old.metadata.resourceVersion}>${o.metadata.resourceVersion}`, o),
        remove: (o) => tell(`remove ${o.metadata.resourceVersion}`, o),
      },
      () => {},
    );
    for (let i = 0; i < 1500; i += 1) made.set(`o${i}`, object(`o${i}`), undefined, seen);
    for (let v = 2; v <= 50; v += 1) made.set('o7', object('o7', v), object('o7', v - 1), seen);
    made.remove('o8', object('o8'), object('o8'), seen);
    expect(made.length).to.equal(1499);
    release();
    await waitFor(() => made.length === 0, 'all to be told');
    expect([told.get('o7'), told.get('o8'), told.size]).to.deep.equal([['add 50'], undefined, 1499]);
  });

  it('is over once it is closed', async () => {
    const events: string[] = [];
    const made = new Subscription({ add: (o) => (burn(5), void events.push(o.metadata.name)) }, () => {});
    for (let i = 0; i < 10; i += 1) made.set(`${i}`, object(String(i)), undefined, seen);
    const before = events.length;
    made.close();
    made.set('x', object('x'), undefined, seen);
    await new Promise((resolve) => setImmediate(() => setImmediate(resolve)));
    expect(events.length).to.equal(before);
  });
});

describe('a late subscriber', () => {
  const informerOf = (cache: Cache) => {
    const kind = { group: '', version: 'v1', kind: 'ConfigMap', plural: 'configmaps', namespaced: true };
    const informer = new ClusterInformer('demo', kind, {}, testLog(), busMetrics(testMetrics()));
    informer.attach('host', cache);
    return informer;
  };
  const inNamespace = (i: number, v = 1): KObject => ({
    metadata: { name: `o${i}`, namespace: `n${i % 3}`, uid: `${i}-${Math.floor(v / 10)}`, resourceVersion: String(v) },
  });

  it('hears of many objects without holding up others, and then that this was the whole list', async () => {
    const cache = new Cache();
    cache.begin();
    for (let i = 0; i < 100_000; i += 1) cache.upsert(inNamespace(i));
    await cache.end();
    let [heard, turns] = [0, 0];
    const informer = informerOf(cache);
    const subscription = informer.on({ add: (_, { initial }) => void (heard += Number(initial)) });
    expect(heard).to.be.lessThan(100_000);
    expect(informer.queued).to.equal(100_000 - heard);
    while (!subscription.hasSynced('host')) {
      await new Promise((resolve) => setImmediate(resolve));
      turns += 1;
    }
    expect(heard).to.equal(100_000);
    expect(turns).to.be.greaterThan(2);
    expect(informer.queued).to.equal(0);
  });

  it('hears of each object as it is and then of each change, whatever happens meanwhile', async () => {
    const step = fc.record({ object: fc.nat(9), gone: fc.boolean(), anew: fc.boolean(), pause: fc.boolean() });
    await fc.assert(
      fc.asyncProperty(
        fc.array(step, { maxLength: 40 }),
        fc.array(step, { maxLength: 60 }),
        fc.boolean(),
        async (before, after, leaves) => {
          const cache = new Cache();
          let version = 10;
          const happen = ({ object: i, gone, anew }: { object: number; gone: boolean; anew: boolean }) => {
            version += anew ? 10 : 1;
            const next = inNamespace(i, version);
            const known = cache.objects.get(`n${i % 3}/o${i}`);
            const { uid } = anew || !known ? next.metadata : known.metadata;
            const same = { metadata: { ...next.metadata, uid } };
            if (gone) cache.remove(same);
            else cache.upsert(same);
          };
          cache.begin();
          await cache.end();
          before.forEach(happen);
          const told = new Map<string, KObject>();
          const states: string[] = [];
          const turn = () => new Promise<void>((resolve) => setImmediate(resolve));
          const keyOf = ({ metadata: { namespace, name } }: KObject) => `${namespace}/${name}`;
          informerOf(cache).on({
            add: (o) => {
              expect(told.has(keyOf(o))).to.equal(false);
              told.set(keyOf(o), o);
              return turn();
            },
            update: (o, old) => {
              expect(told.get(keyOf(o))?.metadata.uid).to.equal(o.metadata.uid);
              expect(old).to.equal(told.get(keyOf(o)));
              told.set(keyOf(o), o);
              return turn();
            },
            remove: (o) => {
              expect(told.delete(keyOf(o))).to.equal(true);
              return turn();
            },
            cluster: (_, state) => void states.push(state),
          });
          for (const one of after) {
            happen(one);
            if (one.pause) await turn();
          }
          if (leaves) await cache.leave();
          const known = () => Object.fromEntries(cache.objects);
          await waitFor(
            () =>
              states.at(-1) === (leaves ? 'left' : 'live') &&
              JSON.stringify([...told].sort()) === JSON.stringify(Object.entries(known()).sort()),
            'all to be told',
            2000,
            () => [states, [...told], known()],
          );
        },
      ),
      { numRuns: 100, endOnFailure: true },
    );
  }).timeout(60_000);

  it('does not hold up others where a cluster with many objects leaves', async () => {
    const cache = new Cache();
    cache.begin();
    for (let i = 0; i < 50_000; i += 1) cache.upsert(inNamespace(i));
    await cache.end();
    let [turns, over] = [0, false];
    const turn = () => void ((turns += 1), over || setImmediate(turn));
    const leaving = cache.leave();
    turn();
    await leaving;
    over = true;
    expect(turns).to.be.greaterThan(2);
    expect([cache.objects.size, cache.state]).to.deep.equal([0, 'left']);
  });
});

describe('an informer', () => {
  it('that is asked for an index that it does not have says which it has, and of which plugin it is', () => {
    const kind = { group: '', version: 'v1', kind: 'ConfigMap', plural: 'configmaps', namespaced: true };
    const informer = new ClusterInformer('demo', kind, { indexes: { owner: () => [] } }, testLog(), busMetrics(testMetrics()));
    expect(() => informer.by('node', 'n1'))
      .to.throw("the informer of configmaps has no index 'node'; it has: owner")
      .with.deep.include({ code: 'KOSMOS_E_INDEX_UNKNOWN', where: 'plugin demo' });
  });
});

describe('what objects have in common', () => {
  const frozen = (value: unknown): boolean =>
    typeof value !== 'object' || value === null || (Object.isFrozen(value) && Object.values(value).every(frozen));

  it('is one object, and every value stays what it was', () => {
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 4 }), fc.jsonValue({ maxDepth: 4 }), (a, b) => {
        const like = share(structuredClone(a), undefined);
        const text = JSON.stringify(b);
        const made = share(JSON.parse(text), like);
        expect(JSON.stringify(made)).to.equal(text);
        expect(frozen(made)).to.equal(true);
        const again = share(JSON.parse(JSON.stringify(a)), like);
        if (JSON.stringify(like) === JSON.stringify(a)) expect(again).to.equal(like);
      }),
    );
  });

  it('leaves an update with the parts that it did not change', () => {
    const old = share({ spec: { a: [1, { b: 2 }] }, status: { phase: 'Pending' } }, undefined);
    const made = share({ spec: { a: [1, { b: 2 }] }, status: { phase: 'Running' } }, old);
    expect(made.spec).to.equal(old.spec);
    expect(made.status).to.not.equal(old.status);
  });
});

describe('the budget of lists', () => {
  it('gives twenty at once, then ten a second', async () => {
    const clock = manualClock();
    const budget = new ListBudget(clock);
    const waits = Array.from({ length: 30 }, () => Math.round(budget.take()));
    expect(waits.slice(0, 20)).to.deep.equal(Array.from({ length: 20 }, () => 0));
    expect(waits.slice(20)).to.deep.equal([100, 200, 300, 400, 500, 600, 700, 800, 900, 1000]);
    await clock.advance(3000);
    expect(budget.take()).to.equal(0);
  });
});
