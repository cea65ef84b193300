import { setTimeout as sleep } from 'node:timers/promises';
import { inspect } from 'node:util';

export interface EventuallyOptions {
  /** Default 30 s: a fault shows, and a busy machine has its time. */
  readonly timeoutMs?: number;
  /** What is waited for; begins the error. */
  readonly message?: string;
  /** Pause between two tries; default 50 ms. */
  readonly intervalMs?: number;
}

/**
 * Calls `fn` until it returns something other than undefined and false, and gives that. A `fn` that throws is tried again,
 * so assertions can stand in it. When the time is over it throws with what the last try returned or threw.
 */
export async function eventually<T>(fn: () => T | Promise<T>, options: EventuallyOptions = {}): Promise<Exclude<T, undefined | false>> {
  const { timeoutMs = 30_000, message = 'the condition', intervalMs = 50 } = options;
  const deadline = Date.now() + timeoutMs;
  let seen = '';
  for (;;) {
    try {
      const value = await fn();
      if (value !== undefined && value !== false) return value as Exclude<T, undefined | false>;
      seen = `returned ${inspect(value)}`;
    } catch (error) {
      seen = `threw ${error instanceof Error ? error.message : inspect(error)}`;
    }
    if (Date.now() >= deadline) throw new Error(`${message}: not within ${timeoutMs} ms; the last try ${seen}`);
    await sleep(intervalMs);
  }
}
