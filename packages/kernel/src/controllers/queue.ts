/** A work queue: keys without duplicates, never handed out twice at once, failed ones later. As client-go's. */
import { Fifo } from '../bus/turn.ts';
import type { Clock } from '../contracts/services.ts';

/** client-go's default: 5 ms doubling to 1000 s for each key, and for all together 10 a second with a burst of 100. */
const FIRST_MS = 5;
const LONGEST_MS = 1_000_000;
const RATE_PER_MS = 10 / 1000;
const BURST = 100;

interface Queued {
  readonly key: string;
  readonly since: number;
}

/** A key that was handed out, and how long it waited. */
export interface Taken {
  readonly key: string;
  readonly waitedMs: number;
}

export class WorkQueue {
  readonly #clock: Clock;
  readonly #waiting = new Fifo<Queued>();
  /** Keys of a first list: changes overtake them, and one that changes too is wanted at once. */
  readonly #unhurried = new Fifo<Queued>();
  /** Wanted, whether waiting or to be added again when its processing ends. */
  readonly #dirty = new Map<string, { unhurried: boolean }>();
  readonly #processing = new Set<string>();
  readonly #failures = new Map<string, number>();
  readonly #delayed = new Map<string, { readonly due: number; readonly cancel: () => void }>();
  readonly #takers: ((taken: Taken | undefined) => void)[] = [];
  #tokens = BURST;
  #refilled: number;
  #closed = false;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#refilled = clock.now();
  }

  get length(): number {
    return this.#processing.size === 0 ? this.#dirty.size : [...this.#dirty.keys()].filter((key) => !this.#processing.has(key)).length;
  }

  /** Keys that wait for their time: failed ones, and those asked for later. */
  get delayed(): number {
    return this.#delayed.size;
  }

  /** Keys that failed last time. */
  get failing(): number {
    return this.#failures.size;
  }

  add(key: string, unhurried = false): void {
    if (this.#closed) return;
    const known = this.#dirty.get(key);
    // What waits among the unhurried is overtaken by its own hurried one; where its turn comes, it is gone.
    if (known && (unhurried || !known.unhurried)) return;
    this.#dirty.set(key, { unhurried });
    if (this.#processing.has(key)) return;
    const taker = this.#takers.shift();
    const since = this.#clock.now();
    if (taker) taker(this.#take({ key, since }));
    else (unhurried ? this.#unhurried : this.#waiting).push({ key, since });
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
  take(): Promise<Taken | undefined> {
    const next = this.#next(this.#waiting) ?? this.#next(this.#unhurried);
    if (next) return Promise.resolve(this.#take(next));
    if (this.#closed) return Promise.resolve(undefined);
    return new Promise((resolve) => this.#takers.push(resolve));
  }

  done(key: string): void {
    this.#processing.delete(key);
    const again = this.#dirty.get(key);
    if (!again) return;
    this.#dirty.delete(key);
    this.add(key, again.unhurried);
  }

  /** Takes nothing more in; what waits is forgotten, what is being processed ends by itself. */
  close(): void {
    this.#closed = true;
    for (const { cancel } of this.#delayed.values()) cancel();
    this.#delayed.clear();
    this.#waiting.clear();
    this.#unhurried.clear();
    this.#dirty.clear();
    for (const taker of this.#takers.splice(0)) taker(undefined);
  }

  #next(lane: Fifo<Queued>): Queued | undefined {
    for (let next = lane.shift(); next; next = lane.shift()) {
      if (this.#dirty.has(next.key) && !this.#processing.has(next.key)) return next;
    }
    return undefined;
  }

  #take({ key, since }: Queued): Taken {
    this.#dirty.delete(key);
    this.#processing.add(key);
    return { key, waitedMs: this.#clock.now() - since };
  }

  #bucketDelay(): number {
    const now = this.#clock.now();
    this.#tokens = Math.min(BURST, this.#tokens + (now - this.#refilled) * RATE_PER_MS) - 1;
    this.#refilled = now;
    return this.#tokens >= 0 ? 0 : -this.#tokens / RATE_PER_MS;
  }
}
