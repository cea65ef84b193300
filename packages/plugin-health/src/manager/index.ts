/** The manager's part: says of each node and cluster what the reports of all others mean, when that changes. */
import {
  type Cluster,
  ClusterKind,
  type ClusterNode,
  ClusterNodeKind,
  type Condition,
  type Finding,
  isGateway,
  MANAGER_LEASE,
  type NodeConfig,
  NodeConfigKind,
  type Resource,
  rfc3339,
  withTimes,
} from '@kosmos/api';
import { type Ctx, eventRight, leaseRights, type Right } from '@kosmos/kernel';
import { DEGRADED, RECOVERED } from '../trouble.ts';
import { isolated, judgeCluster, judgeNodes, type Reported, troubledClusters } from './judge.ts';

export const judgeRights = (): readonly Right[] => [
  { on: 'host', kind: ClusterKind, verbs: ['list', 'watch', 'patch'] },
  { on: 'host', kind: ClusterNodeKind, verbs: ['list', 'watch'] },
  { on: 'host', kind: ClusterNodeKind, subresource: 'status', verbs: ['patch'] },
  { on: 'host', kind: NodeConfigKind, verbs: ['list', 'watch'] },
  eventRight(),
  ...leaseRights(MANAGER_LEASE),
];

/** Index of reports by the clusters of which they say that something is wrong; the own one where a node is cut off. */
const ABOUT = 'about';
const CLUSTER = 'cluster';

export function setupManager(ctx: Pick<Ctx<{}, {}, {}>, 'informer' | 'controller' | 'writer' | 'recorder' | 'clock'>): void {
  const clusters = ctx.informer<Cluster>(ClusterKind);
  const records = ctx.informer<ClusterNode>(ClusterNodeKind, { indexes: { [CLUSTER]: ({ spec }) => [spec?.clusterName ?? ''] } });
  const ownCluster = (name: string) => records.get({ cluster: 'host', name })?.spec?.clusterName;
  const reports = ctx.informer<NodeConfig>(NodeConfigKind, {
    indexes: {
      [ABOUT]: ({ metadata, status }) => [
        ...troubledClusters(status?.links),
        ...(isolated(status?.links) ? [`node ${metadata.name}`] : []),
      ],
    },
  });
  const writer = ctx.writer('conditions');
  const recorder = ctx.recorder('conditions');
  const touched = new Map<string, readonly string[]>();
  ctx
    .controller('conditions')
    .for(clusters)
    .also(records, ({ spec }) => (spec?.clusterName ? [{ cluster: 'host', name: spec.clusterName }] : []))
    .also(reports, ({ metadata: { name }, status }) => {
      const own = isolated(status?.links) ? ownCluster(name) : undefined;
      const now = [...troubledClusters(status?.links), ...(own ? [own] : [])];
      // Those of which it said something before, too: that may be over.
      const all = new Set([...now, ...(touched.get(name) ?? [])]);
      touched.set(name, now);
      return [...all].map((cluster) => ({ cluster: 'host', name: cluster }));
    })
    .gated(MANAGER_LEASE)
    .reconcile(async ({ name }, { signal }) => {
      const cluster = clusters.get({ cluster: 'host', name });
      if (!cluster || cluster.metadata.deletionTimestamp) return;
      const members = [...records.by(CLUSTER, name)];
      const about = new Map<string, NodeConfig>([...reports.by(ABOUT, name)].map((config) => [config.metadata.name, config]));
      for (const { metadata } of members) for (const config of reports.by(ABOUT, `node ${metadata.name}`)) about.set(metadata.name, config);
      const given = [...about.values()].flatMap(({ metadata, status }): Reported[] => {
        const from = ownCluster(metadata.name);
        return from ? [{ node: metadata.name, cluster: from, links: status?.links ?? [] }] : [];
      });
      const found = judgeNodes(name, given);
      for (const record of members) await tell(ClusterNodeKind, record, found.get(record.metadata.name), signal);
      const p2p = (cluster.spec?.clusterLinkOptions?.networkType ?? 'p2p') === 'p2p';
      const ways = members.filter((record) => p2p || isGateway(record)).map(({ metadata }) => metadata.name);
      const known = new Map([...found].filter(([node]) => members.some(({ metadata }) => metadata.name === node)));
      await tell(ClusterKind, cluster, judgeCluster(ways, known), signal);
    });

  /** Each write reaches every agent: only another status or reason is worth one. */
  async function tell<T extends Cluster | ClusterNode>(
    kind: Resource<T>,
    object: T,
    found: Finding | undefined,
    signal: AbortSignal,
  ): Promise<void> {
    const known: readonly Condition[] | undefined = object.status?.conditions;
    const before = known?.find(({ type }) => type === DEGRADED);
    const over: Finding = { type: DEGRADED, status: 'False', reason: RECOVERED, message: '' };
    const next = found ?? (before ? over : undefined);
    if (!next || (before?.status === next.status && before.reason === next.reason)) return;
    const { name, uid } = object.metadata;
    const body = { metadata: { name }, status: { conditions: withTimes([next], known, rfc3339(ctx.clock.now())) } };
    await writer.apply('host', kind, body, { force: true, uid, signal, ...(kind.statusSubresource && { subresource: 'status' }) });
    recorder.event(
      'host',
      object,
      next.status === 'True' ? 'Warning' : 'Normal',
      next.reason,
      next.message || 'Nothing is wrong with its tunnels any more.',
    );
  }
}
