/** Gives the events of an informer to one handler, in order, at the handler's own pace. */
import type { InformerHandler, InformerState, Seen } from '../contracts/bus.ts';
import type { KObject } from '../contracts/object.ts';
import { Objects } from './objects.ts';
import { Fifo, SLICE_MS, turnIsOver } from './turn.ts';

/** With so many waiting, later changes of an object are merged into the one that waits: memory is bounded by the number of objects. */
const MERGE_ABOVE = 1000;

interface Waiting {
  /** `cluster/namespace/name`; undefined for a change of a cluster's state. */
  readonly id: string | undefined;
  /** What the handler knows of the object before. */
  readonly before: KObject | undefined;
  /** What it is to know; undefined: gone, and `last` was the last of it. */
  now: KObject | undefined;
  last: KObject | undefined;
  seen: Seen;
  readonly state: InformerState | undefined;
}

/** Objects that were there before, told one by one as they are by then: to queue them all would take memory and time. */
interface Replay {
  readonly cluster: string;
  readonly objects: Objects;
  readonly rest: Iterator<readonly [key: string, object: KObject]>;
  /** Whose changes are told from now on. */
  readonly told: Objects;
  /** Told at the end; that there is no whole list yet is no news. */
  readonly state: Exclude<InformerState, 'syncing'> | undefined;
}

const NOTHING = { id: undefined, before: undefined, now: undefined, last: undefined };

/** Subscriptions with events that wait for a turn of the event loop. */
const behind = new Set<Subscription>();
let scheduled = false;

/** Each gets an equal share of a slice, so that a slow handler holds up nobody but itself. */
function drainAll(): void {
  scheduled = false;
  const share = SLICE_MS / behind.size;
  for (const subscription of behind) subscription.drain(performance.now() + share);
  if (behind.size > 0) schedule();
}
function schedule(): void {
  if (!scheduled) setImmediate(drainAll);
  scheduled = true;
}

export class Subscription {
  readonly #handler: InformerHandler<KObject>;
  readonly #failed: (error: unknown) => void;
  readonly #queue = new Fifo<Waiting>();
  readonly #byId = new Map<string, Waiting>();
  readonly #synced = new Set<string>();
  readonly #replays: Replay[] = [];
  #busy = false;
  #closed = false;

  constructor(handler: InformerHandler<KObject>, failed: (error: unknown) => void) {
    this.#handler = handler;
    this.#failed = failed;
  }

  get length(): number {
    return this.#replays.reduce((sum, { objects, told }) => sum + Math.max(0, objects.size - told.size), this.#queue.length);
  }

  /** Tells everything that `objects` holds, which may change meanwhile, then the state; what comes meanwhile is told after it. */
  replay(cluster: string, objects: Objects, state: InformerState): void {
    const rest = objects[Symbol.iterator]();
    this.#replays.push({ cluster, objects, rest, told: new Objects(), state: state === 'syncing' ? undefined : state });
    while (!this.#idle && !this.#busy && !turnIsOver()) this.#deliver(this.#next());
    this.#wait();
  }

  /** Clusters whose first list the handler has had. */
  synced(cluster: string): boolean {
    return this.#synced.has(cluster);
  }

  set(key: string, object: KObject, old: KObject | undefined, seen: Seen): void {
    const replay = this.#untold(seen.cluster, key);
    if (replay && old) return;
    // One that was not there when the replay began may come where that has been.
    replay?.told.set(key, object);
    const id = `${seen.cluster}/${key}`;
    const waiting = this.#mergeable(id);
    // Gone and made anew meanwhile is not an update.
    if (waiting?.now) waiting.now = object;
    else this.#push({ id, before: old, now: object, last: undefined, seen, state: undefined });
  }

  remove(key: string, known: KObject, last: KObject, seen: Seen): void {
    if (this.#untold(seen.cluster, key)) return;
    const id = `${seen.cluster}/${key}`;
    const waiting = this.#mergeable(id);
    if (waiting?.now) Object.assign(waiting, { now: undefined, last, seen });
    else this.#push({ id, before: known, now: undefined, last, seen, state: undefined });
  }

  state(cluster: string, state: InformerState): void {
    this.#push({ ...NOTHING, seen: { cluster, initial: false, missed: false }, state });
  }

  close(): void {
    this.#closed = true;
    this.#replays.length = 0;
    this.#queue.clear();
    this.#byId.clear();
    behind.delete(this);
  }

  /** Delivers what waits until the time is `until`, by performance.now(), but one event at the least. */
  drain(until: number): void {
    do {
      this.#deliver(this.#next());
    } while (!this.#busy && !this.#idle && performance.now() < until);
    if (this.#busy || this.#idle) behind.delete(this);
  }

  get #idle(): boolean {
    return this.#queue.length === 0 && this.#replays.length === 0;
  }

  #next(): Waiting | undefined {
    const [replay] = this.#replays;
    if (replay) return this.#replayed(replay);
    const next = this.#queue.shift();
    if (next?.id !== undefined && this.#byId.get(next.id) === next) this.#byId.delete(next.id);
    return next;
  }

  #replayed({ cluster, rest, told, state }: Replay): Waiting {
    for (let next = rest.next(); !next.done; next = rest.next()) {
      const [key, now] = next.value;
      if (told.get(key)) continue; // made anew meanwhile: that is told as the change that it is
      told.set(key, now);
      return { ...NOTHING, now, seen: { cluster, initial: true, missed: false }, state: undefined };
    }
    this.#replays.shift();
    return { ...NOTHING, seen: { cluster, initial: false, missed: false }, state };
  }

  /** The replay that comes to it yet, and tells it as it is by then. */
  #untold(cluster: string, key: string): Replay | undefined {
    return this.#replays.find((replay) => replay.cluster === cluster && !replay.told.get(key));
  }

  #mergeable(id: string): Waiting | undefined {
    return this.#queue.length > MERGE_ABOVE ? this.#byId.get(id) : undefined;
  }

  #push(waiting: Waiting): void {
    if (this.#closed) return;
    if (this.#idle && !this.#busy && !turnIsOver()) return this.#deliver(waiting);
    this.#queue.push(waiting);
    if (waiting.id !== undefined) this.#byId.set(waiting.id, waiting);
    this.#wait();
  }

  #wait(): void {
    if (this.#busy || this.#idle) return;
    behind.add(this);
    schedule();
  }

  /** A handler that throws is a fault of its plugin. One that returns a promise gets its next event when that is settled. */
  #deliver(waiting: Waiting | undefined): void {
    if (!waiting) return;
    const { before, now, last, seen, state } = waiting;
    let result: unknown;
    try {
      if (state !== undefined) {
        if (state === 'live') this.#synced.add(seen.cluster);
        else if (state === 'left') this.#synced.delete(seen.cluster);
        result = this.#handler.cluster?.(seen.cluster, state);
      } else if (now) result = before ? this.#handler.update?.(now, before, seen) : this.#handler.add?.(now, seen);
      else if (before && last) result = this.#handler.remove?.(last, seen);
    } catch (error) {
      this.#failed(error);
    }
    if (!(result instanceof Promise)) return;
    this.#busy = true;
    const settled = () => {
      this.#busy = false;
      this.#wait();
    };
    result.then(settled, (error: unknown) => {
      this.#failed(error);
      settled();
    });
  }
}
