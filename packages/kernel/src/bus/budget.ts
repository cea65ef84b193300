/** How many lists one cluster is asked for: what watches it must not bring it down again when it comes back. */
import type { Clock } from '../contracts/services.ts';

/** A process starts with some twenty informers; beyond that a returning server gets ten lists a second from it. */
const BURST = 20;
const PER_MS = 10 / 1000;

export class ListBudget {
  readonly #clock: Clock;
  #tokens = BURST;
  #refilled: number;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#refilled = clock.now();
  }

  /** Takes one list; the milliseconds to wait before it. */
  take(): number {
    const now = this.#clock.now();
    this.#tokens = Math.min(BURST, this.#tokens + Math.max(0, now - this.#refilled) * PER_MS) - 1;
    this.#refilled = now;
    return this.#tokens >= 0 ? 0 : -this.#tokens / PER_MS;
  }
}

/** Waits by the clock; until the signal aborts, at the longest. */
export function pause(clock: Clock, ms: number, signal: AbortSignal): Promise<void> {
  if (signal.aborted || ms <= 0) return Promise.resolve();
  return new Promise((resolve) => {
    const done = () => {
      cancel();
      signal.removeEventListener('abort', done);
      resolve();
    };
    const cancel = clock.after(ms, done);
    signal.addEventListener('abort', done, { once: true });
  });
}
