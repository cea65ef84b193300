import { ApiError } from '../http/errors.ts';
import type { Clock } from './clock.ts';

const FIRST_BACK_OFF = 5;
const LAST_BACK_OFF = 60_000;

export interface WorkQueueOptions {
  clock: Clock;
  /** Brings what the key names to its wanted state; called again after a failure. Never for one key twice at a time. */
  sync: (key: string) => Promise<void>;
  /** Gets failures other than losing a race for an object, which is a matter of course. */
  report: (error: unknown) => void;
  /** Keys worked on at a time; 10 by default. */
  concurrency?: number;
}

/** Keys to look at: each waits once, whatever happened meanwhile, and comes back later where its look failed. */
export class WorkQueue {
  readonly #o: WorkQueueOptions;
  readonly #waiting = new Set<string>();
  readonly #running = new Map<string, Promise<void>>();
  readonly #failures = new Map<string, number>();
  readonly #later = new Map<string, { at: number; cancel: () => void }>();
  readonly #retries = new Map<string, NodeJS.Timeout>();
  #pumping = false;
  #stopped = false;

  constructor(options: WorkQueueOptions) {
    this.#o = options;
  }

  add(key: string): void {
    if (this.#stopped) return;
    this.#waiting.add(key);
    if (this.#pumping) return;
    this.#pumping = true;
    // What happens at once is looked at once.
    setImmediate(() => {
      this.#pumping = false;
      this.#pump();
    });
  }

  /** Adds the key in `ms` by the controllers' clock; of several such times the first counts. */
  addAfter(key: string, ms: number): void {
    if (this.#stopped) return;
    if (ms <= 0) return this.add(key);
    const at = this.#o.clock.now() + ms;
    const known = this.#later.get(key);
    if (known && known.at <= at) return;
    known?.cancel();
    const cancel = this.#o.clock.after(ms, () => {
      this.#later.delete(key);
      this.add(key);
    });
    this.#later.set(key, { at, cancel });
  }

  #pump(): void {
    for (const key of this.#waiting) {
      if (this.#stopped || this.#running.size >= (this.#o.concurrency ?? 10)) return;
      if (this.#running.has(key)) continue;
      this.#waiting.delete(key);
      clearTimeout(this.#retries.get(key));
      this.#retries.delete(key);
      this.#running.set(key, this.#run(key));
    }
  }

  async #run(key: string): Promise<void> {
    try {
      await this.#o.sync(key);
      this.#failures.delete(key);
    } catch (error) {
      this.#failed(key, error);
    } finally {
      this.#running.delete(key);
      this.#pump();
    }
  }

  #failed(key: string, error: unknown): void {
    if (this.#stopped) return;
    const failures = (this.#failures.get(key) ?? 0) + 1;
    this.#failures.set(key, failures);
    if (!(error instanceof ApiError) || error.code >= 500) this.#o.report(error);
    // By the machine's time: a write that failed is no matter of what time a test says it is.
    const delay = Math.min(FIRST_BACK_OFF * 2 ** (failures - 1), LAST_BACK_OFF);
    this.#retries.set(key, setTimeout(() => this.add(key), delay).unref());
  }

  /** Takes no more, and waits for what is being worked on. */
  async stop(): Promise<void> {
    this.#stopped = true;
    this.#waiting.clear();
    for (const { cancel } of this.#later.values()) cancel();
    for (const timer of this.#retries.values()) clearTimeout(timer);
    await Promise.all(this.#running.values());
  }
}
