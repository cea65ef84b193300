/** Work with a time limit: an AbortSignal that says so, and no waiting for work that does not listen. */
import type { Clock } from '../contracts/services.ts';

/** What `withDeadline` throws when the time is up. */
export class TimeUp extends Error {
  override readonly name = 'TimeUp';
  readonly code = 'ETIMEDOUT';
}

/** Runs `work` for at most `ms`. `abort` ends it earlier, with the signal's reason. */
export async function withDeadline<T>(
  clock: Clock,
  ms: number,
  work: (signal: AbortSignal) => Promise<T>,
  abort?: AbortSignal,
): Promise<T> {
  const controller = new AbortController();
  const over = Promise.withResolvers<never>();
  const end = (reason: unknown) => {
    controller.abort(reason);
    over.reject(reason);
  };
  const aborted = () => end(abort?.reason);
  if (abort?.aborted) aborted();
  else abort?.addEventListener('abort', aborted, { once: true });
  const cancel = clock.after(ms, () => end(new TimeUp(`not done in ${ms} ms`)));
  try {
    return await Promise.race([over.promise, work(controller.signal)]);
  } finally {
    cancel();
    abort?.removeEventListener('abort', aborted);
  }
}

/** Tells again and again, at growing intervals (2, 3, 5, 8... s), until it is cancelled. */
export function reminding(clock: Clock, remind: () => void): () => void {
  let last = 1000;
  let next = 2000;
  let cancel = clock.after(next, again);
  function again(): void {
    remind();
    [last, next] = [next, last + next];
    cancel = clock.after(next, again);
  }
  return () => cancel();
}
