/** What is known of one kind in one cluster, shared by every informer with the same selection and transform. */
import type { InformerOptions, InformerState } from '../contracts/bus.ts';
import type { KObject } from '../contracts/object.ts';
import type { Sink } from './reflector.ts';

/** As an informer hears it; `old` is undefined for an addition. */
export interface CacheListener {
  set(object: KObject, old: KObject | undefined, initial: boolean): void;
  remove(last: KObject, missed: boolean): void;
  state(state: InformerState): void;
}

export const objectKey = (namespace: string | undefined, name: string): string => (namespace === undefined ? name : `${namespace}/${name}`);
const keyOf = (object: KObject): string => objectKey(object.metadata.namespace, object.metadata.name);

export class Cache implements Sink {
  readonly objects = new Map<string, KObject>();
  readonly #listeners = new Set<CacheListener>();
  readonly #transform: InformerOptions<KObject>['transform'];
  readonly #transformFailed: (object: KObject, error: unknown) => void;
  state: InformerState = 'syncing';
  /** Of the last list or watch; undefined while live. */
  error: unknown;
  /** Has the cluster answered at all? */
  reached = false;
  /** Has the first list arrived? */
  synced = false;

  constructor(transform?: InformerOptions<KObject>['transform'], transformFailed: (object: KObject, error: unknown) => void = () => {}) {
    this.#transform = transform;
    this.#transformFailed = transformFailed;
  }

  /** Listeners keep what they hear consistent by themselves; whoever comes late reads `objects` first. */
  listen(listener: CacheListener): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  answered(): void {
    this.reached = true;
  }

  replace(objects: KObject[]): void {
    const initial = !this.synced;
    const gone = new Set(this.objects.keys());
    for (const object of objects) {
      gone.delete(keyOf(object));
      this.#set(object, initial);
    }
    for (const key of gone) this.#drop(key, true);
    this.synced = true;
    this.live();
  }

  upsert(object: KObject): void {
    this.#set(object, false);
  }

  remove(object: KObject): void {
    this.#drop(keyOf(object), false, object);
  }

  live(): void {
    this.error = undefined;
    if (this.synced) this.#to('live');
  }

  failed(error: unknown): void {
    this.error = error;
    this.#to(this.synced ? 'stale' : 'syncing', true);
  }

  /** The cluster has left: all that was known is gone. */
  leave(): void {
    for (const key of this.objects.keys()) this.#drop(key, true);
    this.#to('left');
  }

  #set(given: KObject, initial: boolean): void {
    const key = keyOf(given);
    const old = this.objects.get(key);
    if (old?.metadata.resourceVersion === given.metadata.resourceVersion && old.metadata.uid === given.metadata.uid) return;
    // Deleted and made anew while nobody watched: not an update of the old one.
    if (old && old.metadata.uid !== given.metadata.uid) this.#drop(key, true);
    const object = this.#transformed(given);
    if (!object) return;
    const before = this.objects.get(key);
    this.objects.set(key, object);
    for (const listener of this.#listeners) listener.set(object, before, initial);
  }

  /** A transform that throws is a fault of its plugin, not of the watch: what was known of the object stays. */
  #transformed(given: KObject): KObject | undefined {
    try {
      return freeze(this.#transform ? this.#transform.apply(given) : given);
    } catch (error) {
      this.#transformFailed(given, error);
      return undefined;
    }
  }

  #drop(key: string, missed: boolean, last?: KObject): void {
    const known = this.objects.get(key);
    if (!known || (last && last.metadata.uid !== known.metadata.uid)) return;
    this.objects.delete(key);
    for (const listener of this.#listeners) listener.remove(known, missed);
  }

  #to(state: InformerState, always = false): void {
    if (this.state === state && !always) return;
    this.state = state;
    for (const listener of this.#listeners) listener.state(state);
  }
}

function freeze<T>(value: T): T {
  if (typeof value === 'object' && value !== null && !Object.isFrozen(value)) {
    Object.freeze(value);
    for (const inner of Object.values(value)) freeze(inner);
  }
  return value;
}
