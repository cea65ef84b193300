/** Starts parts, those that do not need each other side by side, and stops them one by one in reverse. */
import type { KosmosError } from '../contracts/error.ts';
import type { Clock, Logger } from '../contracts/services.ts';
import type { Declared } from './context.ts';
import { TimeUp, reminding, withDeadline } from './deadline.ts';
import { type ErrorCode, fail, inside } from './errors.ts';
import type { Unit } from './resolve.ts';

export interface Timing {
  readonly clock: Clock;
  readonly log: Logger;
  readonly startMs: number;
  readonly stopMs: number;
}

/** What failed, by part. Nothing waits for a part that failed, and what requires it fails as well. */
export type Failures = Map<Unit, KosmosError>;

/** How long other parts may go on starting once a required one failed, so that what they find wrong is told too. */
export const GRACE_MS = 500;

/**
 * Runs every onStart. `begun` gets each part whose start began: those must be stopped. `waiting` holds the names of the
 * plugins that are starting.
 */
export async function startParts(
  parts: readonly Declared[],
  timing: Timing,
  begun: Set<Declared>,
  waiting: Set<string>,
  stop: AbortSignal,
): Promise<Failures> {
  const failures: Failures = new Map();
  const starting = new Map<Unit, Promise<void>>();
  const abort = new AbortController();
  const signal = AbortSignal.any([stop, abort.signal]);
  let over = false;
  let cancelGrace = () => {};
  const start = async (declared: Declared): Promise<void> => {
    const { unit } = declared;
    const { name, required } = unit.plugin;
    await Promise.all(unit.after.map((other) => starting.get(other)));
    if (over || signal.aborted) return;
    try {
      refuseWithoutNeeds(unit, failures, 'start');
      begun.add(declared);
      waiting.add(name);
      const since = timing.clock.now();
      for (const fn of declared.onStart) await limited('start', name, timing.startMs, timing.clock, fn, signal);
      declared.startMs = timing.clock.now() - since;
    } catch (error) {
      // Ended because another one failed, or the process is to stop: no failure of its own.
      if (signal.aborted && error === signal.reason) return;
      failures.set(unit, error as KosmosError);
      if (!required || over) return;
      over = true;
      cancelGrace = timing.clock.after(GRACE_MS, () => abort.abort(new Error('another plugin failed to start')));
    } finally {
      waiting.delete(name);
    }
  };
  const stopReminding = reminding(timing.clock, () =>
    timing.log.warn({ plugins: [...waiting] }, `still starting: ${[...waiting].join(', ')}`),
  );
  for (const declared of parts) starting.set(declared.unit, start(declared));
  await Promise.all(starting.values());
  cancelGrace();
  stopReminding();
  return failures;
}

/** Throws where a part that this one requires failed. */
export function refuseWithoutNeeds(unit: Unit, failures: Failures, phase: 'setup' | 'start'): void {
  const lost = unit.needs.find((other) => failures.has(other));
  if (!lost) return;
  const { name } = unit.plugin;
  throw fail('KOSMOS_E_START', `plugin '${name}' requires plugin '${lost.plugin.name}', which failed`, {
    where: `plugin ${name}, ${phase}`,
    hint: `Mend '${lost.plugin.name}', or mark '${name}' optional() as well.`,
  });
}

/** Runs every onReady, in order; what fails is told, the others run. */
export async function readyParts(parts: readonly Declared[], timing: Timing, failures: Failures): Promise<void> {
  for (const { unit, onReady } of parts) {
    try {
      for (const fn of onReady) await limited('ready', unit.plugin.name, timing.startMs, timing.clock, fn);
    } catch (error) {
      failures.set(unit, error as KosmosError);
    }
  }
}

/** Runs every onStop, last part first, one at a time, each within its time; returns what failed. */
export async function stopParts(parts: readonly Declared[], timing: Timing): Promise<readonly KosmosError[]> {
  const problems: KosmosError[] = [];
  for (const { unit, onStop } of parts.toReversed()) {
    for (const fn of onStop) {
      try {
        await limited('stop', unit.plugin.name, timing.stopMs, timing.clock, fn);
      } catch (error) {
        problems.push(error as KosmosError);
      }
    }
  }
  return problems;
}

const CODES = {
  start: { failed: 'KOSMOS_E_START', late: 'KOSMOS_E_START_TIMEOUT' },
  ready: { failed: 'KOSMOS_E_READY', late: 'KOSMOS_E_START_TIMEOUT' },
  stop: { failed: 'KOSMOS_E_STOP', late: 'KOSMOS_E_STOP_TIMEOUT' },
} as const satisfies Record<string, { failed: ErrorCode; late: ErrorCode }>;

/** One callback of a plugin within its time; what goes wrong names plugin and phase. */
async function limited(
  phase: keyof typeof CODES,
  name: string,
  ms: number,
  clock: Clock,
  fn: (signal: AbortSignal) => Promise<void>,
  abort?: AbortSignal,
): Promise<void> {
  const where = `plugin ${name}, ${phase}`;
  try {
    await withDeadline(clock, ms, fn, abort);
  } catch (error) {
    if (abort?.aborted && error === abort.reason) throw error;
    if (error instanceof TimeUp)
      throw fail(CODES[phase].late, `plugin '${name}' hangs: its ${phase} was not done in ${ms / 1000} s`, { where });
    throw inside(error, CODES[phase].failed, where, `plugin '${name}' failed in ${phase}`);
  }
}
