/**
 * Shares the event loop: in each turn of it one list or watch is read, for a slice of time, and handlers have another slice. So a large
 * list, or many, or a burst of events hold up neither a lease nor a health check.
 */

/** With what sockets bring and a collection of garbage two slices stay within the 10 ms that nothing may take. */
export const SLICE_MS = 3;

let began: number | undefined;
/** Who waits for a turn. */
const waiting: (() => void)[] = [];

/** Is this turn of the event loop used up? Asked before each piece of work. */
export function turnIsOver(): boolean {
  const now = performance.now();
  if (began === undefined) {
    began = now;
    setImmediate(nextTurn);
  }
  return now - began > SLICE_MS;
}

/** Of those that wait one goes on, the first: it may have the whole turn, what sockets bring until the next one within. */
function nextTurn(): void {
  began = undefined;
  const next = waiting.shift();
  if (!next) return;
  turnIsOver();
  next();
}

/** Lets others run; called where the turn is over. */
export function yieldTurn(): Promise<void> {
  return new Promise((resolve) => waiting.push(resolve));
}

/** A queue that takes the same time however long it is. */
export class Fifo<T> {
  #items: (T | undefined)[] = [];
  #head = 0;

  get length(): number {
    return this.#items.length - this.#head;
  }

  push(item: T): void {
    this.#items.push(item);
  }

  shift(): T | undefined {
    const item = this.#items[this.#head];
    if (this.#head < this.#items.length) this.#items[this.#head++] = undefined;
    if (this.#head > 1024 && this.#head * 2 > this.#items.length) {
      this.#items = this.#items.slice(this.#head);
      this.#head = 0;
    }
    return item;
  }

  clear(): void {
    this.#items = [];
    this.#head = 0;
  }
}
