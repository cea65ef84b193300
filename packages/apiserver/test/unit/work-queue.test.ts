import { expect } from 'chai';
import { eventually } from '@kosmos/testing';
import { systemClock } from '../../src/controllers/clock.ts';
import { WorkQueue } from '../../src/controllers/queue.ts';
import { ApiError } from '../../src/http/errors.ts';
import { TestClock } from '../integration/controllers/support.ts';

describe('The work queue', () => {
  const queue = (sync: (key: string) => Promise<void>, more: object = {}): WorkQueue =>
    new WorkQueue({ clock: systemClock, report: () => {}, sync, ...more });

  it('looks once at a key that is added many times at once', async () => {
    const looks: string[] = [];
    const q = queue(async (key) => void looks.push(key));
    for (const key of ['a', 'b', 'a', 'a']) q.add(key);
    await eventually(() => looks.length === 2);
    expect(looks).to.deep.equal(['a', 'b']);
    await q.stop();
  });

  it('never works on one key twice at a time, and looks again at what changed meanwhile', async () => {
    let [running, most, looks] = [0, 0, 0];
    let release = (): void => {};
    const q = queue(async () => {
      running += 1;
      looks += 1;
      most = Math.max(most, running);
      await new Promise<void>((resolve) => {
        release = resolve;
      });
      running -= 1;
    });
    q.add('a');
    await eventually(() => looks === 1);
    q.add('a');
    q.add('a');
    release();
    await eventually(() => looks === 2);
    release();
    await eventually(() => running === 0);
    expect([most, looks]).to.deep.equal([1, 2]);
    await q.stop();
  });

  it('tries again what failed, and reports it unless a race was lost', async () => {
    const reported: string[] = [];
    const errors: unknown[] = [new ApiError(409, 'Conflict', 'lost'), new Error('bad')];
    let done = false;
    const q = queue(
      async () => {
        const error = errors.shift();
        if (error) throw error;
        done = true;
      },
      { report: (e: Error) => reported.push(e.message) },
    );
    q.add('a');
    await eventually(() => done);
    expect(reported).to.deep.equal(['bad']);
    await q.stop();
  });

  it('takes the first of several times, by its clock', async () => {
    const clock = new TestClock();
    let looks = 0;
    const q = queue(async () => void (looks += 1), { clock });
    q.addAfter('a', 5000);
    q.addAfter('a', 60_000);
    clock.advance(4);
    await new Promise((resolve) => setImmediate(resolve));
    expect(looks).to.equal(0);
    clock.advance(2);
    await eventually(() => looks === 1);
    clock.advance(100);
    await new Promise((resolve) => setImmediate(resolve));
    expect(looks).to.equal(1);
    await q.stop();
  });
});
