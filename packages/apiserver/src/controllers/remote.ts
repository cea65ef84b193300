/**
 * The controllers that kube-controller-manager does not have (scheduler, provisioner of volumes that are directories), on a
 * cluster whose API server is another one: by requests and watches, as any client.
 */
import { ApiError } from '../http/errors.ts';
import { isObject } from '../schema/schema.ts';
import type { Client, DeleteOptions, Draft } from './client.ts';
import { systemClock } from './clock.ts';
import { Context, type Controller, type Shared } from './context.ts';
import { EventRecorder } from './events.ts';
import { Informers, type Source } from './informer.ts';
import { apiVersionOf, Claims, Namespaces, Nodes, Pods, StorageClasses, Volumes, type Kind, type KubeObject, type Pod } from './kube.ts';
import { scheduler } from './scheduler/scheduler.ts';
import { hostPathProvisioner } from './volumes/provisioner.ts';

const CONTROLLERS: readonly Controller[] = [scheduler, hostPathProvisioner];
/** What they read. */
const KINDS: readonly Kind<KubeObject>[] = [Pods, Nodes, Namespaces, Claims, Volumes, StorageClasses];
const CLUSTER_WIDE: readonly string[] = ['nodes', 'namespaces', 'persistentvolumes', 'storageclasses'];

/** A cluster as these controllers reach it. */
export interface RemoteCluster {
  /** Sends a request; `body` is sent as JSON. Rejects with an error that has the Status' `code` (or `status`) and `reason`. */
  request(method: string, path: string, body?: unknown): Promise<unknown>;
  /** Watches a kind: calls `changed` for every object that there is, and for each change. Called before anything else. */
  watch(
    kind: {
      readonly group: string;
      readonly version: string;
      readonly kind: string;
      readonly plural: string;
      readonly namespaced: boolean;
    },
    changed: (now: object | undefined, namespace: string, name: string) => void,
  ): void;
}

export interface RemoteControllersOptions {
  readonly cluster: RemoteCluster;
  /** Where volumes of the class `standard` are made. */
  readonly volumesDir: string;
  readonly report: (error: unknown) => void;
}

/** Starts them; they take up what they find. The result stops them, not the watches. */
export function startRemoteControllers({ cluster, volumesDir, report }: RemoteControllersOptions): () => Promise<void> {
  const informers = new Informers(remoteSource(cluster), report);
  for (const kind of KINDS) informers.of(kind);
  const client = remoteClient(cluster, 'kube-controller-manager');
  const shared: Shared = {
    client,
    clock: systemClock,
    informers,
    events: new EventRecorder(client, systemClock),
    ca: '',
    volumesDir: () => Promise.resolve(volumesDir),
    report,
  };
  const contexts = CONTROLLERS.map((controller) => {
    const context = new Context(
      shared,
      controller.component ?? controller.name,
      controller.writer === undefined ? client : remoteClient(cluster, controller.writer),
    );
    controller.start(context);
    return context;
  });
  return async () => {
    await Promise.all(contexts.map((context) => context.stop()));
    informers.stop();
  };
}

function remoteSource(cluster: RemoteCluster): Source {
  return {
    list: () => [],
    listen: <T extends KubeObject>(
      { group, version = 'v1', kind, plural }: Kind<T>,
      changed: (now: T | undefined, namespace: string, name: string) => void,
    ) => {
      let over = false;
      cluster.watch({ group, version, kind, plural, namespaced: !CLUSTER_WIDE.includes(plural) }, (now, namespace, name) => {
        if (!over) changed(now as T | undefined, namespace, name);
      });
      return () => (over = true);
    },
  };
}

function remoteClient(cluster: RemoteCluster, manager: string): Client {
  const pathOf = ({ group, version = 'v1', plural }: Kind<never>, namespace: string | undefined, ...more: readonly string[]): string =>
    [group ? `/apis/${group}/${version}` : `/api/${version}`, ...(namespace ? ['namespaces', namespace] : []), plural, ...more].join('/');
  const ask = async (method: string, path: string, body?: unknown): Promise<unknown> => {
    try {
      return await cluster.request(method, `${path}?fieldManager=${manager}`, body);
    } catch (error) {
      const { status, code = status, reason, message } = error as { status?: number; code?: number; reason?: string; message: string };
      throw typeof code === 'number' ? new ApiError(code, reason ?? '', message) : error;
    }
  };
  const read = async <T extends KubeObject>(kind: Kind<T>, { metadata: { namespace, name, uid } }: T): Promise<T> => {
    const now = (await ask('GET', pathOf(kind as Kind<never>, namespace, name))) as T;
    if (now.metadata.uid !== uid) throw new ApiError(404, 'NotFound', `${kind.plural} "${name}" not found`);
    return now;
  };
  const update = async <T extends KubeObject>(kind: Kind<T>, seen: T, change: (object: T) => void, subresource?: string): Promise<T> => {
    const object = await read(kind, seen);
    const before = JSON.stringify(object);
    const { resourceVersion } = seen.metadata;
    if (object.metadata.resourceVersion !== resourceVersion)
      throw new ApiError(409, 'Conflict', `${kind.plural} "${seen.metadata.name}" has been changed since version ${resourceVersion}`);
    change(object);
    if (JSON.stringify(object) === before) return object;
    const { namespace, name } = seen.metadata;
    return (await ask('PUT', pathOf(kind as Kind<never>, namespace, name, ...(subresource ? [subresource] : [])), object)) as T;
  };
  return {
    create: async <T extends KubeObject>(kind: Kind<T>, draft: Draft<T>) =>
      (await ask('POST', pathOf(kind as Kind<never>, draft.metadata.namespace), {
        apiVersion: apiVersionOf(kind),
        kind: kind.kind,
        ...draft,
      })) as T,
    update,
    updateStatus: (kind, seen, change) => update(kind, seen, change, 'status'),
    async modify(kind, seen, change, subresource) {
      for (let attempt = 0; ; attempt += 1) {
        try {
          return await update(kind, await read(kind, seen), change, subresource);
        } catch (error) {
          if (!(error instanceof ApiError && error.reason === 'Conflict') || attempt >= 10) throw error;
        }
      }
    },
    async delete(kind, { metadata: { namespace, name, uid, resourceVersion } }, { asSeen, ...options }: DeleteOptions = {}) {
      const preconditions = asSeen ? { uid, resourceVersion } : { uid };
      const body = { kind: 'DeleteOptions', apiVersion: 'v1', preconditions, ...options };
      await ask('DELETE', pathOf(kind as Kind<never>, namespace, name), body).catch(async (error: unknown) => {
        if (!(error instanceof ApiError) || error.code >= 500) throw error;
        const now = error.code === 404 ? undefined : await ask('GET', pathOf(kind as Kind<never>, namespace, name)).catch(() => undefined);
        if (isObject(now) && now['metadata'].uid === uid) throw error;
      });
    },
    async bind({ metadata: { namespace, name, uid } }: Pod, node: string) {
      const target = { apiVersion: 'v1', kind: 'Node', name: node };
      await ask('POST', pathOf(Pods as Kind<never>, namespace, name, 'binding'), {
        apiVersion: 'v1',
        kind: 'Binding',
        metadata: { name, namespace, uid },
        target,
      });
    },
  };
}
