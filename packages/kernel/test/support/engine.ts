/** An engine as the plugin host makes it, and what tests look at. */
import type { Engine } from '../../src/engine.ts';
import { createEngine } from '../../src/engine.ts';
import type { ClusterAccess, Clock, Health, KObject, Kind, Logger, Metrics } from '../../src/index.ts';
import { systemClock } from '../../src/services/clock.ts';

export interface ConfigMap extends KObject {
  readonly data?: Readonly<Record<string, string>>;
}
export const ConfigMaps: Kind<ConfigMap> = { group: '', version: 'v1', kind: 'ConfigMap', plural: 'configmaps', namespaced: true };

export interface LogLine {
  readonly level: string;
  readonly message: string;
  readonly fields: Readonly<Record<string, unknown>>;
}

export function testLog(lines: LogLine[] = [], more: object = {}): Logger {
  const at = (level: string) => (fields: object, message: string) => void lines.push({ level, message, fields: { ...more, ...fields } });
  return {
    trace: at('trace'),
    debug: at('debug'),
    info: at('info'),
    warn: at('warn'),
    error: at('error'),
    child: (fields) => testLog(lines, { ...more, ...fields }),
  };
}

/** Counts by name; labels are summed up. */
export function testMetrics(counts = new Map<string, number>()): Metrics & { readonly counts: Map<string, number> } {
  const counter = (name: string) => ({ inc: (_labels?: object, by = 1) => void counts.set(name, (counts.get(name) ?? 0) + by) });
  return { counts, counter, gauge: () => ({ set: () => {}, remove: () => {} }), histogram: () => ({ observe: () => {} }) };
}

export interface TestEngine {
  readonly engine: Engine;
  readonly log: LogLine[];
  readonly metrics: ReturnType<typeof testMetrics>;
  readonly reasons: () => string[];
  readonly scope: ReturnType<Engine['forPlugin']>;
  start(ms?: number): Promise<void>;
  stop(): Promise<void>;
}

export function testEngine(access: Record<string, ClusterAccess>, instance = 'one', clock: Clock = systemClock): TestEngine {
  const log: LogLine[] = [];
  const metrics = testMetrics();
  const conditions: (() => string | undefined)[] = [];
  const health: Health = { ready: (_name, reason) => void conditions.push(reason) };
  const engine = createEngine({ self: { role: 'manager', cluster: 'host', instance }, log: testLog(log), clock, metrics, health, access });
  return {
    engine,
    log,
    metrics,
    reasons: () => conditions.map((reason) => reason()).filter((reason) => reason !== undefined),
    scope: engine.forPlugin('demo', testLog(log, { plugin: 'demo' })),
    start: (ms = 10_000) => engine.startInformers(AbortSignal.timeout(ms)),
    stop: () => engine.stop(AbortSignal.timeout(5000)),
  };
}

/** A clock that goes `times` as fast as the machine's: an hour passes in seconds, and everything still runs by itself. */
export function fastClock(times: number): Clock {
  const began = Date.now();
  return {
    now: () => began + (Date.now() - began) * times,
    after(ms, fn) {
      const timer = setTimeout(fn, ms / times);
      return () => clearTimeout(timer);
    },
  };
}

/** The machine's clock, and hours that a test leaves out: what is due in them runs at once. */
export function skippingClock(): Clock & { skip(ms: number): void } {
  let skipped = 0;
  const timers = new Set<{ readonly due: number; readonly fn: () => void; handle: NodeJS.Timeout }>();
  const now = () => Date.now() + skipped;
  return {
    now,
    after(ms, fn) {
      const run = () => (timers.delete(timer), fn());
      const timer = { due: now() + ms, fn: run, handle: setTimeout(run, ms) };
      timers.add(timer);
      return () => {
        timers.delete(timer);
        clearTimeout(timer.handle);
      };
    },
    skip(ms) {
      skipped += ms;
      for (const timer of timers) {
        clearTimeout(timer.handle);
        timer.handle = setTimeout(timer.fn, Math.max(0, timer.due - now()));
      }
    },
  };
}
