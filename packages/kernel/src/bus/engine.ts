/** What the bus and the controllers are to the plugin host: one engine per kernel. */
import type { Ctx, Self } from '../contracts/plugin.ts';
import { KosmosError } from '../contracts/error.ts';
import type { Clock, ClusterAccess, Clusters, Health, Logger, Metrics } from '../contracts/services.ts';
import { Controller } from '../controllers/controller.ts';
import { Election } from '../controllers/lease.ts';
import { controllerMetrics } from '../controllers/metrics.ts';
import { ApplyWriter } from '../controllers/writer.ts';
import { Bus } from './bus.ts';
import { Registry } from './clusters.ts';

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
  forPlugin(plugin: string, log: Logger): Pick<AnyCtx, 'informer' | 'controller' | 'writer'>;
  /** First lists requested; resolves when synced, each cluster by itself. */
  startInformers(signal: AbortSignal): Promise<void>;
  startControllers(): void;
  /** The plugin failed: its informers and controllers do not run, or not any more; leases that only they need are given back. */
  exclude(plugin: string): void;
  stop(deadline: AbortSignal): Promise<void>;
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
  const active = () => [...controllers.values()].filter((controller) => !excluded.has(controller));

  const election = (name: string): Election => {
    const known = elections.get(name);
    if (known) return known;
    const changed = (held: boolean) => metrics.leader.set(held ? 1 : 0, { lease: name });
    const made = new Election({ name, identity: self.instance, client: () => registry.client('host'), clock, log, changed });
    elections.set(name, made);
    return made;
  };
  return {
    clusters: registry,
    forPlugin: (plugin, pluginLog) => ({
      informer: (kind, o = {}) => bus.informer(plugin, kind, o, pluginLog),
      controller: (name) => {
        const id = `${plugin}/${name}`;
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
      writer: (controller) => {
        const term = () => {
          const lease = controllers.get(`${plugin}/${controller}`)?.lease;
          return lease === undefined ? running.signal : election(lease).term;
        };
        return new ApplyWriter({ plugin, controller, registry, bus, metrics, term });
      },
    }),
    startInformers: (signal) => bus.start(signal),
    startControllers: () => {
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
