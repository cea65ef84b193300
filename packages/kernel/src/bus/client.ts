/** One-shot requests to one cluster. */
import type { Kind, KObject } from '../contracts/object.ts';
import { KubeError, type KubeClient, type Ran } from '../contracts/services.ts';
import { isKosmosError } from '../host/errors.ts';
import { unreachable } from './errors.ts';
import type { RequestOptions, Transport } from './transport.ts';

const PAGE = 500;
const PODS: Kind<KObject> = { group: '', version: 'v1', kind: 'Pod', plural: 'pods', namespaced: true };

/** The path of a kind, or of one object of it. */
export function pathOf(kind: Kind<unknown>, namespace?: string, name?: string, subresource?: string): string {
  const base = kind.group === '' ? `/api/${kind.version}` : `/apis/${kind.group}/${kind.version}`;
  const words = [...(namespace === undefined ? [] : ['namespaces', namespace]), kind.plural, name, subresource].filter(
    (word) => word !== undefined,
  );
  return `${base}/${words.map(encodeURIComponent).join('/')}`;
}

/** `?a=b&c=d` of what is not undefined. */
export function query(values: Readonly<Record<string, string | number | boolean | undefined>>): string {
  const parameters = new URLSearchParams();
  for (const [key, value] of Object.entries(values)) if (value !== undefined && value !== '') parameters.set(key, String(value));
  return parameters.size === 0 ? '' : `?${parameters}`;
}

export const apiVersionOf = (kind: Kind<unknown>): string => (kind.group === '' ? kind.version : `${kind.group}/${kind.version}`);

export class Client implements KubeClient {
  readonly cluster: string;
  readonly #transport: Transport;

  constructor(cluster: string, transport: Transport) {
    this.cluster = cluster;
    this.#transport = transport;
  }

  get server(): string {
    return this.#transport.server;
  }

  async get<T extends KObject>(kind: Kind<T>, name: string, o: { namespace?: string; signal?: AbortSignal } = {}): Promise<T | undefined> {
    try {
      return (await this.#send(pathOf(kind, o.namespace, name), { signal: o.signal })) as T;
    } catch (error) {
      // Also a kind that is not served; its list says so with 404 too.
      if (error instanceof KubeError && error.status === 404) return undefined;
      throw error;
    }
  }

  async list<T extends KObject>(
    kind: Kind<T>,
    o: { namespace?: string; labels?: string; fields?: string; signal?: AbortSignal } = {},
  ): Promise<T[]> {
    const items: T[] = [];
    let token: string | undefined;
    do {
      const path = pathOf(kind, o.namespace) + query({ limit: PAGE, labelSelector: o.labels, fieldSelector: o.fields, continue: token });
      const page = (await this.#send(path, { signal: o.signal })) as { items: T[]; metadata: { continue?: string } };
      items.push(...page.items);
      token = page.metadata.continue || undefined;
    } while (token !== undefined);
    return items;
  }

  async apply<T extends KObject>(
    kind: Kind<T>,
    object: object,
    o: { fieldManager: string; force?: boolean; subresource?: 'status'; signal?: AbortSignal },
  ): Promise<T> {
    const body = { apiVersion: apiVersionOf(kind), kind: kind.kind, ...object } as unknown as KObject;
    const path =
      pathOf(kind, body.metadata.namespace, body.metadata.name, o.subresource) + query({ fieldManager: o.fieldManager, force: o.force });
    return (await this.#send(path, { method: 'PATCH', contentType: 'application/apply-patch+yaml', body, signal: o.signal })) as T;
  }

  async patch<T extends KObject>(
    kind: Kind<T>,
    name: string,
    patch: object,
    o: { namespace?: string; fieldManager?: string; subresource?: 'status'; signal?: AbortSignal } = {},
  ): Promise<T> {
    const path = pathOf(kind, o.namespace, name, o.subresource) + query({ fieldManager: o.fieldManager });
    return (await this.#send(path, { method: 'PATCH', contentType: 'application/merge-patch+json', body: patch, signal: o.signal })) as T;
  }

  async delete<T extends KObject>(
    kind: Kind<T>,
    name: string,
    o: { namespace?: string; uid?: string; signal?: AbortSignal } = {},
  ): Promise<void> {
    const body = o.uid === undefined ? undefined : { apiVersion: 'v1', kind: 'DeleteOptions', preconditions: { uid: o.uid } };
    try {
      await this.#send(pathOf(kind, o.namespace, name), { method: 'DELETE', body, signal: o.signal });
    } catch (error) {
      const gone = error instanceof KubeError && (error.status === 404 || (error.status === 409 && o.uid !== undefined));
      if (!gone) throw error;
    }
  }

  async exec(
    { namespace, name }: { readonly namespace: string; readonly name: string },
    command: readonly string[],
    o: { signal?: AbortSignal } = {},
  ): Promise<Ran> {
    const wanted = new URLSearchParams({ stdout: 'true', stderr: 'true' });
    for (const word of command) wanted.append('command', word);
    return this.#tried(o.signal, () => this.#transport.exec(`${pathOf(PODS, namespace, name, 'exec')}?${wanted}`, o.signal));
  }

  async request(method: string, path: string, o: { body?: unknown; contentType?: string; signal?: AbortSignal } = {}): Promise<unknown> {
    return this.#send(path, { method, ...o });
  }

  async #send(path: string, options: RequestOptions): Promise<unknown> {
    return this.#tried(options.signal, () => this.#transport.request(path, options));
  }

  async #tried<T>(signal: AbortSignal | undefined, send: () => Promise<T>): Promise<T> {
    try {
      return await send();
    } catch (error) {
      if (error instanceof KubeError || isKosmosError(error) || signal?.aborted) throw error;
      throw unreachable(this.cluster, this.server, error);
    }
  }
}
