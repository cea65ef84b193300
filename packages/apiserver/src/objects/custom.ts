import { namesAccepted } from '../kinds/crd-names.ts';
import { CRD_FINALIZER, CRD_STORAGE, resourcesOf } from '../kinds/crd.ts';
import type { Registry } from '../kinds/registry.ts';
import type { Resource } from '../kinds/resource.ts';
import type { JsonObject } from '../schema/schema.ts';
import { keyOf, type Entry, type Store } from '../storage/store.ts';
import { toObject } from './codec.ts';
import type { Objects } from './objects.ts';

/**
 * Keeps the registry equal to the CustomResourceDefinitions there are. A definition that is being deleted takes its
 * objects along; it goes when the last one is gone.
 */
export class CustomKinds {
  readonly #store: Store;
  readonly #registry: Registry;
  readonly #objects: Objects;
  readonly #report: (error: unknown) => void;
  readonly #gone: (storage: string) => void;
  readonly #stops: (() => void)[] = [];
  readonly #leaving = new Map<string, () => void>();

  constructor(o: {
    store: Store;
    registry: Registry;
    objects: Objects;
    report: (error: unknown) => void;
    gone: (storage: string) => void;
  }) {
    ({ store: this.#store, registry: this.#registry, objects: this.#objects, report: this.#report, gone: this.#gone } = o);
    for (const entry of this.#store.list(CRD_STORAGE)) this.#take(entry);
    this.#stops.push(
      this.#store.listen(CRD_STORAGE, ({ entry, before }) => {
        if (entry) this.#take(entry);
        else this.#drop(before!.name);
        // Names that it has no more are for others.
        if (before) this.#settleOthers((JSON.parse(before.json) as JsonObject)['spec'].group, before.name);
      }),
    );
  }

  #take(entry: Entry): void {
    const crd = JSON.parse(entry.json) as JsonObject;
    this.#registry.removeCrd(entry.name);
    for (const resource of resourcesOf(crd)) this.#registry.add(resource);
    if (crd['metadata'].deletionTimestamp && crd['metadata'].finalizers?.includes(CRD_FINALIZER) && !this.#leaving.has(entry.name)) {
      const storage = `${crd['spec'].names.plural}.${crd['spec'].group}`;
      this.#leaving.set(
        entry.name,
        this.#store.listen(storage, ({ entry: left }) => {
          if (!left) void this.#finish(entry.name, storage);
        }),
      );
      void this.#empty(entry.name, storage);
    }
  }

  /** Writes the definitions of a group again that lack a name, so that they get what there is now. */
  #settleOthers(group: string, name: string): void {
    const resource = this.#definitions();
    for (const entry of this.#store.list(CRD_STORAGE)) {
      const crd = toObject(resource, entry);
      if (entry.name !== name && crd['spec'].group === group && !namesAccepted(crd)) void this.#write(entry.name, crd);
    }
  }

  #drop(name: string): void {
    this.#leaving.get(name)?.();
    this.#leaving.delete(name);
    this.#registry.removeCrd(name);
    this.#gone(name);
  }

  async #empty(crd: string, storage: string): Promise<void> {
    const resource = this.#registry.stored(storage) ?? this.#registry.all().find((r) => r.storage === storage);
    try {
      if (resource) {
        await Promise.allSettled(
          this.#store.list(storage).map(({ namespace, name }) => this.#objects.delete({ resource, namespace, name, dryRun: false })),
        );
      }
    } finally {
      await this.#finish(crd, storage);
    }
  }

  async #finish(name: string, storage: string): Promise<void> {
    if (this.#store.count(storage) > 0) return;
    const entry = this.#store.get(CRD_STORAGE, keyOf('', name));
    if (!entry) return;
    const crd = toObject(this.#definitions(), entry);
    crd['metadata'].finalizers = (crd['metadata'].finalizers ?? []).filter((f: string) => f !== CRD_FINALIZER);
    await this.#write(name, crd);
  }

  #definitions(): Resource {
    return this.#registry.find('apiextensions.k8s.io', 'v1', 'customresourcedefinitions')!;
  }

  /** Writes a definition as this server; one that somebody else wrote or took away first comes back by its change. */
  async #write(name: string, crd: JsonObject): Promise<void> {
    const resource = this.#definitions();
    await this.#objects
      .update(
        { resource, namespace: '', name, dryRun: false, fieldManager: 'kube-apiserver', fieldValidation: 'Ignore', warnings: [] },
        crd,
      )
      .catch((error: unknown) => {
        if ((error as { code?: number }).code !== 404 && (error as { code?: number }).code !== 409) this.#report(error);
      });
  }

  stop(): void {
    for (const stop of [...this.#stops, ...this.#leaving.values()]) stop();
  }
}
