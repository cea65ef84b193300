import type { Key, Kind } from './object.ts';

export interface InformerOptions<T> {
  /** Which clusters: `host` (default), every registered member as they come and go, or these names. */
  readonly clusters?: 'host' | 'members' | readonly string[];
  readonly namespace?: string;
  readonly labels?: string;
  readonly fields?: string;
  /** Applied before an object is stored, e.g. to drop what nobody reads. `id` is part of the sharing key: same id, same function. */
  readonly transform?: { readonly id: string; apply(object: T): T };
  readonly indexes?: Readonly<Record<string, (object: T) => readonly string[]>>;
}

export type InformerState = 'syncing' | 'live' | 'stale' | 'left';

/**
 * What is known of one kind in some clusters. Shared: equal options share one watch. Objects are frozen, and parts that are equal
 * are often one object: after an update, `object.spec === old.spec` says that the spec did not change; the opposite says nothing.
 */
export interface Informer<T> {
  readonly kind: Kind<T>;
  get(key: Key): T | undefined;
  /** Of one cluster, or of all. */
  list(cluster?: string): Iterable<T>;
  by(index: string, value: string): Iterable<T>;
  /** Resolves when the first list of every cluster that can be reached has been delivered. */
  synced(signal: AbortSignal): Promise<void>;
  /** Has the first list of this cluster arrived? */
  hasSynced(cluster: string): boolean;
  state(cluster: string): InformerState;
  /** Why the last list or watch failed, e.g. a KubeError with status 404 where the cluster does not serve the kind; undefined while it works. */
  error(cluster: string): unknown;
  /** Subscribes; objects already known come as `add` with `initial: true`. Call the result to unsubscribe. */
  on(handler: InformerHandler<T>): Subscription;
}

export interface Subscription {
  /** Ends it; the handler hears no more. */
  (): void;
  /** Has the handler been given the whole first list of this cluster? It may lag behind the informer. */
  hasSynced(cluster: string): boolean;
}

/**
 * Called in order. One that returns a promise gets its next event when that is settled. A handler that lags far behind gets several
 * changes of one object as one. Nothing that it does, or fails to do, holds up others.
 */
export interface InformerHandler<T> {
  add?(object: T, seen: Seen): void;
  update?(object: T, old: T, seen: Seen): void;
  remove?(last: T, seen: Seen): void;
  cluster?(name: string, state: InformerState): void;
}

export interface Seen {
  readonly cluster: string;
  /** From the first list, or replayed to a late subscriber. */
  readonly initial: boolean;
  /** Found missing by a relist: `last` is what was known, not what was deleted. */
  readonly missed: boolean;
}
