import type { Ctx, Informer, InformerHandler, InformerOptions, Kind, KObject, Subscription } from '@kosmos/kernel';

/** An informer of a kind that few members have: it watches only those that were asked for. */
export interface ByNeed<T> extends Informer<T> {
  /** Watches this member from now on. */
  want(cluster: string): void;
}

/** A fleet has many kinds of CNI; to watch the objects of all of them in every member would be thousands of watches for nothing. */
export function byNeed<T extends KObject>(
  ctx: Pick<Ctx<{}, {}, {}>, 'informer'>,
  kind: Kind<T>,
  options: Omit<InformerOptions<T>, 'clusters' | 'indexes'>,
): ByNeed<T> {
  const informers = new Map<string, Informer<T>>();
  const handlers = new Map<InformerHandler<T>, Map<string, Subscription>>();
  return {
    kind,
    want(cluster) {
      if (informers.has(cluster)) return;
      const informer = ctx.informer(kind, { ...options, clusters: [cluster] });
      informers.set(cluster, informer);
      for (const [handler, subscriptions] of handlers) subscriptions.set(cluster, informer.on(handler));
    },
    get: (key) => informers.get(key.cluster)?.get(key),
    *list(cluster) {
      for (const [name, informer] of informers) if (cluster === undefined || cluster === name) yield* informer.list(name);
    },
    by(index) {
      throw new Error(`there is no index '${index}'`);
    },
    synced: async (signal) => void (await Promise.all([...informers.values()].map((informer) => informer.synced(signal)))),
    hasSynced: (cluster) => informers.get(cluster)?.hasSynced(cluster) ?? false,
    state: (cluster) => informers.get(cluster)?.state(cluster) ?? 'left',
    error: (cluster) => informers.get(cluster)?.error(cluster),
    on(handler) {
      const subscriptions = new Map([...informers].map(([cluster, informer]) => [cluster, informer.on(handler)]));
      handlers.set(handler, subscriptions);
      const end = () => {
        handlers.delete(handler);
        for (const stop of subscriptions.values()) stop();
      };
      return Object.assign(end, { hasSynced: (cluster: string) => subscriptions.get(cluster)?.hasSynced(cluster) ?? false });
    },
  };
}
