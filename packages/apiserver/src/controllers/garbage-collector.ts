import { ApiError } from '../http/errors.ts';
import type { Resource } from '../kinds/resource.ts';
import type { Entry, Store } from '../storage/store.ts';
import type { Context, Controller, SharedInside } from './context.ts';
import type { KubeObject, Meta, OwnerReference } from './kube.ts';
import { isTerminating } from './pods.ts';

const ORPHAN = 'orphan';
const FOREGROUND = 'foregroundDeletion';

/** Deletes what has lost its owners, and lets owners go that wait for their dependents. */
export const garbageCollector: Controller<SharedInside> = {
  name: 'garbage-collector-controller',
  start(c) {
    const { store, everyKind, registry } = c.shared;
    const graph = new Graph();
    const queue = c.queue((key) => {
      const [storage, id] = JSON.parse(key) as [string, string];
      const resource = registry.stored(storage);
      const entry = store.get(storage, id);
      return resource && entry ? sync(c, graph, resource, entry, (k) => queue.add(k)) : Promise.resolve();
    }, 20);
    everyKind.on((resource, now, before) => {
      // Most objects have no owner and stay: they are told apart without being read.
      const entry = now ?? before!;
      const key = keyOf(resource, entry);
      const refs = now ? refsOf(now) : [];
      const changed = graph.set(entry.uid, key, refs);
      if (changed && now) queue.add(key);
      if (now?.bytes.includes('"deletionTimestamp":')) queue.add(key);
      if (now) return;
      for (const dependent of graph.dependentsOf(entry.uid)) queue.add(dependent);
      for (const owner of changed ?? []) if (graph.waiting.has(owner)) queue.add(graph.waiting.get(owner)!);
      graph.waiting.delete(entry.uid);
    });
  },
};

const keyOf = (resource: Resource, { namespace, name }: { namespace?: string; name: string }): string =>
  JSON.stringify([resource.storage, namespace ? `${namespace}/${name}` : name]);

const metaOf = (entry: Entry): Meta => (JSON.parse(entry.json) as KubeObject).metadata;

const refsOf = (entry: Entry): OwnerReference[] =>
  entry.bytes.includes('"ownerReferences":[') ? (metaOf(entry).ownerReferences ?? []) : [];

/** Who depends on whom, by uid. */
class Graph {
  /** Owners of an object. */
  readonly #owners = new Map<string, string[]>();
  /** Keys of the objects that an owner has, by their uid. */
  readonly #dependents = new Map<string, Map<string, string>>();
  /** Keys of owners whose deletion waits for dependents. */
  readonly waiting = new Map<string, string>();

  /** Notes an object's owners; gives the former and present ones where they changed. */
  set(uid: string, key: string, refs: readonly OwnerReference[]): string[] | undefined {
    const before = this.#owners.get(uid) ?? [];
    const now = refs.map((r) => r.uid);
    if (before.length === now.length && before.every((o, i) => o === now[i])) return undefined;
    for (const owner of before) {
      const dependents = this.#dependents.get(owner);
      dependents?.delete(uid);
      if (dependents?.size === 0) this.#dependents.delete(owner);
    }
    for (const owner of now) {
      const dependents = this.#dependents.get(owner);
      if (dependents) dependents.set(uid, key);
      else this.#dependents.set(owner, new Map([[uid, key]]));
    }
    if (now.length) this.#owners.set(uid, now);
    else this.#owners.delete(uid);
    return [...before, ...now];
  }

  dependentsOf(uid: string): string[] {
    return [...(this.#dependents.get(uid)?.values() ?? [])];
  }
}

async function sync(c: Context<SharedInside>, graph: Graph, resource: Resource, entry: Entry, look: (key: string) => void): Promise<void> {
  const meta = metaOf(entry);
  const object = { metadata: meta };
  const finalizers = isTerminating(object) ? (meta.finalizers ?? []) : [];
  if (finalizers.includes(ORPHAN)) await orphan(c, graph, resource, meta);
  else if (finalizers.includes(FOREGROUND)) await deleteDependents(c, graph, resource, meta, look);
  else if (meta.ownerReferences && !isTerminating(object)) await collect(c, graph, resource, meta);
}

/** Takes the references to the object out of its dependents, and lets it go. */
async function orphan(c: Context<SharedInside>, graph: Graph, resource: Resource, meta: Meta): Promise<void> {
  await Promise.all(
    graph.dependentsOf(meta.uid).map(async (key) => {
      const found = find(c, key);
      if (found) await dropRefs(c, found.resource, metaOf(found.entry), new Set([meta.uid]));
    }),
  );
  await dropFinalizer(c, resource, meta, ORPHAN);
}

/** Has the dependents deleted that block the object, and lets it go when there are none. */
async function deleteDependents(
  c: Context<SharedInside>,
  graph: Graph,
  resource: Resource,
  meta: Meta,
  look: (key: string) => void,
): Promise<void> {
  graph.waiting.set(meta.uid, keyOf(resource, meta));
  let blocking = 0;
  for (const key of graph.dependentsOf(meta.uid)) {
    const found = find(c, key);
    if (!found) continue;
    if (refsOf(found.entry).some((r) => r.uid === meta.uid && r.blockOwnerDeletion)) blocking += 1;
    look(key);
  }
  if (blocking > 0) return;
  graph.waiting.delete(meta.uid);
  await dropFinalizer(c, resource, meta, FOREGROUND);
}

/** Deletes the object if none of its owners is there, or only such that are waiting for it to go. */
async function collect(c: Context<SharedInside>, graph: Graph, resource: Resource, meta: Meta): Promise<void> {
  const absent = new Set<string>();
  const waiting = new Set<string>();
  let solid = 0;
  for (const ref of meta.ownerReferences!) {
    const owner = ownerOf(c, ref, meta.namespace);
    if (owner === 'absent') absent.add(ref.uid);
    else if (owner !== 'unknown' && isWaiting(owner)) waiting.add(ref.uid);
    else solid += 1;
  }
  if (solid > 0) {
    if (absent.size + waiting.size > 0) await dropRefs(c, resource, meta, new Set([...absent, ...waiting]));
    return;
  }
  const finalizers = meta.finalizers ?? [];
  const dependents = graph.dependentsOf(meta.uid).length > 0;
  const propagationPolicy =
    waiting.size > 0 && dependents
      ? 'Foreground'
      : finalizers.includes(ORPHAN)
        ? 'Orphan'
        : finalizers.includes(FOREGROUND)
          ? 'Foreground'
          : 'Background';
  await c.client.delete(resource, { metadata: meta }, { propagationPolicy, asSeen: true });
}

/** `unknown`: of a kind that is not served, or one that this object cannot have as its owner: it is left alone. */
function ownerOf(c: Context<SharedInside>, ref: OwnerReference, namespace: string | undefined): Entry | 'absent' | 'unknown' {
  const { store, registry } = c.shared;
  const slash = ref.apiVersion.indexOf('/');
  const [group, version] = slash < 0 ? ['', ref.apiVersion] : [ref.apiVersion.slice(0, slash), ref.apiVersion.slice(slash + 1)];
  const resource = registry.all().find((r) => r.kind === ref.kind && r.group === group && r.version === version);
  if (!resource || (resource.namespaced && namespace === undefined)) return 'unknown';
  const entry = store.get(resource.storage, resource.namespaced ? `${namespace}/${ref.name}` : ref.name);
  return entry?.uid === ref.uid ? entry : 'absent';
}

function isWaiting(owner: Entry): boolean {
  if (!owner.bytes.includes(FOREGROUND)) return false;
  const meta = metaOf(owner);
  return meta.deletionTimestamp !== undefined && Boolean(meta.finalizers?.includes(FOREGROUND));
}

function find(c: Context<SharedInside>, key: string): { resource: Resource; entry: Entry } | undefined {
  const [storage, id] = JSON.parse(key) as [string, string];
  const { store, registry }: { store: Store; registry: SharedInside['registry'] } = c.shared;
  const resource = registry.stored(storage);
  const entry = store.get(storage, id);
  return resource && entry ? { resource, entry } : undefined;
}

const ignoreGone = (error: unknown): void => {
  if (!(error instanceof ApiError && error.code === 404)) throw error;
};

async function dropRefs(c: Context<SharedInside>, resource: Resource, meta: Meta, owners: ReadonlySet<string>): Promise<void> {
  await c.client
    .modify<KubeObject>(resource, { metadata: meta }, (o) => {
      o.metadata.ownerReferences = (o.metadata.ownerReferences ?? []).filter((r) => !owners.has(r.uid));
    })
    .catch(ignoreGone);
}

async function dropFinalizer(c: Context<SharedInside>, resource: Resource, meta: Meta, finalizer: string): Promise<void> {
  await c.client
    .modify<KubeObject>(resource, { metadata: meta }, (o) => {
      o.metadata.finalizers = (o.metadata.finalizers ?? []).filter((f) => f !== finalizer);
    })
    .catch(ignoreGone);
}
