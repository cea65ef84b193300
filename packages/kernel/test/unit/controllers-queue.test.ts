import { expect } from 'chai';
import fc from 'fast-check';
import { Controller } from '../../src/controllers/controller.ts';
import { controllerMetrics } from '../../src/controllers/metrics.ts';
import { WorkQueue } from '../../src/controllers/queue.ts';
import type { Informer, InformerHandler, KObject } from '../../src/index.ts';
import { waitFor } from '../support/wait-for.ts';
import { manualClock } from '@kosmos/testing';
import { type LogLine, testEngine, testLog, testMetrics } from '../support/engine.ts';

const next = async (queue: WorkQueue) => (await queue.take())?.key;

describe('the work queue', () => {
  it('hands a key out once, however often it was added', async () => {
    const queue = new WorkQueue(manualClock());
    for (const key of ['a', 'b', 'a', 'a']) queue.add(key);
    expect([await next(queue), await next(queue)]).to.deep.equal(['a', 'b']);
    expect(queue.length).to.equal(0);
  });

  it('keeps back a key that is being processed, and hands it out again after', async () => {
    const queue = new WorkQueue(manualClock());
    queue.add('a');
    await queue.take();
    queue.add('a');
    queue.add('a');
    expect(queue.length).to.equal(0);
    queue.done('a');
    expect(await next(queue)).to.equal('a');
    queue.done('a');
    expect(queue.length).to.equal(0);
  });

  it('waits 5 ms, 10 ms, 20 ms... after failures, and starts anew once they are forgotten', async () => {
    const clock = manualClock();
    const queue = new WorkQueue(clock);
    for (const ms of [5, 10, 20, 40]) {
      queue.addRateLimited('a');
      await clock.advance(ms - 1);
      expect(queue.length).to.equal(0);
      await clock.advance(1);
      expect(queue.length).to.equal(1);
      void queue.take();
      queue.done('a');
    }
    queue.forget('a');
    queue.addRateLimited('a');
    await clock.advance(5);
    expect(queue.length).to.equal(1);
  });

  it('lets a hundred failed keys through at once, then ten a second', async () => {
    const clock = manualClock();
    const queue = new WorkQueue(clock);
    for (let i = 0; i < 120; i += 1) queue.addRateLimited(`k${i}`);
    await clock.advance(50);
    expect(queue.length).to.equal(100);
    await clock.advance(1000);
    expect(queue.length).to.equal(110);
  });

  it('takes the earlier of two delays', async () => {
    const clock = manualClock();
    const queue = new WorkQueue(clock);
    queue.addAfter('a', 100);
    queue.addAfter('a', 10);
    queue.addAfter('a', 50);
    await clock.advance(10);
    expect(queue.length).to.equal(1);
  });

  it('lets changes overtake the keys of a first list, and a key that changes too is among those that overtake', async () => {
    const clock = manualClock();
    const queue = new WorkQueue(clock);
    for (const key of ['a', 'b', 'c']) queue.add(key, true);
    queue.add('x');
    queue.add('c');
    await clock.advance(7);
    expect([await next(queue), await next(queue), await next(queue)]).to.deep.equal(['x', 'c', 'a']);
    expect(await queue.take()).to.deep.equal({ key: 'b', waitedMs: 7 });
    expect(queue.length).to.equal(0);
  });

  it('ends its takers when closed', async () => {
    const queue = new WorkQueue(manualClock());
    const taken = queue.take();
    queue.close();
    queue.add('a');
    expect(await taken).to.equal(undefined);
    expect(await queue.take()).to.equal(undefined);
  });

  it('never loses a key nor hands one out twice at once, whatever the order', async () => {
    const step = fc.record({ what: fc.constantFrom('add', 'take', 'done'), key: fc.constantFrom('a', 'b', 'c') });
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 60 }), async (steps) => {
        const queue = new WorkQueue(manualClock());
        const processing = new Set<string>();
        const wanted = new Set<string>();
        const take = async () => {
          const key = (await next(queue)) as string;
          expect(processing.has(key)).to.equal(false);
          processing.add(key);
          wanted.delete(key);
        };
        for (const { what, key } of steps) {
          if (what === 'add') {
            queue.add(key);
            wanted.add(key);
          } else if (what === 'take' && queue.length > 0) await take();
          else if (what === 'done' && processing.delete(key)) queue.done(key);
        }
        for (const key of processing) queue.done(key);
        processing.clear();
        while (queue.length > 0) await take();
        expect([...wanted]).to.deep.equal([]);
      }),
    );
  });
});

describe('a controller', () => {
  const object = (name: string) => ({ metadata: { name, uid: name, resourceVersion: '1' } });
  const setUp = () => {
    const clock = manualClock();
    const log: LogLine[] = [];
    let handler: InformerHandler<KObject> = {};
    const informer = { on: (given: InformerHandler<KObject>) => ((handler = given), () => {}) } as unknown as Informer<KObject>;
    const add = (name: string) => handler.add?.(object(name), { cluster: 'host', initial: false, missed: false });
    const metrics = controllerMetrics(testMetrics());
    const held: { term?: AbortController | undefined } = {};
    const waiting: (() => void)[] = [];
    const leading = async (_lease: string, stop: AbortSignal) => {
      while (!held.term && !stop.aborted)
        await new Promise<void>((resolve) => (waiting.push(resolve), stop.addEventListener('abort', () => resolve())));
      return stop.aborted ? undefined : held.term?.signal;
    };
    const lead = (leads: boolean) => {
      held.term?.abort();
      held.term = leads ? new AbortController() : undefined;
      for (const wake of waiting.splice(0)) wake();
    };
    const controller = new Controller({ plugin: 'demo', name: 'c', clock, log: testLog(log), metrics, leading });
    return { clock, log, add, lead, controller: controller.for(informer) };
  };

  it('aborts a reconcile at its timeout, goes on with other keys, and never runs the key beside itself', async () => {
    const { clock, add, controller } = setUp();
    const runs: string[] = [];
    let release = () => {};
    let signal: AbortSignal | undefined;
    controller.timeout(1000).reconcile((key, context) => {
      runs.push(key.name);
      if (runs.length > 1) return Promise.resolve();
      signal = context.signal;
      return new Promise((resolve) => (release = resolve));
    });
    controller.start();
    add('slow');
    await waitFor(() => runs.length === 1, 'the run');
    await clock.advance(1000);
    expect(signal?.aborted).to.equal(true);
    add('other');
    await waitFor(
      () => runs.length === 2,
      'the other key',
      2000,
      () => runs,
    );
    await clock.advance(60_000);
    await new Promise(setImmediate);
    expect(runs).to.deep.equal(['slow', 'other']);
    release();
    await waitFor(
      () => runs.length === 3,
      'the key again',
      2000,
      () => runs,
    );
    await controller.stop();
  });

  it('runs as many keys at once as its concurrency says', async () => {
    const { add, controller } = setUp();
    let now = 0;
    let most = 0;
    const releases: (() => void)[] = [];
    controller.concurrency(2).reconcile(async () => {
      most = Math.max(most, ++now);
      await new Promise<void>((resolve) => releases.push(resolve));
      now -= 1;
    });
    controller.start();
    for (const name of ['a', 'b', 'c']) add(name);
    await waitFor(() => releases.length === 2, 'two runs');
    releases.forEach((release) => release());
    await waitFor(() => releases.length === 3, 'the third');
    releases.at(-1)?.();
    expect(most).to.equal(2);
    await controller.stop();
  });

  it('comes back to a key when the reconcile asks for it', async () => {
    const { clock, add, controller } = setUp();
    let runs = 0;
    controller.reconcile(async () => (++runs === 1 ? { requeueAfterMs: 5000 } : undefined));
    controller.start();
    add('a');
    await waitFor(() => runs === 1, 'the run');
    await new Promise(setImmediate);
    await clock.advance(4999);
    await new Promise(setImmediate);
    expect(runs).to.equal(1);
    await clock.advance(1);
    await waitFor(() => runs === 2, 'the second run');
    await controller.stop();
  });

  it('stands still without its lease, aborts what runs when it is lost, and takes that up again with the next term', async () => {
    const { add, lead, log, controller } = setUp();
    const runs: string[] = [];
    controller.gated('l').reconcile(async (key, { signal }) => {
      runs.push(key.name);
      if (runs.length === 1) await new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason as Error)));
    });
    controller.start();
    add('a');
    await new Promise(setImmediate);
    expect(runs).to.deep.equal([]);
    lead(true);
    await waitFor(() => runs.length === 1, 'the run');
    lead(false);
    add('b');
    await new Promise(setImmediate);
    expect(runs).to.deep.equal(['a']);
    lead(true);
    await waitFor(
      () => runs.length === 3,
      'both keys',
      2000,
      () => runs,
    );
    expect([...runs].sort()).to.deep.equal(['a', 'a', 'b']);
    expect(log.filter((line) => line.level !== 'debug')).to.deep.equal([]);
    await controller.stop();
  });

  for (const gated of [false, true]) {
    it(`lets what runs end for 5 s when it is to stop, then aborts it, ${gated ? 'with' : 'without'} a lease`, async () => {
      const { clock, add, lead, log, controller } = setUp();
      const releases: (() => void)[] = [];
      const signals: AbortSignal[] = [];
      if (gated) controller.gated('l');
      controller.concurrency(2).reconcile(
        (_, { signal }) =>
          new Promise((resolve, reject) => {
            signals.push(signal);
            releases.push(resolve);
            signal.addEventListener('abort', () => reject(signal.reason as Error));
          }),
      );
      lead(true);
      controller.start();
      for (const name of ['a', 'b', 'c']) add(name);
      await waitFor(() => signals.length === 2, 'two runs');
      const stopped = controller.stop();
      releases[0]?.();
      await new Promise(setImmediate);
      await clock.advance(4999);
      expect(signals.map(({ aborted }) => aborted)).to.deep.equal([false, false]);
      await clock.advance(1);
      expect(signals[1]?.aborted).to.equal(true);
      await stopped;
      expect(signals).to.have.length(2);
      expect(log.filter((line) => line.level !== 'debug')).to.deep.equal([]);
    });
  }

  it('tells what waits, what runs and what failed', async () => {
    const { clock, add, controller } = setUp();
    const releases: (() => void)[] = [];
    controller.reconcile(async ({ name }) => {
      if (name === 'bad') throw new Error('no');
      await new Promise<void>((resolve) => releases.push(resolve));
    });
    controller.start();
    add('bad');
    await waitFor(() => controller.status().failing === 1, 'the failure');
    for (const name of ['a', 'b']) add(name);
    await waitFor(() => releases.length === 1, 'the run');
    expect(controller.status()).to.deep.equal({ controller: 'demo/c', queued: 1, delayed: 1, active: 1, failing: 1 });
    releases[0]?.();
    await waitFor(() => releases.length === 2, 'the next run');
    releases[1]?.();
    await waitFor(
      () => controller.status().active === 0,
      'the end',
      5000,
      () => (clock.advance(0), controller.status()),
    );
    await controller.stop();
  });

  it('is refused once controllers run, since it never would', async () => {
    const { engine, scope, stop } = testEngine({});
    engine.startControllers();
    expect(() => scope.controller('late'))
      .to.throw("plugin 'demo' declares the controller 'late' once controllers run")
      .with.property('code', 'KOSMOS_E_LATE');
    await stop();
  });

  it('refuses to start without a reconcile', () => {
    const { controller } = setUp();
    expect(() => controller.start()).to.throw("the controller 'c' has no reconcile");
  });
});
