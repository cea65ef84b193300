import { ApiError } from '../http/errors.ts';
import type { Journal } from './journal.ts';

/**
 * One version of one object. `json` is the object without `kind` and `apiVersion`, serialised once: `{"metadata":...}`.
 * Lists, watches and reads add the head they need and never serialise again.
 */
export interface Entry {
  readonly namespace: string;
  readonly name: string;
  readonly version: number;
  readonly uid: string;
  readonly labels: Readonly<Record<string, string>>;
  /** For field selectors. */
  readonly fields: Readonly<Record<string, string>>;
  readonly json: string;
  /** The same as UTF-8. */
  readonly bytes: Buffer;
}

/** A change; `entry` is undefined where the object went. A deletion's `before` has the last state, at an older version. */
export interface Change {
  readonly version: number;
  readonly key: string;
  readonly entry: Entry | undefined;
  readonly before: Entry | undefined;
}

export type Listener = (change: Change) => void;

interface Shelf {
  entries: Map<string, Entry>;
  /** Keys in order, made when a list needs it. */
  sorted: string[] | undefined;
  log: Change[];
  /** Changes at or below this version are no longer known. */
  compacted: number;
  listeners: Set<Listener>;
}

export interface StoreOptions {
  journal?: Journal | undefined;
  /** Changes kept for watches that resume, per resource. */
  window?: number;
}

interface Pending {
  resource: string;
  change: Change;
  done: () => void;
  failed: (error: unknown) => void;
}

export const keyOf = (namespace: string, name: string): string => (namespace ? `${namespace}/${name}` : name);

const byCodeUnit = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

/**
 * All objects, in versions of one counter, with a bounded window of past changes.
 *
 * A write is checked against the newest state (also what waits to be written), then waits for the commit that takes
 * everything that arrived together; only then it becomes visible to reads and watches and is acknowledged. So nobody
 * ever sees what a crash could take back, and no version is given twice.
 */
export class Store {
  readonly #shelves = new Map<string, Shelf>();
  readonly #journal: Journal | undefined;
  readonly #window: number;
  readonly #head = new Map<string, Change>();
  #queue: Pending[] = [];
  #waiting: (() => void)[] = [];
  #version = 0;
  #committed = 0;
  #closed = false;
  #problem: string | undefined;

  constructor({ journal, window = 10_000 }: StoreOptions = {}) {
    this.#journal = journal;
    this.#window = window;
    if (!journal) return;
    const { version, entries, changes } = journal.load();
    this.#version = this.#committed = version;
    for (const { resource, entry } of entries) this.#shelf(resource).entries.set(keyOf(entry.namespace, entry.name), entry);
    const oldest = changes.length ? changes[0]!.change.version - 1 : version;
    for (const { resource, change } of changes) this.#shelf(resource).log.push(change);
    for (const shelf of this.#shelves.values()) shelf.compacted = oldest;
    this.#floor = oldest;
  }

  #floor = 0;

  /** The newest version that is visible. */
  get version(): number {
    return this.#committed;
  }

  /** Why what was written last was not kept; undefined where it was. */
  get problem(): string | undefined {
    return this.#problem;
  }

  #shelf(resource: string): Shelf {
    let shelf = this.#shelves.get(resource);
    if (!shelf) {
      shelf = { entries: new Map(), sorted: undefined, log: [], compacted: this.#floor, listeners: new Set() };
      this.#shelves.set(resource, shelf);
    }
    return shelf;
  }

  /** The visible object. */
  get(resource: string, key: string): Entry | undefined {
    return this.#shelves.get(resource)?.entries.get(key);
  }

  /** The object as the next write finds it: what waits for its commit counts. */
  head(resource: string, key: string): Entry | undefined {
    const waiting = this.#head.get(`${resource}|${key}`);
    return waiting ? waiting.entry : this.get(resource, key);
  }

  /** All objects of a resource as the next write finds them, in no order. */
  heads(resource: string): Entry[] {
    const found = new Map(this.#shelves.get(resource)?.entries);
    for (const [id, { key, entry }] of this.#head) {
      if (!id.startsWith(`${resource}|`)) continue;
      if (entry) found.set(key, entry);
      else found.delete(key);
    }
    return [...found.values()];
  }

  /**
   * While a change of the object waits for its commit: resolves after that. An answer that no write of its own stands for is
   * given only when there is none, or it told of what a crash can take back.
   */
  changing(resource: string, key: string): Promise<void> | undefined {
    return this.#head.has(`${resource}|${key}`) ? new Promise((resolve) => this.#waiting.push(resolve)) : undefined;
  }

  /** Number of visible objects of a resource. */
  count(resource: string): number {
    return this.#shelves.get(resource)?.entries.size ?? 0;
  }

  /** Resources that ever had an object. */
  resources(): string[] {
    return [...this.#shelves.keys()];
  }

  /**
   * Writes what `make` gives for the version it is given, if the object's newest version is `expected`
   * (0: there is none). Resolves when it is kept; undefined from `make` removes the object.
   * @throws VersionMismatch where somebody else was first.
   */
  write(resource: string, key: string, expected: number, make: (version: number) => Entry | undefined): Promise<Change> {
    if (this.#closed) return Promise.reject(new ApiError(503, 'ServiceUnavailable', 'the server is stopping'));
    const before = this.head(resource, key);
    if ((before?.version ?? 0) !== expected) return Promise.reject(new VersionMismatch());
    const version = ++this.#version;
    const change: Change = { version, key, entry: make(version), before };
    this.#head.set(`${resource}|${key}`, change);
    return new Promise((resolve, reject) => {
      this.#queue.push({ resource, change, done: () => resolve(change), failed: reject });
      if (this.#queue.length === 1) setImmediate(() => this.#commit());
    });
  }

  #commit(): void {
    const batch = this.#queue;
    const waiting = this.#waiting;
    this.#queue = [];
    this.#waiting = [];
    this.#append(batch);
    for (const go of waiting) go();
  }

  #append(batch: readonly Pending[]): void {
    try {
      this.#journal?.append(batch);
      this.#problem = undefined;
    } catch (error) {
      // Nothing of it was seen by anyone; the versions stay used.
      this.#problem = `the data directory cannot be written: ${(error as Error).message}`;
      for (const { resource, change, failed } of batch) {
        this.#head.delete(`${resource}|${change.key}`);
        failed(new ApiError(500, 'InternalError', `Internal error occurred: ${this.#problem}`));
      }
      return;
    }
    for (const { resource, change } of batch) {
      const shelf = this.#shelf(resource);
      if (this.#head.get(`${resource}|${change.key}`) === change) this.#head.delete(`${resource}|${change.key}`);
      if (change.entry) {
        if (!shelf.entries.has(change.key)) shelf.sorted = undefined;
        shelf.entries.set(change.key, change.entry);
      } else {
        shelf.entries.delete(change.key);
        shelf.sorted = undefined;
      }
      shelf.log.push(change);
      if (shelf.log.length > this.#window * 1.25) this.#forget(shelf, shelf.log.length - this.#window);
      this.#committed = change.version;
      for (const listener of shelf.listeners) listener(change);
    }
    for (const { done } of batch) done();
  }

  #forget(shelf: Shelf, count: number): void {
    if (count <= 0) return;
    shelf.compacted = shelf.log[count - 1]!.version;
    shelf.log.splice(0, count);
  }

  /** Forgets every past change, as etcd's compaction does: watches and pages of older versions get 410. */
  compact(): void {
    for (const shelf of this.#shelves.values()) {
      shelf.log = [];
      shelf.compacted = this.#committed;
    }
    this.#floor = this.#committed;
    this.#journal?.compact(this.#committed);
  }

  /** Whether changes after `version` are all still known. */
  knows(resource: string, version: number): boolean {
    return version >= this.#shelf(resource).compacted;
  }

  /** Changes after `version`, oldest first. */
  since(resource: string, version: number): Change[] {
    const { log } = this.#shelf(resource);
    let low = 0;
    let high = log.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (log[middle]!.version <= version) low = middle + 1;
      else high = middle;
    }
    return log.slice(low);
  }

  /** Objects in key order as they were at `version`, or as they are. */
  list(resource: string, namespace = '', version?: number): Entry[] {
    const shelf = this.#shelves.get(resource);
    if (!shelf) return [];
    let { entries } = shelf;
    let keys: string[];
    if (version !== undefined && version < this.#committed) {
      const undo = this.since(resource, version);
      if (undo.length) {
        entries = new Map(entries);
        for (const change of undo.reverse()) {
          if (change.before) entries.set(change.key, change.before);
          else entries.delete(change.key);
        }
      }
      keys = [...entries.keys()].sort(byCodeUnit);
    } else {
      keys = shelf.sorted ??= [...entries.keys()].sort(byCodeUnit);
    }
    const found: Entry[] = [];
    const prefix = `${namespace}/`;
    for (const key of keys) if (!namespace || key.startsWith(prefix)) found.push(entries.get(key)!);
    return found;
  }

  /** Calls `listener` for each change from now on; the result ends that. */
  listen(resource: string, listener: Listener): () => void {
    const { listeners } = this.#shelf(resource);
    listeners.add(listener);
    return () => listeners.delete(listener);
  }

  /** Finishes what waits and closes the journal. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    if (this.#queue.length) this.#commit();
    this.#journal?.close();
  }
}

/** Somebody else wrote the object first. */
export class VersionMismatch extends Error {}
