import { ApiError, notFound } from '../http/errors.ts';
import type { Registry } from '../kinds/registry.ts';
import type { Resource } from '../kinds/resource.ts';
import type { JsonObject } from '../schema/schema.ts';
import type { Store } from '../storage/store.ts';
import { toObject } from './codec.ts';
import type { Objects } from './objects.ts';

const STORAGE = 'namespaces';
const RETRY = 200;

/** Refuses writes into namespaces that are not there, and new objects in those that are going. */
export function admit(store: Store, registry: Registry, resource: Resource, namespace: string, creating: boolean, name: string): void {
  if (!resource.namespaced) return;
  const entry = store.head(STORAGE, namespace);
  if (!entry) throw notFound(registry.find('', 'v1', 'namespaces')!, namespace);
  if (!creating) return;
  const { metadata } = JSON.parse(entry.json) as JsonObject;
  if (metadata.deletionTimestamp) {
    throw new ApiError(
      403,
      'Forbidden',
      `${resource.plural}${resource.group ? `.${resource.group}` : ''} "${name}" is forbidden: unable to create new content in namespace ${namespace} because it is being terminated`,
      {
        name,
        ...(resource.group ? { group: resource.group } : {}),
        kind: resource.plural,
        causes: [{ reason: 'NamespaceTerminating', message: `namespace ${namespace} is being terminated`, field: 'metadata.namespace' }],
      },
    );
  }
}

/** Empties namespaces that are being deleted, and lets them go when nothing is left in them. */
export class Namespaces {
  readonly #store: Store;
  readonly #registry: Registry;
  readonly #objects: Objects;
  readonly #report: (error: unknown) => void;
  readonly #timers = new Map<string, NodeJS.Timeout>();
  readonly #unlisten: () => void;
  #stopped = false;

  constructor(o: { store: Store; registry: Registry; objects: Objects; report: (error: unknown) => void }) {
    ({ store: this.#store, registry: this.#registry, objects: this.#objects, report: this.#report } = o);
    this.#unlisten = this.#store.listen(STORAGE, ({ entry }) => {
      if (entry) this.#look(entry.name);
    });
    for (const entry of this.#store.list(STORAGE)) this.#look(entry.name);
  }

  #look(name: string): void {
    if (this.#stopped || this.#timers.has(name)) return;
    const entry = this.#store.get(STORAGE, name);
    if (!entry || !(JSON.parse(entry.json) as JsonObject)['metadata'].deletionTimestamp) return;
    this.#timers.set(
      name,
      setTimeout(
        () => {
          this.#empty(name)
            .catch(this.#report)
            .finally(() => {
              this.#timers.delete(name);
              this.#look(name);
            });
        },
        this.#timers.size ? RETRY : 0,
      ),
    );
  }

  async #empty(name: string): Promise<void> {
    const kinds = this.#registry.all().filter((r) => r.namespaced && r.verbs.includes('delete') && r.version === r.storageVersion);
    let left = 0;
    for (const resource of kinds) {
      const entries = this.#store.list(resource.storage, name);
      left += entries.length;
      await Promise.allSettled(entries.map((e) => this.#objects.delete({ resource, namespace: name, name: e.name, dryRun: false })));
    }
    if (left) {
      left = kinds.reduce((n, r) => n + this.#store.list(r.storage, name).length, 0);
      if (left) {
        await new Promise((resolve) => setTimeout(resolve, RETRY));
        return;
      }
    }
    const resource = this.#registry.find('', 'v1', 'namespaces')!;
    const entry = this.#store.get(STORAGE, name);
    if (!entry) return;
    const namespace = toObject(resource, entry);
    namespace['spec'] = {
      ...namespace['spec'],
      finalizers: (namespace['spec']?.finalizers ?? []).filter((f: string) => f !== 'kubernetes'),
    };
    await this.#objects
      .update(
        {
          resource,
          namespace: '',
          name,
          dryRun: false,
          fieldManager: 'kube-apiserver',
          fieldValidation: 'Ignore',
          warnings: [],
          subresource: 'finalize',
        },
        namespace,
      )
      .catch((error: unknown) => {
        if (![404, 409].includes((error as ApiError).code)) throw error;
      });
    // Finalizers in the metadata may hold it on; then there is nothing to do here.
    if (this.#store.get(STORAGE, name)) await new Promise((resolve) => setTimeout(resolve, RETRY));
  }

  stop(): void {
    this.#stopped = true;
    this.#unlisten();
    for (const timer of this.#timers.values()) clearTimeout(timer);
  }
}
