import { ApiError, notFound } from '../http/errors.ts';
import type { Registry } from '../kinds/registry.ts';
import type { Resource } from '../kinds/resource.ts';
import { bind } from '../objects/binding.ts';
import { toObject } from '../objects/codec.ts';
import type { Objects, WriteRequest } from '../objects/objects.ts';
import type { Store } from '../storage/store.ts';
import type { Client, DeleteOptions, Draft } from './client.ts';
import { apiVersionOf, keyOf, Pods, type Kind, type KubeObject, type Pod } from './kube.ts';

const isRetried = (error: unknown): boolean => error instanceof ApiError && error.reason === 'Conflict';

/** Inside of the API server, past HTTP. */
export class StoreClient implements Client {
  readonly #store: Store;
  readonly #registry: Registry;
  readonly #objects: Objects;
  /** Whom managedFields name. */
  readonly #manager: string;

  constructor(o: { store: Store; registry: Registry; objects: Objects }, manager = 'kube-controller-manager') {
    ({ store: this.#store, registry: this.#registry, objects: this.#objects } = o);
    this.#manager = manager;
  }

  #resource({ group, version = 'v1', plural }: Kind<never>): Resource {
    return this.#registry.find(group, version, plural)!;
  }

  #request(resource: Resource, namespace: string, name: string, subresource?: string): WriteRequest {
    return { resource, namespace, name, subresource, dryRun: false, fieldManager: this.#manager, fieldValidation: 'Ignore', warnings: [] };
  }

  async create<T extends KubeObject>(kind: Kind<T>, draft: Draft<T>): Promise<T> {
    const resource = this.#resource(kind as Kind<never>);
    const { namespace = '' } = draft.metadata;
    const body = { apiVersion: apiVersionOf(kind), kind: kind.kind, ...structuredClone(draft) };
    const { entry } = await this.#objects.create(this.#request(resource, namespace, ''), body);
    return toObject(resource, entry) as T;
  }

  update<T extends KubeObject>(kind: Kind<T>, seen: T, change: (object: T) => void, subresource?: string): Promise<T> {
    return this.#write(kind, seen, change, subresource, seen.metadata.resourceVersion);
  }

  updateStatus<T extends KubeObject>(kind: Kind<T>, seen: T, change: (object: T) => void): Promise<T> {
    return this.update(kind, seen, change, 'status');
  }

  async modify<T extends KubeObject>(kind: Kind<T>, seen: T, change: (object: T) => void, subresource?: string): Promise<T> {
    for (let attempt = 0; ; attempt += 1) {
      try {
        return await this.#write(kind, seen, change, subresource);
      } catch (error) {
        if (!isRetried(error) || attempt >= 10) throw error;
      }
    }
  }

  async #write<T extends KubeObject>(
    kind: Kind<T>,
    seen: T,
    change: (object: T) => void,
    subresource?: string,
    version?: string,
  ): Promise<T> {
    const resource = this.#resource(kind as Kind<never>);
    const { namespace = '', name, uid } = seen.metadata;
    const head = this.#store.head(resource.storage, keyOf(seen));
    if (head?.uid !== uid) throw notFound(resource, name);
    const object = toObject(resource, head);
    change(object as T);
    if (version !== undefined) object['metadata'].resourceVersion = version;
    const { entry } = await this.#objects.update(this.#request(resource, namespace, name, subresource), object);
    return toObject(resource, entry) as T;
  }

  async delete<T extends KubeObject>(kind: Kind<T>, seen: T, { asSeen, ...options }: DeleteOptions = {}): Promise<void> {
    const resource = this.#resource(kind as Kind<never>);
    const { namespace = '', name, uid, resourceVersion } = seen.metadata;
    const preconditions = asSeen ? { uid, resourceVersion } : { uid };
    try {
      await this.#objects.delete({ resource, namespace, name, dryRun: false, preconditions, ...options });
    } catch (error) {
      const isGone = this.#store.head(resource.storage, keyOf(seen))?.uid !== uid;
      if (!isGone || !(error instanceof ApiError && error.code < 500)) throw error;
    }
  }

  async bind({ metadata: { namespace = '', name, uid } }: Pod, node: string): Promise<void> {
    const resource = this.#resource(Pods as Kind<never>);
    await bind(this.#objects, this.#request(resource, namespace, name), node, { metadata: { uid } });
  }
}
