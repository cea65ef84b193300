/** Gives the events of an informer to one handler, in order, at the handler's own pace. */
import type { InformerHandler, InformerState, Seen } from '../contracts/bus.ts';
import type { KObject } from '../contracts/object.ts';
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
  #busy = false;
  #closed = false;

  constructor(handler: InformerHandler<KObject>, failed: (error: unknown) => void) {
    this.#handler = handler;
    this.#failed = failed;
  }

  get length(): number {
    return this.#queue.length;
  }

  /** Clusters whose first list the handler has had. */
  synced(cluster: string): boolean {
    return this.#synced.has(cluster);
  }

  set(id: string, object: KObject, old: KObject | undefined, seen: Seen): void {
    const waiting = this.#mergeable(id);
    // Gone and made anew meanwhile is not an update.
    if (waiting?.now) waiting.now = object;
    else this.#push({ id, before: old, now: object, last: undefined, seen, state: undefined });
  }

  remove(id: string, known: KObject, last: KObject, seen: Seen): void {
    const waiting = this.#mergeable(id);
    if (waiting?.now) Object.assign(waiting, { now: undefined, last, seen });
    else this.#push({ id, before: known, now: undefined, last, seen, state: undefined });
  }

  state(cluster: string, state: InformerState): void {
    const seen = { cluster, initial: false, missed: false };
    this.#push({ id: undefined, before: undefined, now: undefined, last: undefined, seen, state });
  }

  close(): void {
    this.#closed = true;
    this.#queue.clear();
    this.#byId.clear();
    behind.delete(this);
  }

  /** Delivers what waits until the time is `until`, by performance.now(), but one event at the least. */
  drain(until: number): void {
    do {
      const next = this.#queue.shift();
      if (!next) break;
      if (next.id !== undefined && this.#byId.get(next.id) === next) this.#byId.delete(next.id);
      this.#deliver(next);
    } while (!this.#busy && performance.now() < until);
    if (this.#busy || this.#queue.length === 0) behind.delete(this);
  }

  #mergeable(id: string): Waiting | undefined {
    return this.#queue.length > MERGE_ABOVE ? this.#byId.get(id) : undefined;
  }

  #push(waiting: Waiting): void {
    if (this.#closed) return;
    if (this.#queue.length === 0 && !this.#busy && !turnIsOver()) return this.#deliver(waiting);
    this.#queue.push(waiting);
    if (waiting.id !== undefined) this.#byId.set(waiting.id, waiting);
    this.#wait();
  }

  #wait(): void {
    if (this.#busy || this.#queue.length === 0) return;
    behind.add(this);
    schedule();
  }

  /** A handler that throws is a fault of its plugin. One that returns a promise gets its next event when that is settled. */
  #deliver({ before, now, last, seen, state }: Waiting): void {
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
