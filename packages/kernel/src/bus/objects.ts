/** The objects of one kind in one cluster by `namespace/name`, in the order in which they came. */
import type { KObject } from '../contracts/object.ts';

/** A Map for each namespace: one that doubles beyond 32,768 entries holds up the process for 10 ms. */
export class Objects {
  readonly #namespaces = new Map<string, Map<string, KObject>>();
  #size = 0;

  get size(): number {
    return this.#size;
  }

  get(key: string): KObject | undefined {
    return this.#namespaces.get(namespaceIn(key))?.get(key);
  }

  set(key: string, object: KObject): void {
    const namespace = namespaceIn(key);
    let own = this.#namespaces.get(namespace);
    if (!own) this.#namespaces.set(namespace, (own = new Map()));
    const before = own.size;
    own.set(key, object);
    this.#size += own.size - before;
  }

  delete(key: string): void {
    const namespace = namespaceIn(key);
    const own = this.#namespaces.get(namespace);
    if (own?.delete(key)) this.#size -= 1;
    if (own?.size === 0) this.#namespaces.delete(namespace);
  }

  /** What goes while it is gone through is not in it; what comes may be. */
  *[Symbol.iterator](): IterableIterator<[key: string, object: KObject]> {
    for (const own of this.#namespaces.values()) yield* own;
  }

  *values(): IterableIterator<KObject> {
    for (const own of this.#namespaces.values()) yield* own.values();
  }
}

/** '' for what has no namespace. */
const namespaceIn = (key: string): string => key.slice(0, Math.max(0, key.indexOf('/')));
