/**
 * Shares the event loop: nobody works for longer than a slice of it at a time, so that a large list or a burst of events holds up
 * neither a lease nor a health check.
 */
import { setImmediate as nextTurn } from 'node:timers/promises';

/**
 * What is read and what handlers do get a slice each in every turn; with what sockets bring and a collection of garbage that stays
 * within the 10 ms that nothing may take.
 */
export const SLICE_MS = 3;

let began: number | undefined;

/** Is this turn of the event loop used up? Asked before each piece of work. */
export function turnIsOver(): boolean {
  const now = performance.now();
  if (began !== undefined) return now - began > SLICE_MS;
  began = now;
  setImmediate(() => (began = undefined));
  return false;
}

/** Lets others run. */
export async function yieldTurn(): Promise<void> {
  await nextTurn();
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
