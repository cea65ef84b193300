import type { Clock } from '@kosmos/kernel';

/** A clock that stands still until the test says how far it goes on. */
export interface ManualClock extends Clock {
  /** Runs what is due on the way, in order; promises settle after each, so that what they start runs in its turn too. */
  advance(ms: number): Promise<void>;
  /** How many timers wait. */
  waiting(): number;
}

/** Promises that hang on promises settle within so many turns. */
const TURNS = 20;

/** Starts at `now`, milliseconds since 1970. */
export function manualClock(now = 0): ManualClock {
  const timers = new Set<{ readonly at: number; readonly fn: () => void }>();
  const settle = async () => {
    for (let i = 0; i < TURNS; i += 1) await Promise.resolve();
  };
  return {
    now: () => now,
    after(ms, fn) {
      const timer = { at: now + ms, fn };
      timers.add(timer);
      return () => void timers.delete(timer);
    },
    async advance(ms) {
      const end = now + ms;
      for (;;) {
        const next = [...timers].filter((t) => t.at <= end).sort((a, b) => a.at - b.at)[0];
        if (!next) break;
        timers.delete(next);
        now = Math.max(now, next.at);
        next.fn();
        await settle();
      }
      now = end;
      await settle();
    },
    waiting: () => timers.size,
  };
}
