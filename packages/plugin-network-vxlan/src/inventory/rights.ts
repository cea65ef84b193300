import { ClusterKind, ClusterNodeKind, MANAGER_LEASE, NodeConfigKind, NodeKind, ServiceCIDRKind } from '@kosmos/api';
import { type KObject, leaseRights, type Right } from '@kosmos/kernel';
import { CALICO_POOLS } from './cni/calico.ts';
import { READERS } from './cni/index.ts';
import { CONTROL_PLANE, KUBEADM } from './cni/kubernetes.ts';
import type { Watch } from './cni/reader.ts';

/** The only namespace of these that every cluster has: a Role in another one could not be made. */
const SYSTEM = 'kube-system';

/** What the inventory needs in the host, and in a member whatever its CNI is. */
export const inventoryRights = (): readonly Right[] => [
  { on: 'host', kind: ClusterKind, verbs: ['list', 'watch', 'patch'] },
  { on: 'host', kind: ClusterNodeKind, verbs: ['list', 'watch', 'create', 'patch', 'delete'] },
  { on: 'host', kind: ClusterNodeKind, subresource: 'status', verbs: ['patch'] },
  { on: 'host', kind: NodeConfigKind, verbs: ['delete'] },
  ...leaseRights(MANAGER_LEASE),
  ...[NodeKind, ServiceCIDRKind].map((kind): Right => ({ on: 'members', kind, verbs: ['list', 'watch'] })),
  ...[CONTROL_PLANE, KUBEADM, ...READERS.flatMap((reader) => reader.watches)].map(watchRight),
  // In a dry run, see `serviceProbe`; RBAC knows no difference.
  { on: 'members', kind: { group: '', plural: 'services' }, verbs: ['create'], namespace: 'default' },
  ...CALICO_POOLS.map((kind): Right => ({ on: 'members', kind, verbs: ['create', 'patch', 'delete'] })),
];

function watchRight({ kind, namespace, fields }: Watch<KObject>): Right {
  const name = /^metadata\.name=([^,]+)$/.exec(fields ?? '')?.[1];
  return {
    on: 'members',
    kind,
    verbs: ['list', 'watch'],
    ...(namespace === SYSTEM && { namespace }),
    ...(name !== undefined && { names: [name] }),
  };
}
