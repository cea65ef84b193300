/** Where controllers have their time from; a test has one of its own, so that it need not wait. */
export interface Clock {
  /** Milliseconds since the epoch. */
  now(): number;
  /** Calls `fn` once in `ms`; the result takes it back. */
  after(ms: number, fn: () => void): () => void;
}

/** What setTimeout takes at most. Who waits for longer is woken early, and looks again. */
const LONGEST = 2 ** 31 - 1;

export const systemClock: Clock = {
  now: () => Date.now(),
  after(ms, fn) {
    const timer = setTimeout(fn, Math.min(Math.max(ms, 0), LONGEST)).unref();
    return () => clearTimeout(timer);
  },
};
