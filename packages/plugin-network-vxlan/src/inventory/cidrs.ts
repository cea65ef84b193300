import { ClusterKind, MANAGER_LEASE, type Node, type Pod, PodKind, type ServiceCIDR, ServiceCIDRKind } from '@kosmos/api';
import type { Ctx, Informer } from '@kosmos/kernel';
import type { CniAdapter } from '../contracts.ts';
import type { FleetModel } from '../fleet-model.ts';
import { canonicalCidrs } from '../plan/address.ts';
import { adapterOf, isMember, podCIDRs } from './nodes.ts';

const SERVICE_FLAG = '--service-cluster-ip-range=';

/** Keeps status.clusterLinkStatus of each Cluster. What cannot be found is left as somebody stated it. */
export function cidrInventory(
  ctx: Pick<Ctx<{}, {}, {}>, 'controller' | 'writer' | 'informer'>,
  model: FleetModel,
  nodes: Informer<Node>,
  adapters: readonly CniAdapter[],
): void {
  const ranges = ctx.informer(ServiceCIDRKind, { clusters: 'members' });
  const servers = ctx.informer(PodKind, { clusters: 'members', namespace: 'kube-system', labels: 'component=kube-apiserver' });
  const writer = ctx.writer('cidrs');
  const toCluster = (_: unknown, cluster: string) => [{ cluster: 'host', name: cluster }];
  const controller = ctx.controller('cidrs').for(model.clusters).also(nodes, toCluster).also(ranges, toCluster).also(servers, toCluster);
  for (const source of adapters.flatMap((adapter) => adapter.sources)) controller.also(source, toCluster);
  controller.gated(MANAGER_LEASE).reconcile(async ({ name }, { signal }) => {
    const cluster = model.clusters.get({ cluster: 'host', name });
    if (!cluster || cluster.metadata.deletionTimestamp || nodes.state(name) !== 'live') return;
    const adapter = adapterOf(cluster, adapters);
    const pods = adapter?.podCIDRs ? adapter.podCIDRs(name) : nodesPodCIDRs(nodes.list(name));
    const services = adapter?.serviceCIDRs ? adapter.serviceCIDRs(name) : statedServiceCIDRs(ranges.list(name), servers.list(name));
    if (!pods || !services || pods.length + services.length === 0) return;
    const [podCIDRs, serviceCIDRs] = [canonicalCidrs(pods), canonicalCidrs(services)];
    const clusterLinkStatus = { ...(podCIDRs.length > 0 && { podCIDRs }), ...(serviceCIDRs.length > 0 && { serviceCIDRs }) };
    await writer.apply(
      'host',
      ClusterKind,
      { metadata: { name }, status: { clusterLinkStatus } },
      { force: true, uid: cluster.metadata.uid, signal },
    );
  });
}

/** Of the nodes that take part. */
export function nodesPodCIDRs(nodes: Iterable<Node>): string[] {
  return [...nodes].filter(isMember).flatMap(podCIDRs);
}

/** From ServiceCIDR objects (Kubernetes 1.33 and later), else from the flags of the kube-apiserver pods, in command or args. */
export function statedServiceCIDRs(ranges: Iterable<ServiceCIDR>, servers: Iterable<Pod>): string[] {
  const stated = [...ranges].flatMap(({ spec }) => spec?.cidrs ?? []);
  if (stated.length > 0) return stated;
  const words = [...servers].flatMap(({ spec }) => (spec?.containers ?? []).flatMap((c) => [...(c.command ?? []), ...(c.args ?? [])]));
  return words.filter((w) => w.startsWith(SERVICE_FLAG)).flatMap((w) => w.slice(SERVICE_FLAG.length).split(','));
}
