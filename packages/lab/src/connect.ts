import { randomUUID } from 'node:crypto';
import type { Clock, Informer, InformerOptions, KObject, KubeClient, Kind, Logger } from '@kosmos/kernel';
import { createEngine, noMetrics } from '@kosmos/kernel/runtime';

export interface Connection {
  readonly client: KubeClient;
  informer<T extends KObject>(kind: Kind<T>, options?: InformerOptions<T>): Informer<T>;
  /** Starts the informers; resolves when all have synced. */
  start(signal: AbortSignal): Promise<void>;
}

/** Access to one cluster for a process of the lab, by the kernel's informers. */
export function connectCluster(kubeconfigFile: string, name: string, log: Logger): Connection {
  const clock: Clock = {
    now: () => Date.now(),
    after: (ms, fn) => {
      const timer = setTimeout(fn, ms);
      return () => clearTimeout(timer);
    },
  };
  const engine = createEngine({
    self: { role: 'agent', cluster: 'host', instance: `${name}-${randomUUID()}` },
    log,
    clock,
    metrics: noMetrics,
    health: { ready: () => {} },
    access: { host: { kubeconfigFile } },
  });
  const scope = engine.forPlugin(name, log);
  return { client: engine.clusters.client('host'), informer: scope.informer, start: (signal) => engine.startInformers(signal) };
}
