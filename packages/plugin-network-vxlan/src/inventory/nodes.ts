import { type Cluster, ClusterNodeKind, clusterNodeName, LABELS, MANAGER_LEASE, type Node, NodeConfigKind } from '@kosmos/api';
import type { Ctx, Informer, Key } from '@kosmos/kernel';
import type { CniAdapter } from '../contracts.ts';
import type { FleetModel } from '../fleet-model.ts';
import { canonicalCidrs } from '../plan/address.ts';
import { podCIDRs } from './cni/reader.ts';

/** A member that cannot be asked now is asked again after this. */
const ASK_AGAIN_MS = 5000;

/** Keeps one ClusterNode for each node of each member. A member that cannot be reached loses none. */
export function nodeInventory(
  ctx: Pick<Ctx<{}, {}, {}>, 'controller' | 'writer'>,
  model: FleetModel,
  nodes: Informer<Node>,
  adapters: readonly CniAdapter[],
): void {
  const writer = ctx.writer('inventory');
  const controller = ctx
    .controller('inventory')
    .for(nodes)
    .also(model.nodes, ({ spec }) => nodeKey(spec?.clusterName, spec?.nodeName))
    .also(model.clusters, (cluster) => keysOf(cluster.metadata.name, model, nodes));
  for (const source of adapters.flatMap((adapter) => adapter.sources)) {
    controller.also(source, (_, cluster) => keysOf(cluster, model, nodes));
  }
  controller
    .gated(MANAGER_LEASE)
    .concurrency(4)
    .reconcile(async ({ cluster, name }, { signal }) => {
      const owner = model.clusters.get({ cluster: 'host', name: cluster });
      const recordName = clusterNodeName(cluster, name);
      const record = model.nodes.get({ cluster: 'host', name: recordName });
      if (!model.ready()) return { requeueAfterMs: ASK_AGAIN_MS };
      const node = nodes.get({ cluster, name });
      if (owner && !owner.metadata.deletionTimestamp && node && isMember(node)) {
        const adapter = adapterOf(owner, adapters);
        const cidrs = adapter?.nodePodCIDRs ? adapter.nodePodCIDRs(cluster, node) : podCIDRs(node);
        if (!cidrs) return { requeueAfterMs: ASK_AGAIN_MS };
        await writer.apply(
          'host',
          ClusterNodeKind,
          {
            metadata: { name: recordName, labels: { [LABELS.cluster]: cluster } },
            spec: { clusterName: cluster, nodeName: name, podCIDRs: canonicalCidrs(cidrs) },
          },
          { force: true, signal },
        );
        return undefined;
      }
      // Only what the inventory made: somebody may keep records of a cluster that is not watched.
      if (!record || record.metadata.labels?.[LABELS.cluster] !== cluster) return undefined;
      if (owner && !node && nodes.state(cluster) !== 'live') return { requeueAfterMs: ASK_AGAIN_MS };
      // The report first: once the record is gone, nothing would come back to it. Its agent, where one is left, sees to it too.
      await writer.delete({ cluster: 'host', name: recordName }, NodeConfigKind, { signal });
      await writer.delete({ cluster: 'host', name: recordName }, ClusterNodeKind, { uid: record.metadata.uid, signal });
      return undefined;
    });
}

/** The adapter for the cluster's CNI, if there is one. */
export function adapterOf<A extends CniAdapter>(cluster: Cluster, adapters: readonly A[]): A | undefined {
  const cni = cniOf(cluster);
  return adapters.find(({ cnis }) => cnis.includes(cni));
}

/** The schema's default, for objects that were made before there was one. */
export function cniOf({ spec }: Pick<Cluster, 'spec'>): string {
  return spec?.clusterLinkOptions?.cni ?? 'calico';
}

/** Virtual nodes stand for other clusters, and some nodes are left out by their owner. */
export function isMember({ metadata }: Node): boolean {
  return metadata.labels?.[LABELS.virtualNode] !== 'true' && metadata.labels?.[LABELS.exclude] !== 'true';
}

function nodeKey(cluster: string | undefined, name: string | undefined): Key[] {
  return cluster && name ? [{ cluster, name }] : [];
}

function* keysOf(cluster: string, model: FleetModel, nodes: Informer<Node>): Iterable<Key> {
  for (const { metadata } of nodes.list(cluster)) yield { cluster, name: metadata.name };
  for (const { spec } of model.nodes.list('host')) if (spec?.clusterName === cluster) yield* nodeKey(cluster, spec.nodeName);
}
