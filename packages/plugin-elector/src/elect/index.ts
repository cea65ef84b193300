/** The manager's part: which nodes stand for each cluster, in `Cluster.status` as an order and in `ClusterNode.spec.roles`. */
import {
  ANNOTATIONS,
  type Cluster,
  ClusterKind,
  type ClusterNode,
  ClusterNodeKind,
  GATEWAY_ROLE,
  isGateway,
  LABELS,
  type Lease,
  LeaseKind,
  MANAGER_LEASE,
  type Node,
  type NodeConfig,
  NodeConfigKind,
  NodeKind,
  SYSTEM_NAMESPACE,
} from '@kosmos/api';
import { type Ctx, type Informer, type Key, leaseRights, type Right } from '@kosmos/kernel';
import { Heartbeats, LEASE_LABEL, leaseName } from './heartbeat.ts';
import { type Candidate, electOrder } from './order.ts';

/** How soon a heartbeat that stops is noticed, beside its duration. */
const LOOK_AGAIN_MS = 10_000;

export const electorRights = (): readonly Right[] => [
  ...[ClusterKind, ClusterNodeKind].map((kind): Right => ({ on: 'host', kind, verbs: ['list', 'watch', 'patch'] })),
  { on: 'host', kind: NodeConfigKind, verbs: ['list', 'watch'] },
  { on: 'host', kind: LeaseKind, verbs: ['list', 'watch'], namespace: SYSTEM_NAMESPACE },
  { on: 'members', kind: NodeKind, verbs: ['list', 'watch'] },
  ...leaseRights(MANAGER_LEASE),
];

interface Sources {
  readonly clusters: Informer<Cluster>;
  readonly records: Informer<ClusterNode>;
  readonly nodes: Informer<Node>;
  readonly reports: Informer<NodeConfig>;
  readonly leases: Informer<Lease>;
}

export function setupElector(ctx: Ctx<{}, {}, {}>, options: { readonly candidates: number }): void {
  const sources: Sources = {
    clusters: ctx.informer(ClusterKind),
    records: ctx.informer(ClusterNodeKind),
    nodes: ctx.informer<Node>(NodeKind, { clusters: 'members', transform: { id: 'elector-node', apply: trim } }),
    reports: ctx.informer(NodeConfigKind),
    leases: ctx.informer(LeaseKind, { namespace: SYSTEM_NAMESPACE, labels: LEASE_LABEL }),
  };
  const { clusters, records, nodes, reports, leases } = sources;
  const beats = new Heartbeats(ctx.clock);
  const writer = ctx.writer('elector');
  const to = (name: string | undefined): Key[] => (name ? [{ cluster: 'host', name }] : []);
  ctx
    .controller('elector')
    .for(clusters)
    .also(records, ({ spec }) => to(spec?.clusterName))
    .also(nodes, (_, cluster) => to(cluster))
    .also(reports, ({ metadata }) => to(records.get({ cluster: 'host', name: metadata.name })?.spec?.clusterName))
    .also(leases, ({ metadata }) => to(metadata.labels?.[LEASE_LABEL]))
    .gated(MANAGER_LEASE)
    .reconcile(async ({ name }, { signal, log }) => {
      const cluster = clusters.get({ cluster: 'host', name });
      const link = cluster?.spec?.clusterLinkOptions;
      if (!cluster || cluster.metadata.deletionTimestamp || !link || link.enable === false) return;
      // What a member that is away looks like says nothing: the order stays, and the agents see for themselves.
      if (nodes.state(name) !== 'live') return { requeueAfterMs: LOOK_AGAIN_MS };
      const own = [...records.list('host')].filter(({ spec }) => spec?.clusterName === name);
      const current = cluster.status?.clusterLinkStatus?.gateways ?? own.filter(isGateway).map(({ metadata }) => metadata.name);
      const order = electOrder(
        own.map((record) => candidateOf(record, cluster, sources, beats)),
        current,
        { count: options.candidates, preferred: cluster.metadata.annotations?.[ANNOTATIONS.preferredGateway] },
      );
      if (order.join() !== current.join()) log.info({ cluster: name, gateways: order, before: current }, 'The gateways were elected');
      // Roles first: who is in the order has what a gateway needs by the time that others send to it.
      for (const record of own) await writeRoles(record, order.includes(record.metadata.name), signal);
      await writer.apply(
        'host',
        ClusterKind,
        { metadata: { name }, status: { clusterLinkStatus: { gateways: order } } },
        { force: true, uid: cluster.metadata.uid, signal },
      );
      return { requeueAfterMs: LOOK_AGAIN_MS };
    });

  async function writeRoles(record: ClusterNode, chosen: boolean, signal: AbortSignal): Promise<void> {
    if (isGateway(record) === chosen) return;
    const others = (record.spec?.roles ?? []).filter((role) => role.toLowerCase() !== GATEWAY_ROLE);
    const roles = chosen ? [...others, GATEWAY_ROLE] : others;
    const { name, uid } = record.metadata;
    await writer.apply('host', ClusterNodeKind, { metadata: { name }, spec: { roles } }, { force: true, uid, signal });
  }
}

function candidateOf(record: ClusterNode, cluster: Cluster, { nodes, reports, leases }: Sources, beats: Heartbeats): Candidate {
  const { name } = record.metadata;
  const { nodeName = '', ip, ip6, interfaceName } = record.spec ?? {};
  const node = nodes.get({ cluster: cluster.metadata.name, name: nodeName });
  const family = cluster.spec?.clusterLinkOptions?.ipFamily ?? 'all';
  const reported = reports.get({ cluster: 'host', name })?.status?.lastSyncTime !== undefined;
  return {
    name,
    label: node?.metadata.labels?.[LABELS.gateway],
    ready: (node?.status?.conditions ?? []).some(({ type, status }) => type === 'Ready' && status === 'True'),
    schedulable: node !== undefined && node.spec?.unschedulable !== true,
    agent: reported && beats.alive(leases.get({ cluster: 'host', namespace: SYSTEM_NAMESPACE, name: leaseName(name) })),
    // `all` takes what there is: a node without one of the families stands for the cluster in the other.
    able: Boolean(interfaceName && (family === 'ipv6' ? ip6 : family === 'ipv4' ? ip : (ip ?? ip6))),
  };
}

/** Only what is read, and no heartbeat times: those would make each Node an update every few minutes. */
function trim({ metadata: { name, uid, resourceVersion, labels }, spec, status }: Node): Node {
  const ready = status?.conditions?.filter(({ type }) => type === 'Ready').map(({ type, status: is }) => ({ type, status: is }));
  return {
    metadata: { name, uid, resourceVersion, ...(labels && { labels }) },
    ...(spec?.unschedulable && { spec: { unschedulable: true } }),
    ...(ready && { status: { conditions: ready } }),
  };
}
