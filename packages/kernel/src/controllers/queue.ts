/** A work queue: keys without duplicates, never handed out twice at once, failed ones later. As client-go's. */
import type { Clock } from '../contracts/services.ts';

/** client-go's default: 5 ms doubling to 1000 s for each key, and for all together 10 a second with a burst of 100. */
const FIRST_MS = 5;
const LONGEST_MS = 1_000_000;
const RATE_PER_MS = 10 / 1000;
const BURST = 100;

export class WorkQueue {
  readonly #clock: Clock;
  readonly #waiting: string[] = [];
  /** Wanted, whether waiting or to be added again when its processing ends. */
  readonly #dirty = new Set<string>();
  readonly #processing = new Set<string>();
  readonly #failures = new Map<string, number>();
  readonly #delayed = new Map<string, { readonly due: number; readonly cancel: () => void }>();
  readonly #takers: ((key: string | undefined) => void)[] = [];
  #tokens = BURST;
  #refilled: number;
  #closed = false;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#refilled = clock.now();
  }

  get length(): number {
    return this.#waiting.length;
  }

  add(key: string): void {
    if (this.#closed || this.#dirty.has(key)) return;
    this.#dirty.add(key);
    if (this.#processing.has(key)) return;
    const taker = this.#takers.shift();
    if (taker) taker(this.#take(key));
    else this.#waiting.push(key);
  }

  /** The earlier of two delays of a key counts. */
  addAfter(key: string, ms: number): void {
    if (this.#closed) return;
    const due = this.#clock.now() + ms;
    const known = this.#delayed.get(key);
    if (known && known.due <= due) return;
    known?.cancel();
    const cancel = this.#clock.after(ms, () => {
      this.#delayed.delete(key);
      this.add(key);
    });
    this.#delayed.set(key, { due, cancel });
  }

  /** After a failure. */
  addRateLimited(key: string): void {
    const failures = this.#failures.get(key) ?? 0;
    this.#failures.set(key, failures + 1);
    this.addAfter(key, Math.max(Math.min(FIRST_MS * 2 ** failures, LONGEST_MS), this.#bucketDelay()));
  }

  /** Its failures are over. */
  forget(key: string): void {
    this.#failures.delete(key);
  }

  /** The next key; undefined once closed and drained. Each key taken must be given back by `done`. */
  take(): Promise<string | undefined> {
    const key = this.#waiting.shift();
    if (key !== undefined) return Promise.resolve(this.#take(key));
    if (this.#closed) return Promise.resolve(undefined);
    return new Promise((resolve) => this.#takers.push(resolve));
  }

  done(key: string): void {
    this.#processing.delete(key);
    if (!this.#dirty.has(key)) return;
    this.#dirty.delete(key);
    this.add(key);
  }

  /** Takes nothing more in; what waits is forgotten, what is being processed ends by itself. */
  close(): void {
    this.#closed = true;
    for (const { cancel } of this.#delayed.values()) cancel();
    this.#delayed.clear();
    this.#waiting.length = 0;
    this.#dirty.clear();
    for (const taker of this.#takers.splice(0)) taker(undefined);
  }

  #take(key: string): string {
    this.#dirty.delete(key);
    this.#processing.add(key);
    return key;
  }

  #bucketDelay(): number {
    const now = this.#clock.now();
    this.#tokens = Math.min(BURST, this.#tokens + (now - this.#refilled) * RATE_PER_MS) - 1;
    this.#refilled = now;
    return this.#tokens >= 0 ? 0 : -this.#tokens / RATE_PER_MS;
  }
}
