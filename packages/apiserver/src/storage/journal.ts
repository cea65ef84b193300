import { DatabaseSync, type StatementSync } from 'node:sqlite';
import { KeptEntry } from './entry.ts';
import type { Change, Entry } from './store.ts';

interface Written {
  resource: string;
  change: Change;
}

const SCHEMA = `
  CREATE TABLE IF NOT EXISTS object (resource TEXT NOT NULL, key TEXT NOT NULL, entry TEXT NOT NULL, json TEXT NOT NULL,
    PRIMARY KEY (resource, key)) WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS change (version INTEGER PRIMARY KEY, resource TEXT NOT NULL, key TEXT NOT NULL,
    entry TEXT, json TEXT, before_entry TEXT, before_json TEXT);
  CREATE TABLE IF NOT EXISTS state (id INTEGER PRIMARY KEY CHECK (id = 1), version INTEGER NOT NULL);
`;

const head = (e: Entry | undefined): string | null =>
  e ? JSON.stringify([e.namespace, e.name, e.version, e.uid, e.labels, e.fields]) : null;

function entryOf(text: unknown, json: unknown): Entry | undefined {
  if (typeof text !== 'string' || typeof json !== 'string') return undefined;
  const [namespace, name, version, uid, labels, fields] = JSON.parse(text) as [
    string,
    string,
    number,
    string,
    Entry['labels'],
    Entry['fields'],
  ];
  return new KeptEntry({ namespace, name, version, uid, labels, fields, json });
}

/** What the store keeps on disk: objects, a window of changes, and the last version; a commit is durable when `append` returns. */
export class Journal {
  readonly #db: DatabaseSync;
  readonly #window: number;
  readonly #put: StatementSync;
  readonly #remove: StatementSync;
  readonly #log: StatementSync;
  readonly #state: StatementSync;
  readonly #trim: StatementSync;
  #sinceTrim = 0;

  /** @param window changes kept for watches that resume after a restart, over all resources */
  constructor(file: string, window = 10_000) {
    this.#db = new DatabaseSync(file);
    this.#window = window;
    // EXCLUSIVE: two servers on one directory would each give versions of their own.
    this.#db.exec('PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;');
    this.#db.exec(SCHEMA);
    this.#put = this.#db.prepare(
      'INSERT INTO object VALUES (?, ?, ?, ?) ON CONFLICT DO UPDATE SET entry = excluded.entry, json = excluded.json',
    );
    this.#remove = this.#db.prepare('DELETE FROM object WHERE resource = ? AND key = ?');
    this.#log = this.#db.prepare('INSERT INTO change VALUES (?, ?, ?, ?, ?, ?, ?)');
    this.#state = this.#db.prepare('INSERT INTO state VALUES (1, ?) ON CONFLICT DO UPDATE SET version = excluded.version');
    this.#trim = this.#db.prepare('DELETE FROM change WHERE version <= ?');
  }

  load(): { version: number; entries: { resource: string; entry: Entry }[]; changes: Written[] } {
    const state = this.#db.prepare('SELECT version FROM state').get();
    const entries = this.#db
      .prepare('SELECT * FROM object')
      .all()
      .map((row) => ({ resource: String(row['resource']), entry: entryOf(row['entry'], row['json'])! }));
    const changes = this.#db
      .prepare('SELECT * FROM change ORDER BY version')
      .all()
      .map((row) => ({
        resource: String(row['resource']),
        change: {
          version: Number(row['version']),
          key: String(row['key']),
          entry: entryOf(row['entry'], row['json']),
          before: entryOf(row['before_entry'], row['before_json']),
        },
      }));
    return { version: Number(state?.['version'] ?? 0), entries, changes };
  }

  append(batch: readonly Written[]): void {
    this.#db.exec('BEGIN IMMEDIATE');
    try {
      for (const {
        resource,
        change: { version, key, entry, before },
      } of batch) {
        if (entry) this.#put.run(resource, key, head(entry), entry.json);
        else this.#remove.run(resource, key);
        this.#log.run(version, resource, key, head(entry), entry?.json ?? null, head(before), before?.json ?? null);
      }
      const last = batch.at(-1)!.change.version;
      this.#state.run(last);
      this.#sinceTrim += batch.length;
      if (this.#sinceTrim > this.#window / 4) {
        this.#trim.run(last - this.#window);
        this.#sinceTrim = 0;
      }
      this.#db.exec('COMMIT');
    } catch (error) {
      // SQLite has done so itself where the disk is full.
      if (this.#db.isTransaction) this.#db.exec('ROLLBACK');
      throw error;
    }
  }

  compact(version: number): void {
    this.#trim.run(version);
  }

  close(): void {
    this.#db.close();
  }
}
