/** One kernel: plugins set up for a role, started, made ready, stopped. */
import { randomBytes } from 'node:crypto';
import { hostname } from 'node:os';
import { type EngineStatus, createEngine } from '../engine.ts';
import { type Command, Commands } from '../contracts/command.ts';
import type { Config, PluginList } from '../contracts/config.ts';
import { type KosmosError, KosmosErrors } from '../contracts/error.ts';
import type { Role, Self } from '../contracts/plugin.ts';
import { Rights } from '../contracts/rights.ts';
import { type Clock, Clusters, Health, type Logger, Metrics } from '../contracts/services.ts';
import { accessOf } from './access.ts';
import { systemClock } from '../services/clock.ts';
import { checkConfig } from './config.ts';
import { Container } from './container.ts';
import { type Declared, setUpPart } from './context.ts';
import { TimeUp, withDeadline } from './deadline.ts';
import { fail, inside } from './errors.ts';
import { HealthBoard } from '../services/health.ts';
import { type HttpServer, type Served, serveControl, serveHealth } from '../services/http.ts';
import { messageOf } from './errors.ts';
import { type Failures, GRACE_MS, type Timing, readyParts, refuseWithoutNeeds, startParts, stopParts } from './lifecycle.ts';
import { type LogLevel, createLogger } from '../services/log.ts';
import { createMetrics } from '../services/metrics.ts';
import { describePlugin } from './describe.ts';
import { infoMetric } from './info.ts';
import { type LoadedPlugin, flatten, loadPlugins } from './plugins.ts';
import { type Unit, resolveParts } from './resolve.ts';
import type { HookCore } from './taps.ts';
import { KERNEL_VERSION, claimProcess } from './version.ts';

export interface KernelOptions {
  readonly config: Config;
  /** For messages, and for commands. */
  readonly configFile?: string | undefined;
  /** Plugins beside those of the config; one that the config has too is left out. */
  readonly builtin?: PluginList;
  readonly role: Role;
  /** Default `host`. */
  readonly cluster?: string | undefined;
  readonly node?: string | undefined;
  /** Goes before the config's. */
  readonly logLevel?: LogLevel | undefined;
  /** Instead of one made by the config. */
  readonly log?: Logger;
  readonly clock?: Clock;
  /** Where to listen for `kosmos status` and `kosmos log-level`: the path of a socket. */
  readonly controlSocket?: string | undefined;
}

export type KernelState = 'set up' | 'starting' | 'ready' | 'stopping' | 'stopped';

/** What a plugin is, and how it did. */
export interface PluginStatus {
  readonly name: string;
  readonly version: string;
  readonly required: boolean;
  /** Its parts, by role, and what each requires and provides, by token. */
  readonly parts: readonly {
    readonly role: string;
    readonly requires: readonly string[];
    readonly optional: readonly string[];
    readonly provides: readonly string[];
  }[];
  /** Hooks that it taps in this role. */
  readonly taps: readonly string[];
  /** Setup and start of its parts in this role; undefined where it has none, or has not started. */
  readonly setupMs: number | undefined;
  readonly startMs: number | undefined;
  /** Why it does not run, where it is optional and failed. */
  readonly degraded?: string;
}

/** A plugin's options, as its schema gives them and as the config has them. */
export interface PluginOptions {
  readonly plugin: string;
  readonly options: unknown;
  readonly input: unknown;
}

/** All that `kosmos status` shows. */
export interface KernelStatus extends EngineStatus {
  readonly self: Self;
  readonly pid: number;
  readonly version: string;
  readonly state: KernelState;
  readonly uptimeMs: number;
  readonly reasons: readonly string[];
  readonly plugins: readonly PluginStatus[];
}

export interface Kernel {
  readonly self: Self;
  readonly log: Logger;
  readonly clusters: Clusters;
  /** What plugins bring to the CLI. */
  readonly commands: readonly Command[];
  readonly state: KernelState;
  /** Names of the plugins that have a part in this role, in the order in which they start. */
  readonly plugins: readonly string[];
  /** Where health and metrics are served, once started. */
  readonly http: { readonly host: string; readonly port: number } | undefined;
  /** Why it is not ready; empty when it is. */
  reasons(): readonly string[];
  status(): KernelStatus;
  /** Every plugin of the config, also those without a part in this role. */
  describe(): readonly PluginStatus[];
  /** In the same order. */
  readonly options: readonly PluginOptions[];
  /** Optional plugins that failed, and why. */
  readonly degraded: ReadonlyMap<string, string>;
  /** Start (I/O), informers synced, controllers, ready. When it fails, everything is stopped before it throws KosmosErrors. */
  start(): Promise<void>;
  /** In reverse. Also after a failed start, while starting, and twice. Throws KosmosErrors once all is stopped that can be. */
  stop(): Promise<void>;
}

const START_MS = 30_000;
const STOP_MS = 10_000;
/** Within the 30 s that Kubernetes leaves a pod by default. */
const SHUTDOWN_MS = 25_000;

/** Checks the config, resolves the role's parts and runs their setup. Nothing is started. Throws KosmosErrors with all problems. */
export async function createKernel(options: KernelOptions): Promise<Kernel> {
  claimProcess();
  const { config, role } = options;
  const { plugins, units, problems } = await load(options);
  if (problems.length > 0) throw new KosmosErrors(problems);

  const self: Self = Object.freeze({
    role,
    cluster: options.cluster ?? 'host',
    ...(options.node === undefined ? {} : { node: options.node }),
    instance: `${hostname()}-${process.pid}-${randomBytes(3).toString('hex')}`,
  });
  const level = options.logLevel ?? config.log?.level ?? (role === 'cli' ? 'warn' : 'info');
  const ownLog = options.log ? undefined : createLogger({ level, ...(config.log?.format ? { format: config.log.format } : {}) });
  const log = options.log ?? (ownLog as Logger);
  const clock = options.clock ?? systemClock;
  const timing: Timing = { clock, log, startMs: config.timeouts?.startMs ?? START_MS, stopMs: config.timeouts?.stopMs ?? STOP_MS };
  const stopTiming = (until: number): Timing => ({
    ...timing,
    get stopMs() {
      return Math.max(1, Math.min(timing.stopMs, until - clock.now()));
    },
  });
  const metrics = createMetrics();
  const health = new HealthBoard();
  const engine = createEngine({
    self,
    log,
    clock,
    metrics,
    health,
    access: accessOf(config.clusters ?? {}, options.configFile, role, process.env),
  });

  infoMetric(metrics, self);
  metrics.beforeScrape(() => engine.measure());

  const container = new Container();
  container.provide('kernel', Clusters, engine.clusters);
  container.provide('kernel', Metrics, metrics);
  container.provide('kernel', Health, health);
  const rights: Rights = {
    of: (who) => plugins.flatMap(({ parts }) => [parts.all, parts[who.role]].flatMap((each) => each?.rights?.(who) ?? [])),
  };
  container.provide('kernel', Rights, rights);
  const hooks = new Set<HookCore>();
  let state: KernelState = 'set up';
  let informed = false;
  const host = { container, engine, self, log, clock, hooks, frozen: () => state === 'ready', informed: () => void (informed = true) };
  const untap = (name: string) => hooks.forEach((hook) => hook.remove(name));
  const degrade = (unit: Unit, error: KosmosError) => {
    health.degraded.set(unit.plugin.name, error.message);
    untap(unit.plugin.name);
    engine.exclude(unit.plugin.name);
    log.error({ plugin: unit.plugin.name, code: error.code, where: error.where }, `running without an optional plugin: ${error.message}`);
  };

  const names = [...new Set(units.map((unit) => unit.plugin.name))];
  const declared = setUp();
  const begun = new Set<Declared>();
  const waiting = new Set<string>();
  const stopping = new AbortController();
  let http: HttpServer | undefined;
  let control: { close(): Promise<void> } | undefined;
  const served: Served = { board: health, metrics, log: ownLog, status: () => kernel.status() };
  const created = clock.now();
  let started: Promise<void> | undefined;
  let stopped: Promise<void> | undefined;
  health.ready('kernel', () =>
    state === 'ready' ? undefined : state === 'starting' && waiting.size > 0 ? `starting: ${[...waiting].join(', ')}` : state,
  );

  function setUp(): readonly Declared[] {
    const failures: Failures = new Map();
    const done: Declared[] = [];
    for (const unit of units) {
      const { name } = unit.plugin;
      try {
        refuseWithoutNeeds(unit, failures, 'setup');
        done.push(setUpPart(unit, host));
      } catch (error) {
        failures.set(unit, inside(error, 'KOSMOS_E_SETUP', `plugin ${name}, setup`, `plugin '${name}' failed in setup`));
      }
    }
    const wrong = [...required(failures), ...checkHooks()];
    if (wrong.length > 0) {
      names.forEach(untap);
      throw new KosmosErrors(wrong);
    }
    settle(failures);
    return done;
  }

  function checkHooks(): readonly KosmosError[] {
    return [...hooks].flatMap((hook) => {
      try {
        hook.check(names);
        return [];
      } catch (error) {
        return [error as KosmosError];
      }
    });
  }

  /** What failed of the plugins that must not. A part that fails only for want of another failed one is no news. */
  function required(failures: Failures): readonly KosmosError[] {
    const told = [...failures].filter(
      ([unit]) => unit.plugin.required && !unit.needs.some((other) => failures.has(other) && other.plugin.required),
    );
    return told.map(([, error]) => error);
  }

  function settle(failures: Failures): void {
    const wrong = required(failures);
    if (wrong.length > 0) throw new KosmosErrors(wrong);
    for (const [unit, error] of failures) degrade(unit, error);
  }

  async function run(): Promise<void> {
    const since = clock.now();
    state = 'starting';
    if (config.http && role !== 'cli') http = await serveHealth(config.http, served);
    if (options.controlSocket !== undefined) await listen(options.controlSocket);
    settle(await startParts(declared, timing, begun, waiting, stopping.signal));
    stopping.signal.throwIfAborted();
    const alive = declared.filter(({ unit }) => !health.degraded.has(unit.plugin.name));
    const problems = checkHooks();
    if (problems.length > 0) throw new KosmosErrors(problems);
    // A command that reads no cluster through informers starts without any.
    if (informed || role !== 'cli') {
      await syncInformers();
      engine.startControllers();
    }
    for (const hook of hooks) hook.freeze();
    const late: Failures = new Map();
    await readyParts(alive, timing, late);
    settle(late);
    stopping.signal.throwIfAborted();
    state = 'ready';
    log.info({ role, plugins: names, ms: clock.now() - since, version: KERNEL_VERSION, ...(http ? { port: http.port } : {}) }, 'ready');
  }

  /** Without it, `kosmos status` does not find this process: no reason to end it. */
  async function listen(path: string): Promise<void> {
    try {
      control = await serveControl(path, served);
    } catch (error) {
      log.warn({ path, reason: messageOf(error) }, 'no socket for kosmos status');
    }
  }

  async function syncInformers(): Promise<void> {
    const late = new AbortController();
    const cancel = clock.after(timing.startMs, () => late.abort(new TimeUp('late')));
    try {
      // The bus knows best who does not answer and why, so it gets a moment to say so.
      await withDeadline(
        clock,
        timing.startMs + GRACE_MS,
        (signal) => engine.startInformers(AbortSignal.any([signal, late.signal])),
        stopping.signal,
      );
    } catch (error) {
      if (!(error instanceof TimeUp)) throw error;
      const silent = ['host', ...engine.clusters.members()].filter((name) => (engine.clusters.state(name) ?? 'live') !== 'live');
      const which = silent.length > 0 ? `; not answering: ${silent.join(', ')}` : '';
      throw fail('KOSMOS_E_SYNC_TIMEOUT', `the first lists from the clusters did not arrive in ${timing.startMs / 1000} s${which}`, {
        where: 'informers',
      });
    } finally {
      cancel();
    }
  }

  async function halt(): Promise<void> {
    const problems: KosmosError[] = [];
    const within = stopTiming(clock.now() + (config.timeouts?.shutdownMs ?? SHUTDOWN_MS));
    const before = state;
    state = 'stopping';
    stopping.abort(new Error('the process is to stop'));
    const attempt = async (what: string, work: (deadline: AbortSignal) => Promise<void>) => {
      try {
        await withDeadline(clock, within.stopMs, work);
      } catch (error) {
        problems.push(
          error instanceof TimeUp
            ? fail('KOSMOS_E_STOP_TIMEOUT', `${what} did not stop in ${timing.stopMs / 1000} s`, { where: what })
            : inside(error, 'KOSMOS_E_STOP', what, `${what} failed to stop`),
        );
      }
    };
    if (before !== 'set up') await started?.catch(() => {});
    await attempt('the bus', (deadline) => engine.stop(deadline));
    problems.push(
      ...(await stopParts(
        declared.filter((part) => begun.has(part)),
        within,
      )),
    );
    names.forEach(untap);
    await control?.close();
    if (http) await attempt('the health server', () => http?.close() ?? Promise.resolve());
    metrics.clear();
    await container.dispose();
    state = 'stopped';
    if (problems.length > 0) throw new KosmosErrors(problems);
  }

  const kernel: Kernel = {
    self,
    log,
    clusters: engine.clusters,
    commands: container.get(Commands) as readonly Command[],
    plugins: names,
    degraded: health.degraded,
    get state() {
      return state;
    },
    get http() {
      return http && { host: http.host, port: http.port };
    },
    options: plugins.map(({ name, options: checked, input }) => ({ plugin: name, options: checked, input })),
    reasons: () => health.reasons(),
    status: () => ({
      self,
      pid: process.pid,
      version: KERNEL_VERSION,
      state,
      uptimeMs: clock.now() - created,
      reasons: health.reasons(),
      plugins: kernel.describe(),
      ...engine.status(),
    }),
    describe: () => plugins.map((plugin) => describePlugin(plugin, declared, hooks, health.degraded.get(plugin.name))),
    start() {
      if (stopped) throw new Error('a kernel that was stopped cannot be started again');
      started ??= run();
      return started.catch(async (error: unknown) => {
        const more = await kernel.stop().then(
          () => [],
          (e: KosmosErrors) => e.errors,
        );
        throw collect(error, more);
      });
    },
    stop() {
      stopped ??= halt();
      return stopped;
    },
  };
  return kernel;
}

async function load(
  options: KernelOptions,
): Promise<{ plugins: readonly LoadedPlugin[]; units: readonly Unit[]; problems: readonly KosmosError[] }> {
  const { config, configFile, role } = options;
  const wrong = checkConfig(config, configFile);
  const listed = flatten((config as Partial<Config> | null | undefined)?.plugins);
  const named = new Set(listed.map(({ entry }) => nameOf(entry)));
  const builtin = flatten(options.builtin ?? [], 'builtin').filter(({ entry }) => !named.has(nameOf(entry)));
  const { plugins, problems } = await loadPlugins([...listed, ...builtin], configFile);
  const found = [...wrong, ...problems];
  const { units, problems: unresolved } = resolveParts(plugins, role, [Clusters, Metrics, Health, Rights]);
  // What is missing may be provided by a plugin that is wrong itself: then only that is told.
  return { plugins, units, problems: found.length > 0 ? found : unresolved };
}

function nameOf(entry: unknown): unknown {
  return (entry as { spec?: { name?: unknown } } | null | undefined)?.spec?.name;
}

function collect(error: unknown, more: readonly KosmosError[]): unknown {
  const first = (error as { $$type?: string } | undefined)?.$$type;
  if (first === 'kosmos/errors') return new KosmosErrors([...(error as KosmosErrors).errors, ...more]);
  if (first === 'kosmos/error') return new KosmosErrors([error as KosmosError, ...more]);
  return error;
}
