/** One plugin's view of a kind in some clusters, over the shared caches. */
import { EventEmitter, once } from 'node:events';
import type { Informer, InformerHandler, InformerOptions, InformerState, Subscription as Subscribed } from '../contracts/bus.ts';
import { KosmosError } from '../contracts/error.ts';
import type { Key, Kind, KObject } from '../contracts/object.ts';
import type { Logger } from '../contracts/services.ts';
import { type Cache, objectKey } from './cache.ts';
import type { BusMetrics } from './metrics.ts';
import { Subscription } from './subscription.ts';

interface Source {
  readonly cache: Cache;
  readonly stop: () => void;
}
type Index = Map<string, Set<KObject>>;

export class ClusterInformer<T extends KObject> implements Informer<T> {
  readonly kind: Kind<T>;
  readonly plugin: string;
  readonly #log: Logger;
  readonly #metrics: BusMetrics;
  readonly #indexers: readonly (readonly [string, (object: KObject) => readonly string[]])[];
  readonly #sources = new Map<string, Source>();
  readonly #indexes = new Map<string, Index>();
  readonly #subscriptions = new Set<Subscription>();
  /** Says `change` when a cluster's state may be another one. */
  readonly #changes = new EventEmitter().setMaxListeners(0);

  constructor(plugin: string, kind: Kind<T>, options: InformerOptions<T>, log: Logger, metrics: BusMetrics) {
    this.kind = kind;
    this.plugin = plugin;
    this.#log = log;
    this.#metrics = metrics;
    this.#indexers = Object.entries(options.indexes ?? {}) as never;
    for (const [name] of this.#indexers) this.#indexes.set(name, new Map());
  }

  /** A cluster comes in. */
  attach(cluster: string, cache: Cache): void {
    for (const [key, object] of cache.objects) this.#added(cluster, key, object, undefined, true);
    const stop = cache.listen({
      set: (key, object, old, initial) => this.#added(cluster, key, object, old, initial),
      remove: (key, known, last, missed) => this.#removed(cluster, key, known, last, missed),
      state: (state) => this.#changed(cluster, state),
    });
    this.#sources.set(cluster, { cache, stop });
    if (cache.state !== 'syncing') this.#changed(cluster, cache.state);
  }

  /** The cluster is gone; its cache has said so to the handlers. */
  detach(cluster: string): void {
    this.#sources.get(cluster)?.stop();
    this.#sources.delete(cluster);
    this.#changes.emit('change');
  }

  get clusters(): readonly string[] {
    return [...this.#sources.keys()];
  }

  get(key: Key): T | undefined {
    return this.#sources.get(key.cluster)?.cache.objects.get(objectKey(key.namespace, key.name)) as T | undefined;
  }

  *list(cluster?: string): Iterable<T> {
    for (const [name, { cache }] of this.#sources) {
      if (cluster === undefined || cluster === name) yield* cache.objects.values() as Iterable<T>;
    }
  }

  by(index: string, value: string): Iterable<T> {
    const found = this.#indexes.get(index);
    if (!found) {
      const what = `the informer of ${this.kind.plural} has no index '${index}'; it has: ${[...this.#indexes.keys()].join(', ') || 'none'}`;
      throw new KosmosError('KOSMOS_E_INDEX_UNKNOWN', what, {
        where: `plugin ${this.plugin}`,
        hint: 'Ask for one of these, or declare it: informer(kind, { indexes }).',
      });
    }
    return (found.get(value) ?? []) as Iterable<T>;
  }

  hasSynced(cluster: string): boolean {
    return this.#sources.get(cluster)?.cache.synced ?? false;
  }

  /** Events that wait for the slowest of its handlers. */
  get queued(): number {
    return Math.max(0, ...[...this.#subscriptions].map(({ length }) => length));
  }

  state(cluster: string): InformerState {
    return this.#sources.get(cluster)?.cache.state ?? 'left';
  }

  error(cluster: string): unknown {
    return this.#sources.get(cluster)?.cache.error;
  }

  /** Clusters whose first list is still to come; with the error, where there was one. */
  unsynced(): { readonly cluster: string; readonly error: unknown }[] {
    return [...this.#sources].filter(([, { cache }]) => !cache.synced).map(([cluster, { cache }]) => ({ cluster, error: cache.error }));
  }

  /** A member that was tried and does not answer holds up nobody; the host is waited for. */
  async synced(signal: AbortSignal): Promise<void> {
    while (this.unsynced().some(({ cluster, error }) => cluster === 'host' || error === undefined)) {
      signal.throwIfAborted();
      // Who waits is told why the signal was aborted, which `once` would not say.
      await once(this.#changes, 'change', { signal }).catch(() => signal.throwIfAborted());
    }
  }

  on(handler: InformerHandler<T>): Subscribed {
    const made = new Subscription(handler as InformerHandler<KObject>, (error) => this.failed('an informer handler threw', error));
    for (const [cluster, { cache }] of this.#sources) made.replay(cluster, cache.objects, cache.state);
    this.#subscriptions.add(made);
    const end = () => {
      this.#subscriptions.delete(made);
      made.close();
    };
    return Object.assign(end, { hasSynced: (cluster: string) => made.synced(cluster) });
  }

  /** Nobody hears any more. */
  close(): void {
    for (const subscription of this.#subscriptions) subscription.close();
    this.#subscriptions.clear();
  }

  #added(cluster: string, key: string, object: KObject, old: KObject | undefined, initial: boolean): void {
    if (old) this.#unindex(old);
    for (const [name, values] of this.#indexers) {
      const index = this.#indexes.get(name) as Index;
      this.#call(() => {
        for (const value of values(object)) index.set(value, (index.get(value) ?? new Set()).add(object));
      });
    }
    if (this.#subscriptions.size === 0) return;
    const seen = { cluster, initial, missed: false };
    for (const subscription of this.#subscriptions) subscription.set(key, object, old, seen);
  }

  #removed(cluster: string, key: string, known: KObject, last: KObject, missed: boolean): void {
    this.#unindex(known);
    const seen = { cluster, initial: false, missed };
    for (const subscription of this.#subscriptions) subscription.remove(key, known, last, seen);
  }

  #unindex(object: KObject): void {
    for (const [name, values] of this.#indexers) {
      const index = this.#indexes.get(name) as Index;
      this.#call(() => {
        for (const value of values(object)) {
          index.get(value)?.delete(object);
          if (index.get(value)?.size === 0) index.delete(value);
        }
      });
    }
  }

  #changed(cluster: string, state: InformerState): void {
    for (const subscription of this.#subscriptions) subscription.state(cluster, state);
    this.#changes.emit('change');
  }

  /** An index that throws is a fault of its plugin, and of nobody else. */
  #call(run: () => void): void {
    try {
      run();
    } catch (error) {
      this.failed('an index threw', error);
    }
  }

  /** Counts and logs a fault of the plugin. */
  failed(what: string, error: unknown, more: object = {}): void {
    this.#metrics.handlerErrors.inc({ plugin: this.plugin, kind: this.kind.plural });
    this.#log.error({ kind: this.kind.plural, ...more, err: error }, what);
  }
}
