import { BINDINGS, PRIORITIES, ROLES } from '../auth/bootstrap.ts';
import { ApiError } from '../http/errors.ts';
import type { Registry } from '../kinds/registry.ts';
import type { JsonObject } from '../schema/schema.ts';
import type { Store } from '../storage/store.ts';
import { toObject } from './codec.ts';
import { timestamp, type Objects } from './objects.ts';

const NAMESPACES = ['default', 'kube-system', 'kube-public', 'kube-node-lease'];

/** Makes what every cluster has from the start, where it is not there. */
export async function seed(
  registry: Registry,
  objects: Objects,
  store: Store,
  { clusterIP, cidrs }: { clusterIP: string; cidrs: readonly string[] },
): Promise<void> {
  const make = async (group: string, plural: string, namespace: string, object: JsonObject): Promise<void> => {
    const resource = registry.find(group, 'v1', plural)!;
    const name: string = object['metadata'].name;
    if (store.get(resource.storage, namespace ? `${namespace}/${name}` : name)) return;
    try {
      await objects.create(
        { resource, namespace, name, dryRun: false, fieldManager: 'kube-apiserver', fieldValidation: 'Ignore', warnings: [] },
        { apiVersion: group ? `${group}/v1` : 'v1', kind: resource.kind, ...object },
      );
    } catch (error) {
      if (!(error instanceof ApiError && error.reason === 'AlreadyExists')) throw error;
    }
  };
  await Promise.all(NAMESPACES.map((name) => make('', 'namespaces', '', { metadata: { name } })));
  // Without the controller that makes them, nobody could run a pod at once.
  await Promise.all(NAMESPACES.map((name) => make('', 'serviceaccounts', name, { metadata: { name: 'default' } })));
  const RBAC = 'rbac.authorization.k8s.io';
  const metadata = (name: string): JsonObject => ({
    name,
    annotations: { 'rbac.authorization.kubernetes.io/autoupdate': 'true' },
    labels: { 'kubernetes.io/bootstrapping': 'rbac-defaults' },
  });
  await Promise.all([
    make('', 'services', 'default', {
      metadata: { name: 'kubernetes', labels: { component: 'apiserver', provider: 'kubernetes' } },
      spec: {
        type: 'ClusterIP',
        clusterIP,
        clusterIPs: [clusterIP],
        ports: [{ name: 'https', port: 443, protocol: 'TCP', targetPort: 6443 }],
      },
    }),
    make('networking.k8s.io', 'servicecidrs', '', {
      metadata: { name: 'kubernetes' },
      spec: { cidrs: [...cidrs] },
    }),
    ...Object.entries(ROLES).map(([name, rules]) => make(RBAC, 'clusterroles', '', { metadata: metadata(name), rules })),
    ...Object.entries(BINDINGS).map(([name, groups]) =>
      make(RBAC, 'clusterrolebindings', '', {
        metadata: metadata(name),
        roleRef: { apiGroup: RBAC, kind: 'ClusterRole', name },
        subjects: groups.map((group) => ({ kind: 'Group', apiGroup: RBAC, name: group })),
      }),
    ),
    ...Object.entries(PRIORITIES).map(([name, [value, description]]) =>
      make('scheduling.k8s.io', 'priorityclasses', '', { metadata: { name }, value, description }),
    ),
  ]);
  await ready(registry, objects, store);
}

/** What kube-apiserver's own controller says of the range that it was started with. */
async function ready(registry: Registry, objects: Objects, store: Store): Promise<void> {
  const resource = registry.find('networking.k8s.io', 'v1', 'servicecidrs')!;
  const entry = store.get(resource.storage, 'kubernetes');
  if (!entry) return;
  const range = toObject(resource, entry);
  if (range['status']?.conditions?.length) return;
  range['status'] = {
    conditions: [
      { type: 'Ready', status: 'True', reason: '', message: 'Kubernetes Service CIDR is ready', lastTransitionTime: timestamp() },
    ],
  };
  await objects.update(
    {
      resource,
      namespace: '',
      name: 'kubernetes',
      subresource: 'status',
      dryRun: false,
      fieldManager: 'kube-apiserver',
      fieldValidation: 'Ignore',
      warnings: [],
    },
    range,
  );
}
