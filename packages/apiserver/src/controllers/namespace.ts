import { ApiError } from '../http/errors.ts';
import type { Resource } from '../kinds/resource.ts';
import { equal } from '../schema/schema.ts';
import { withCondition } from './conditions.ts';
import type { Context, Controller, SharedInside } from './context.ts';
import { Namespaces, type Condition, type KubeObject, type Namespace } from './kube.ts';
import { isTerminating } from './pods.ts';
import type { WorkQueue } from './queue.ts';

const FINALIZER = 'kubernetes';

/** Empties namespaces that are being deleted, and lets them go when nothing is left in them. */
export const namespaceController: Controller<SharedInside> = {
  name: 'namespace-controller',
  start(c) {
    const namespaces = c.informer(Namespaces);
    const queue: WorkQueue = c.queue((name) => sync(c, name));
    namespaces.on((now) => {
      if (now && isTerminating(now)) queue.add(now.metadata.name);
    });
    c.shared.everyKind.on((_, now, before) => {
      if (now || !before?.namespace) return;
      const namespace = namespaces.get('', before.namespace);
      if (namespace && isTerminating(namespace)) queue.add(before.namespace);
    });
  },
};

async function sync(c: Context<SharedInside>, name: string): Promise<void> {
  const namespace = c.informer(Namespaces).get('', name);
  if (!namespace || !isTerminating(namespace) || !namespace.spec?.finalizers?.includes(FINALIZER)) return;
  const { store, everyKind } = c.shared;
  const kinds = everyKind.kinds().filter((r) => r.namespaced && r.verbs.includes('delete'));
  const failures: string[] = [];
  // Pods first: what they use stays while they end.
  const pods = kinds.filter((r) => r.storage === 'pods');
  await empty(c, name, pods, failures);
  if (pods.every((r) => store.list(r.storage, name).length === 0)) await empty(c, name, kinds, failures);
  const left = kinds.map((resource) => ({ resource, entries: store.list(resource.storage, name) })).filter((k) => k.entries.length > 0);
  await writeConditions(c, namespace, left, failures);
  if (left.length > 0) {
    // What is left goes by somebody else's hand, which is an event here; what could not be deleted is tried again.
    if (failures.length > 0) throw new ApiError(409, 'Conflict', failures.join('; '));
    return;
  }
  await c.client
    .modify(
      Namespaces,
      namespace,
      (o) => {
        o.spec = { ...o.spec, finalizers: (o.spec?.finalizers ?? []).filter((f) => f !== FINALIZER) };
      },
      'finalize',
    )
    .catch((error: unknown) => {
      if (!(error instanceof ApiError && error.code === 404)) throw error;
    });
}

async function empty(c: Context<SharedInside>, namespace: string, kinds: readonly Resource[], failures: string[]): Promise<void> {
  for (const resource of kinds) {
    const objects = c.shared.store.list(resource.storage, namespace).map((e) => JSON.parse(e.json) as KubeObject);
    const results = await Promise.allSettled(objects.filter((o) => !isTerminating(o)).map((o) => c.client.delete(resource, o)));
    for (const r of results) if (r.status === 'rejected') failures.push((r.reason as Error).message);
  }
}

type Left = readonly { resource: Resource; entries: readonly { json: string }[] }[];

async function writeConditions(c: Context<SharedInside>, namespace: Namespace, left: Left, failures: readonly string[]): Promise<void> {
  const now = c.timestamp();
  const finalizers = new Map<string, number>();
  for (const { entries } of left)
    for (const e of entries)
      for (const f of (JSON.parse(e.json) as KubeObject).metadata.finalizers ?? []) finalizers.set(f, (finalizers.get(f) ?? 0) + 1);
  const names = left.map(({ resource: r, entries }) => `${r.plural}.${r.group} has ${entries.length} resource instances`);
  const waits = [...finalizers].map(([f, n]) => `${f} in ${n} resource instances`);
  const condition = (type: string, holds: boolean, reasons: [string, string], messages: [string, string]): Condition => ({
    type,
    status: holds ? 'True' : 'False',
    lastTransitionTime: now,
    reason: reasons[holds ? 0 : 1],
    message: messages[holds ? 0 : 1],
  });
  const wanted = [
    condition('NamespaceDeletionDiscoveryFailure', false, ['', 'ResourcesDiscovered'], ['', 'All resources successfully discovered']),
    condition(
      'NamespaceDeletionGroupVersionParsingFailure',
      false,
      ['', 'ParsedGroupVersions'],
      ['', 'All legacy kube types successfully parsed'],
    ),
    condition(
      'NamespaceDeletionContentFailure',
      failures.length > 0,
      ['ContentDeletionFailed', 'ContentDeleted'],
      [
        `Failed to delete all resource types, ${failures.length} remaining: ${failures.join(', ')}`,
        'All content successfully deleted, may be waiting on finalization',
      ],
    ),
    condition(
      'NamespaceContentRemaining',
      names.length > 0,
      ['SomeResourcesRemain', 'ContentRemoved'],
      [`Some resources are remaining: ${names.join(', ')}`, 'All content successfully removed'],
    ),
    condition(
      'NamespaceFinalizersRemaining',
      waits.length > 0,
      ['SomeFinalizersRemain', 'ContentHasNoFinalizers'],
      [`Some content in the namespace has finalizers remaining: ${waits.join(', ')}`, 'All content-preserving finalizers finished'],
    ),
  ];
  let { conditions } = namespace.status ?? {};
  for (const w of wanted) conditions = withCondition(conditions, w);
  // One that goes at once is not told about itself.
  if (left.length === 0 || equal(conditions, namespace.status?.conditions)) return;
  await c.client.modify(
    Namespaces,
    namespace,
    (o) => {
      o.status = { ...o.status, phase: 'Terminating', conditions: conditions! };
    },
    'status',
  );
}
