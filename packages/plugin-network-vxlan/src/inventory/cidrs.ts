import { type Cluster, ClusterKind, MANAGER_LEASE, type Node, rfc3339, ServiceCIDRKind } from '@kosmos/api';
import type { Clusters, Ctx, Informer, KObject, Writer } from '@kosmos/kernel';
import type { CniAdapter, Trouble } from '../contracts.ts';
import { merge } from '../findings.ts';
import type { FleetModel } from '../fleet-model.ts';
import { canonicalCidrs, contains, parseCidr } from '../plan/address.ts';
import { type Configured, memberView } from './adapter.ts';
import { CONTROL_PLANE, KUBEADM, readKubernetes } from './cni/kubernetes.ts';
import { adapterOf, cniOf } from './nodes.ts';
import { serviceProbe } from './probe.ts';
import { statedServiceCIDRs } from './services.ts';

/** Sources that are not there tell of nothing when they come, and a member that does not answer is asked again. */
const LOOK_AGAIN_MS = 5000;

type Key = 'podCIDRs' | 'serviceCIDRs';
const TYPES = ['PodCIDRsUnknown', 'ServiceCIDRsUnknown'] as const;
/** CIDRs, or why there are none; neither: not known now. */
interface Found {
  readonly cidrs?: readonly string[] | undefined;
  readonly trouble?: Trouble | undefined;
}

/** Keeps status.clusterLinkStatus of each Cluster. What cannot be found is left as somebody stated it, or as it was found before, and is said. */
export function cidrInventory(
  ctx: Pick<Ctx<{}, {}, {}>, 'controller' | 'writer' | 'informer' | 'clock'>,
  clusters: Clusters,
  model: FleetModel,
  nodes: Informer<Node>,
  adapters: readonly (CniAdapter & Partial<Configured>)[],
): void {
  const ranges = ctx.informer(ServiceCIDRKind, { clusters: 'members' });
  const kubernetes = memberView(ctx, nodes, [CONTROL_PLANE, KUBEADM]);
  model.clusters.on({ add: ({ metadata }) => kubernetes.want(metadata.name) });
  const probe = serviceProbe(clusters, ctx.clock);
  const sources: Informer<KObject>[] = [nodes, ranges, ...kubernetes.sources, ...adapters.flatMap((adapter) => adapter.sources)];

  function pods(cluster: Cluster): Found {
    const { name } = cluster.metadata;
    const seen = kubernetes.of(name);
    if (!seen) return {};
    const adapter = adapterOf(cluster, adapters);
    const plain = readKubernetes(seen);
    const stated = adapter?.podCIDRs ? adapter.podCIDRs(name) : plain.podCIDRs;
    const trouble = adapter?.trouble?.(name);
    if (!stated) return { trouble };
    const blocks = seen.nodes.flatMap(
      (node) => (adapter?.nodePodCIDRs ? adapter.nodePodCIDRs(name, node) : plain.nodePodCIDRs?.(node)) ?? [],
    );
    const cidrs = withBlocks(stated, blocks);
    const nothing = {
      reason: 'NoSource',
      message: `no node has a pod CIDR, and cni is '${cniOf(cluster)}'; set spec.clusterLinkOptions.cni to the CNI of this cluster, or state its networks in spec.clusterLinkOptions.podCIDRs`,
    };
    return { cidrs, trouble: trouble ?? (cidrs.length === 0 && seen.nodes.length > 0 ? nothing : undefined) };
  }

  async function services(cluster: Cluster, signal: AbortSignal): Promise<Found> {
    const { name } = cluster.metadata;
    const seen = kubernetes.of(name);
    if (!seen) return {};
    const adapter = adapterOf(cluster, adapters);
    const given = adapter?.serviceCIDRs?.(name);
    if (adapter?.serviceCIDRs && !given) return {};
    if (given && given.length > 0) return { cidrs: canonicalCidrs(given) };
    const found = statedServiceCIDRs({
      ranges: ranges.list(name),
      servers: seen.list(CONTROL_PLANE),
      cni: () => (adapter?.configuredServiceCIDRs ? adapter.configuredServiceCIDRs(name) : []),
      kubeadm: seen.list(KUBEADM),
    });
    if (!found || (found.ready.length === 0 && ranges.state(name) === 'syncing' && ranges.error(name) === undefined)) return {};
    if (found.ready.length > 0) return { cidrs: canonicalCidrs([...found.ready, ...found.ending]) };
    const { cidrs, why } = await probe(name, signal);
    if (cidrs.length > 0) return { cidrs: canonicalCidrs(cidrs) };
    const message = `no ServiceCIDR object, kube-apiserver pod or kubeadm-config says which network Services have, and ${why ?? 'nothing else does'}; state it in spec.clusterLinkOptions.serviceCIDRs`;
    return { trouble: { reason: 'NoSource', message } };
  }

  // A controller, and so a field manager, for each: what one of them does not find must not take away what the other found.
  const each = (controller: string, reconcile: (cluster: Cluster, writer: Writer, signal: AbortSignal) => Promise<boolean>) => {
    const writer = ctx.writer(controller);
    const built = ctx.controller(controller).for(model.clusters);
    for (const source of sources) built.also(source, (_, cluster) => [{ cluster: 'host', name: cluster }]);
    built.gated(MANAGER_LEASE).reconcile(async ({ name }, { signal }) => {
      const cluster = model.clusters.get({ cluster: 'host', name });
      if (!cluster || cluster.metadata.deletionTimestamp) return undefined;
      return (await reconcile(cluster, writer, signal)) ? undefined : { requeueAfterMs: LOOK_AGAIN_MS };
    });
  };
  const find: Readonly<Record<Key, (cluster: Cluster, signal: AbortSignal) => Found | Promise<Found>>> = {
    podCIDRs: (cluster) => stated(cluster, 'podCIDRs') ?? pods(cluster),
    serviceCIDRs: (cluster, signal) => stated(cluster, 'serviceCIDRs') ?? services(cluster, signal),
  };
  for (const [controller, key] of [
    ['pod-cidrs', 'podCIDRs'],
    ['service-cidrs', 'serviceCIDRs'],
  ] as const) {
    each(controller, async (cluster, writer, signal) => {
      const { cidrs } = await find[key](cluster, signal);
      if (!cidrs || cidrs.length === 0) return false;
      const { name, uid } = cluster.metadata;
      const status = { clusterLinkStatus: { [key]: cidrs } };
      await writer.apply('host', ClusterKind, { metadata: { name }, status }, { force: true, uid, signal });
      return true;
    });
  }
  each('cidr-conditions', async (cluster, writer, signal) => {
    const found = [await find.podCIDRs(cluster, signal), await find.serviceCIDRs(cluster, signal)];
    const findings = found.flatMap(({ trouble }, i) => (trouble ? [{ type: TYPES[i]!, status: 'True' as const, ...trouble }] : []));
    if (!found.every(({ cidrs, trouble }) => cidrs ?? trouble)) return false;
    const conditions = merge(findings, cluster.status?.conditions, rfc3339(ctx.clock.now()), TYPES);
    const { name, uid } = cluster.metadata;
    if (conditions) {
      await writer.apply('host', ClusterKind, { metadata: { name }, status: { conditions } }, { force: true, uid, signal });
    }
    return findings.length === 0;
  });
}

/** What the Cluster's spec states goes before all that could be found. */
function stated({ spec }: Cluster, key: Key): Found | undefined {
  const texts = spec?.clusterLinkOptions?.[key];
  if (!texts || texts.length === 0) return undefined;
  const wrong = texts.filter((text) => !parseCidr(text));
  const message = `spec.clusterLinkOptions.${key} has ${wrong.map((text) => `'${text}'`).join(', ')}, which is no IPv4 or IPv6 network such as 10.0.0.0/16; it is left out`;
  return { cidrs: canonicalCidrs(texts), trouble: wrong.length > 0 ? { reason: 'InvalidValue', message } : undefined };
}

/** The stated ranges, and the nodes' blocks that lie in none of them: of pools that are given up but still in use, or of all nodes where nothing is stated. */
export function withBlocks(stated: readonly string[], blocks: readonly string[]): string[] {
  const ranges = stated.flatMap((text) => parseCidr(text.trim()) ?? []);
  const outside = blocks.filter((text) => {
    const block = parseCidr(text.trim());
    return block && !ranges.some((range) => contains(range, block));
  });
  return canonicalCidrs([...stated, ...outside]);
}
