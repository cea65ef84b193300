import { expect } from 'chai';
import { worker } from '../../src/agent/worker.ts';

/** Time that passes when it is told to; promises settle between two timers. */
function testClock() {
  let now = 0;
  let timers: { at: number; fn: () => void }[] = [];
  const settle = async () => {
    for (let i = 0; i < 20; i += 1) await Promise.resolve();
  };
  return {
    now: () => now,
    after(ms: number, fn: () => void) {
      const timer = { at: now + ms, fn };
      timers.push(timer);
      return () => void (timers = timers.filter((t) => t !== timer));
    },
    async pass(ms: number) {
      const end = now + ms;
      for (;;) {
        const next = timers.filter((t) => t.at <= end).sort((a, b) => a.at - b.at)[0];
        if (!next) break;
        timers = timers.filter((t) => t !== next);
        now = next.at;
        next.fn();
        await settle();
      }
      now = end;
      await settle();
    },
    waiting: () => timers.length,
  };
}

const PERIOD = 30_000;

describe("the agent's worker", () => {
  it('runs once for many wakes, and again each period', async () => {
    const clock = testClock();
    const runs: number[] = [];
    const work = worker(clock, PERIOD, async () => (runs.push(clock.now()), 'done' as const), () => {});
    for (let i = 0; i < 5; i += 1) work.wake();
    await clock.pass(PERIOD * 2 + 100);
    expect(runs).to.deep.equal([10, PERIOD + 10, PERIOD * 2 + 10]);
  }); // prettier-ignore

  it('takes the sooner of two wakes', async () => {
    const clock = testClock();
    const runs: number[] = [];
    const work = worker(clock, PERIOD, async () => (runs.push(clock.now()), 'done' as const), () => {});
    work.wake(2000);
    work.wake();
    await clock.pass(5000);
    expect(runs).to.deep.equal([10]);
  }); // prettier-ignore

  it('never runs twice at once, and once more when it is woken meanwhile', async () => {
    const clock = testClock();
    let [running, most, runs] = [0, 0, 0];
    let release = () => {};
    const job = async () => {
      runs += 1;
      most = Math.max(most, (running += 1));
      await new Promise<void>((resolve) => (release = resolve));
      running -= 1;
      return 'done' as const;
    };
    const work = worker(clock, PERIOD, job, () => {});
    work.wake();
    await clock.pass(50);
    work.wake();
    await clock.pass(50);
    expect([most, runs]).to.deep.equal([1, 1]);
    release();
    await clock.pass(50);
    expect([most, runs]).to.deep.equal([1, 2]);
    release();
    await clock.pass(50);
    expect(runs).to.equal(2);
  });

  it('tries again further and further apart, and from the beginning after a success', async () => {
    const clock = testClock();
    const at: number[] = [];
    const errors: unknown[] = [];
    let works = false;
    const job = async () => {
      at.push(clock.now());
      if (works) return 'done' as const;
      if (at.length % 2 === 0) throw new Error('no');
      return 'retry' as const;
    };
    const work = worker(clock, PERIOD, job, (error) => errors.push(error));
    work.wake(0);
    await clock.pass(90_000);
    const gaps = at.slice(1).map((t, i) => t - at[i]!);
    expect(gaps).to.deep.equal([250, 500, 1000, 2000, 4000, 8000, 16_000, 30_000]);
    expect(errors).to.have.length(Math.floor(at.length / 2));
    works = true;
    await clock.pass(30_000);
    works = false;
    const from = at.length;
    await clock.pass(PERIOD + 300);
    expect(at[from + 1]! - at[from]!).to.equal(250);
  });

  it('stops: waits for the job that runs, tells it, is silent about it and never runs again', async () => {
    const clock = testClock();
    let told = false;
    const errors: unknown[] = [];
    const job = (signal: AbortSignal) =>
      new Promise<'done'>((_, reject) => signal.addEventListener('abort', () => ((told = true), reject(new Error('aborted')))));
    const work = worker(clock, PERIOD, job, (error) => errors.push(error));
    work.wake();
    await clock.pass(20);
    await work.stop();
    expect([told, errors]).to.deep.equal([true, []]);
    work.wake();
    expect(clock.waiting()).to.equal(0);
  });
});
