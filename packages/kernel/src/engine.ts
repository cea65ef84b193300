/** What the bus and the controllers are to the plugin host: one engine per kernel. */
import type { Ctx, Self } from './contracts/plugin.ts';
import { KosmosError } from './contracts/error.ts';
import type { Clock, ClusterAccess, Clusters, Health, Logger, Metrics } from './contracts/services.ts';
import { Controller, type ControllerStatus } from './controllers/controller.ts';
import { Election } from './controllers/lease.ts';
import { controllerMetrics } from './controllers/metrics.ts';
import { Recorder } from './controllers/recorder.ts';
import { ApplyWriter } from './controllers/writer.ts';
import { Bus, type InformerStatus } from './bus/bus.ts';
import { Registry } from './clusters/registry.ts';

// biome-ignore lint: the members that are picked do not depend on the needs
type AnyCtx = Ctx<any, any, any>;

export interface EngineOptions {
  readonly self: Self;
  readonly log: Logger;
  readonly clock: Clock;
  readonly metrics: Metrics;
  readonly health: Health;
  readonly access: Readonly<Record<string, ClusterAccess>>;
}

export interface Engine {
  readonly clusters: Clusters;
  forPlugin(plugin: string, log: Logger): Pick<AnyCtx, 'informer' | 'controller' | 'writer' | 'recorder'>;
  /** First lists requested; resolves when synced, each cluster by itself. */
  startInformers(signal: AbortSignal): Promise<void>;
  startControllers(): void;
  /** The plugin failed: its informers and controllers do not run, or not any more; leases that only they need are given back. */
  exclude(plugin: string): void;
  status(): EngineStatus;
  /** Sets what is measured when it is asked for. */
  measure(): void;
  stop(deadline: AbortSignal): Promise<void>;
}

export interface EngineStatus {
  readonly clusters: readonly { readonly name: string; readonly state: string; readonly server: string }[];
  readonly informers: readonly InformerStatus[];
  readonly controllers: readonly ControllerStatus[];
  /** `holder` as this process saw it last. */
  readonly leases: readonly { readonly name: string; readonly held: boolean; readonly holder?: string }[];
}

/** Throws KosmosErrors where an access cannot be used (in the role `cli`: when it is used); nothing is sent before the start. */
export function createEngine(options: EngineOptions): Engine {
  const { self, log, clock } = options;
  const metrics = controllerMetrics(options.metrics);
  const registry = new Registry(options.access, clock, log);
  if (self.role !== 'cli') registry.check();
  const bus = new Bus(registry, clock, log, options.metrics, options.health);
  const controllers = new Map<string, Controller>();
  const elections = new Map<string, Election>();
  const running = new AbortController();
  const excluded = new Set<Controller>();
  let begun = false;
  const active = () => [...controllers.values()].filter((controller) => !excluded.has(controller));

  const election = (name: string): Election => {
    const known = elections.get(name);
    if (known) return known;
    const changed = (held: boolean) => metrics.leader.set(held ? 1 : 0, { lease: name });
    const made = new Election({ name, identity: self.instance, client: () => registry.client('host'), clock, log, changed });
    elections.set(name, made);
    return made;
  };
  const termOf = (plugin: string, controller: string) => () => {
    const lease = controllers.get(`${plugin}/${controller}`)?.lease;
    return lease === undefined ? running.signal : election(lease).term;
  };
  return {
    clusters: registry,
    forPlugin: (plugin, pluginLog) => ({
      informer: (kind, o = {}) => bus.informer(plugin, kind, o, pluginLog),
      controller: (name) => {
        const id = `${plugin}/${name}`;
        if (begun)
          throw new KosmosError('KOSMOS_E_LATE', `plugin '${plugin}' declares the controller '${name}' once controllers run`, {
            where: `plugin ${plugin}`,
            hint: 'Declare it in setup.',
          });
        if (controllers.has(id))
          throw new KosmosError('KOSMOS_E_SETUP', `the controller '${name}' is declared twice`, {
            where: `plugin ${plugin}`,
            hint: 'Give each controller of a plugin a name of its own.',
          });
        const leading = (lease: string, stop: AbortSignal) => election(lease).leading(stop);
        const made = new Controller({ plugin, name, clock, log: pluginLog, metrics, leading });
        controllers.set(id, made);
        return made;
      },
      writer: (controller) => new ApplyWriter({ plugin, controller, registry, bus, metrics, term: termOf(plugin, controller) }),
      recorder: (controller) =>
        new Recorder({
          plugin,
          controller,
          instance: self.instance,
          registry,
          clock,
          log: pluginLog,
          metrics,
          term: termOf(plugin, controller),
        }),
    }),
    startInformers: (signal) => bus.start(signal),
    startControllers: () => {
      begun = true;
      for (const controller of active()) controller.start();
      for (const each of elections.values()) each.start();
    },
    exclude: (plugin) => {
      for (const controller of active().filter((each) => each.plugin === plugin)) {
        excluded.add(controller);
        void controller.stop();
      }
      const needed = new Set(active().map(({ lease }) => lease));
      for (const [name, each] of elections) {
        if (needed.has(name)) continue;
        elections.delete(name);
        void each.stop();
      }
      bus.exclude(plugin);
    },
    status: () => ({
      clusters: registry
        .names()
        .map((name) => ({ name, state: registry.state(name) ?? 'connecting', server: registry.client(name).server })),
      informers: bus.status(),
      controllers: active().map((controller) => controller.status()),
      leases: [...elections].map(([name, each]) => ({
        name,
        held: each.held(),
        ...(each.holder === undefined ? {} : { holder: each.holder }),
      })),
    }),
    measure: () => {
      bus.measure();
      for (const controller of active()) controller.measure();
    },
    stop: async (deadline) => {
      const late = new Promise<void>((resolve) =>
        deadline.aborted ? resolve() : deadline.addEventListener('abort', () => resolve(), { once: true }),
      );
      const ended = (async () => {
        await Promise.all([...controllers.values()].map((c) => c.stop()));
        await Promise.all([...elections.values()].map((e) => e.stop()));
        await bus.stop();
      })();
      await Promise.race([ended, late]);
      running.abort();
      if (deadline.aborted) await bus.stop();
    },
  };
}
