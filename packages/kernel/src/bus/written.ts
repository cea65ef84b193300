/** What this process wrote and its watches have not told of yet: a cache lags behind a write that was answered. */
import type { KObject } from '../contracts/object.ts';
import type { Clock } from '../contracts/services.ts';

/** A watch that has said nothing of a write by then never will: its selection leaves the object out. */
const TOLD_WITHIN_MS = 10_000;
/** Told by a list, which says nothing of the order. */
const LISTED = '';

interface Write {
  /** Requests under way. */
  open: number;
  /** Versions, and uids of what is gone, that were told of while one was: an event may come before the answer. */
  readonly told: Set<string>;
  /** What the server answered last; undefined once a watch has told of it. */
  answer: KObject | undefined;
  until: number;
}

/** Of one kind in one cluster. Versions are compared for equality only: a watch tells of them in order. */
export class Written {
  readonly #clock: Clock;
  readonly #writes = new Map<string, Write>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** What a write was answered with that no watch has told of yet. */
  get(key: string): KObject | undefined {
    const write = this.#writes.get(key);
    return write && this.#clock.now() < write.until ? write.answer : undefined;
  }

  /** A request goes out, while caches have these versions. Call the result with the answer; with nothing where it failed. */
  begin(key: string, versions: readonly string[]): (answer?: KObject) => void {
    this.#forgetOld();
    const write = this.#writes.get(key) ?? { open: 0, told: new Set(), answer: undefined, until: Number.POSITIVE_INFINITY };
    this.#writes.set(key, write);
    write.open += 1;
    for (const version of versions) write.told.add(version);
    return (answer) => {
      write.open -= 1;
      if (answer && ![LISTED, answer.metadata.resourceVersion, answer.metadata.uid].some((told) => write.told.has(told))) {
        write.answer = answer;
        write.until = this.#clock.now() + TOLD_WITHIN_MS;
      }
      this.#settle(key, write);
    };
  }

  /** An event of a watch, or an item of a list. */
  told(key: string, { metadata: { uid, resourceVersion } }: KObject, gone: boolean, listed: boolean): void {
    const write = this.#writes.get(key);
    if (!write) return;
    for (const told of listed ? [LISTED] : gone ? [resourceVersion, uid] : [resourceVersion]) {
      write.told.add(told);
      if ([LISTED, write.answer?.metadata.resourceVersion, write.answer?.metadata.uid].includes(told)) write.answer = undefined;
    }
    this.#settle(key, write);
  }

  /** A list is whole: it says nothing of what is not there any more. */
  relisted(): void {
    for (const [key, write] of this.#writes) {
      write.told.add(LISTED);
      write.answer = undefined;
      this.#settle(key, write);
    }
  }

  #settle(key: string, write: Write): void {
    if (write.open > 0) return;
    write.told.clear();
    if (!write.answer && this.#writes.get(key) === write) this.#writes.delete(key);
  }

  #forgetOld(): void {
    for (const [key, { open, until }] of this.#writes) {
      if (until > this.#clock.now()) return;
      if (open === 0) this.#writes.delete(key);
    }
  }
}
