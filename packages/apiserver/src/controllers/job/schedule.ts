import { Cron } from 'croner';

/** Runs that were missed beyond this number are not counted one by one. */
const MANY = 100;

/** When a schedule comes round. */
export interface Schedule {
  /** The first time after `from`, in milliseconds since the epoch; undefined: never. */
  next(from: number): number | undefined;
  /** The last time after `from` and not after `now`. */
  last(from: number, now: number): number | undefined;
}

const UNITS: Record<string, number> = { ns: 1e-6, us: 1e-3, µs: 1e-3, ms: 1, s: 1000, m: 60_000, h: 3_600_000 };

/** A schedule in cron's five fields, by name (`@daily`), or `@every 90m`. @throws what cannot be read */
export function parseSchedule(text: string, timeZone: string | undefined): Schedule {
  const every = /^@every (.+)$/.exec(text)?.[1];
  if (every !== undefined) {
    const period = Math.max(
      1000,
      [...every.matchAll(/(\d+(?:\.\d+)?)(ns|us|µs|ms|s|m|h)/g)].reduce((n, [, v, u]) => n + Number(v) * UNITS[u!]!, 0),
    );
    return {
      next: (from) => from + period,
      last: (from, now) => (now - from >= period ? from + Math.floor((now - from) / period) * period : undefined),
    };
  }
  const cron = new Cron(text, { timezone: timeZone ?? 'UTC', paused: true });
  const next = (from: number): number | undefined => cron.nextRun(new Date(from))?.getTime();
  return {
    next,
    last(from, now) {
      let found: number | undefined;
      let at = next(from);
      for (let i = 0; at !== undefined && at <= now; at = next(at)) {
        found = at;
        // After a long time away only the last hours matter.
        if ((i += 1) >= MANY) return cron.previousRuns(1, new Date(now + 1))[0]?.getTime() ?? found;
      }
      return found;
    },
  };
}
