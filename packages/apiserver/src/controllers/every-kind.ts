import type { Registry } from '../kinds/registry.ts';
import type { Resource } from '../kinds/resource.ts';
import type { Entry, Store } from '../storage/store.ts';

export type EntryHandler = (resource: Resource, now: Entry | undefined, before: Entry | undefined) => void;

/** Changes of objects of every kind, built-in or custom, also of those to come. */
export class EveryKind {
  readonly #store: Store;
  readonly #registry: Registry;
  readonly #report: (error: unknown) => void;
  readonly #handlers: EntryHandler[] = [];
  readonly #unlisten = new Map<string, () => void>();

  /** @param report gets what a handler throws, which is nothing to the write that it was told of */
  constructor(store: Store, registry: Registry, report: (error: unknown) => void) {
    this.#store = store;
    this.#registry = registry;
    this.#report = report;
  }

  /** Calls `handler` for every object that is there, and then for each change. */
  on(handler: EntryHandler): void {
    if (this.#handlers.length === 0) {
      const definitions = this.#registry.find('apiextensions.k8s.io', 'v1', 'customresourcedefinitions')!;
      this.#unlisten.set(
        '',
        this.#store.listen(definitions.storage, () => this.#look()),
      );
      this.#look();
    }
    this.#handlers.push(handler);
    for (const resource of this.kinds()) for (const entry of this.#store.list(resource.storage)) handler(resource, entry, undefined);
  }

  /** One version of each kind whose objects are kept. */
  kinds(): Resource[] {
    return this.#registry.all().filter((r) => r.version === r.storageVersion && r.verbs.includes('get'));
  }

  #look(): void {
    for (const { storage } of this.kinds()) {
      if (this.#unlisten.has(storage)) continue;
      this.#unlisten.set(
        storage,
        this.#store.listen(storage, ({ entry, before }) => {
          const resource = this.#registry.stored(storage);
          if (!resource) return;
          for (const handler of this.#handlers) {
            try {
              handler(resource, entry, before);
            } catch (error) {
              this.#report(error);
            }
          }
        }),
      );
    }
  }

  stop(): void {
    for (const unlisten of this.#unlisten.values()) unlisten();
  }
}
