/** What is known of one kind in one cluster, shared by every informer with the same selection and transform. */
import type { InformerOptions, InformerState } from '../contracts/bus.ts';
import type { KObject } from '../contracts/object.ts';
import { Objects } from './objects.ts';
import type { Sink } from './reflector.ts';
import { share } from './shape.ts';
import { turnIsOver, yieldTurn } from './turn.ts';
import type { Written } from './written.ts';

/** As an informer hears it; `old` is undefined for an addition. */
export interface CacheListener {
  set(key: string, object: KObject, old: KObject | undefined, initial: boolean): void;
  /** `last` is what was deleted, where that is known; else what was known. */
  remove(key: string, known: KObject, last: KObject, missed: boolean): void;
  state(state: InformerState): void;
}

export const objectKey = (namespace: string | undefined, name: string): string => (namespace === undefined ? name : `${namespace}/${name}`);
const keyOf = (object: KObject): string => objectKey(object.metadata.namespace, object.metadata.name);

export class Cache implements Sink {
  readonly objects = new Objects();
  readonly #listeners = new Set<CacheListener>();
  readonly #transform: InformerOptions<KObject>['transform'];
  readonly #transformFailed: (object: KObject, error: unknown) => void;
  readonly #written: Written | undefined;
  /** What the list that is under way has not named yet; undefined where there is none. */
  #unlisted: Set<string> | undefined;
  /** Servers list in order, so the object before is often of the same owner: much of it is the same. */
  #neighbour: KObject | undefined;
  state: InformerState = 'syncing';
  /** Of the last list or watch; undefined while live. */
  error: unknown;
  /** Has the cluster answered at all? */
  reached = false;
  /** Has the first list arrived? */
  synced = false;

  constructor(
    transform?: InformerOptions<KObject>['transform'],
    transformFailed: (object: KObject, error: unknown) => void = () => {},
    written?: Written,
  ) {
    this.#transform = transform;
    this.#transformFailed = transformFailed;
    this.#written = written;
  }

  /** Listeners keep what they hear consistent by themselves; whoever comes late reads `objects` first. */
  listen(listener: CacheListener): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  answered(): void {
    this.reached = true;
  }

  begin(): void {
    this.#unlisted = new Set(Array.from(this.objects, ([key]) => key));
  }

  async end(): Promise<void> {
    const gone = this.#unlisted ?? [];
    this.#unlisted = undefined;
    for (const key of gone) {
      this.#drop(key, true);
      if (turnIsOver()) await yieldTurn();
    }
    this.#written?.relisted();
    this.synced = true;
    this.live();
  }

  upsert(given: KObject): void {
    const key = keyOf(given);
    this.#unlisted?.delete(key);
    this.#written?.told(key, given, false, this.#unlisted !== undefined);
    const known = this.objects.get(key);
    const another = known !== undefined && known.metadata.uid !== given.metadata.uid;
    if (!another && known?.metadata.resourceVersion === given.metadata.resourceVersion) return;
    // Deleted and made anew while nobody watched: not an update of the old one.
    if (another) this.#drop(key, true);
    const old = another ? undefined : known;
    const object = this.#transformed(given, old);
    if (!object) return;
    this.objects.set(key, object);
    for (const listener of this.#listeners) listener.set(key, object, old, !this.synced);
  }

  remove(object: KObject): void {
    const key = keyOf(object);
    this.#written?.told(key, object, true, this.#unlisted !== undefined);
    this.#drop(key, false, object);
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
  async leave(): Promise<void> {
    for (const [key] of this.objects) {
      this.#drop(key, true);
      if (turnIsOver()) await yieldTurn();
    }
    this.#to('left');
  }

  /** A transform that throws is a fault of its plugin, not of the watch: what was known of the object stays. */
  #transformed(given: KObject, old?: KObject): KObject | undefined {
    try {
      const object = share(this.#transform ? this.#transform.apply(given) : given, old ?? this.#neighbour);
      this.#neighbour = object;
      return object;
    } catch (error) {
      this.#transformFailed(given, error);
      return undefined;
    }
  }

  #drop(key: string, missed: boolean, last?: KObject): void {
    const known = this.objects.get(key);
    if (!known || (last && last.metadata.uid !== known.metadata.uid)) return;
    this.objects.delete(key);
    const shown = (last && this.#transformed(last, known)) ?? known;
    for (const listener of this.#listeners) listener.remove(key, known, shown, missed);
  }

  #to(state: InformerState, always = false): void {
    if (this.state === state && !always) return;
    this.state = state;
    for (const listener of this.#listeners) listener.state(state);
  }
}
