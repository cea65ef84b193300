import { type Cluster, ClusterKind, ClusterNodeKind, DEFAULT_BRIDGE_CIDRS, DEFAULT_LOCAL_CIDRS, MANAGER_LEASE } from '@kosmos/api';
import { type Ctx, leaseRights, type Right } from '@kosmos/kernel';
import { type Cidr, overlaps, parseCidr } from '@kosmos/plugin-network-vxlan/contracts';
import { allocate } from './allocate.ts';
import { mappingsOf, unmapped } from './mappings.ts';

export const allocatorRights = (): readonly Right[] => [
  { on: 'host', kind: ClusterKind, verbs: ['list', 'watch', 'patch'] },
  { on: 'host', kind: ClusterNodeKind, verbs: ['list', 'watch'] },
  ...leaseRights(MANAGER_LEASE),
];

/**
 * Gives every cluster global networks from the pools, in the role `manager`, kept in `status.clusterLinkStatus.globalCIDRsMap`:
 * they last as long as the Cluster object, through restarts, and are free again when it goes.
 */
export function setupAllocator(ctx: Pick<Ctx<{}, {}, {}>, 'controller' | 'writer' | 'informer'>, pools: readonly Cidr[]): void {
  const clusters = ctx.informer(ClusterKind);
  const nodes = ctx.informer(ClusterNodeKind);
  const writer = ctx.writer('allocator');
  /** Written, but perhaps not in the informer's copy yet. */
  const given = new Map<string, { readonly uid: string; readonly map: Readonly<Record<string, string>> }>();
  const known = (cluster: Cluster): Readonly<Record<string, string>> => {
    const own = given.get(cluster.metadata.name);
    return own?.uid === cluster.metadata.uid ? own.map : (cluster.status?.clusterLinkStatus?.globalCIDRsMap ?? {});
  };
  const every = () => [...clusters.list('host')].map(({ metadata }) => ({ cluster: 'host', name: metadata.name }));
  ctx
    .controller('allocator')
    .for(clusters)
    .also(clusters, every)
    .gated(MANAGER_LEASE)
    .reconcile(async ({ name }, { signal, log }) => {
      const cluster = clusters.get({ cluster: 'host', name });
      if (!cluster || cluster.metadata.deletionTimestamp) return void given.delete(name);
      if (clusters.state('host') !== 'live' || nodes.state('host') !== 'live') return;
      const before = known(cluster);
      const others = [...clusters.list('host')].filter((other) => other !== cluster);
      const taken = [
        ...others.flatMap((other) => cidrs([...Object.values(known(other)), ...mappingsOf(other).map(({ seen }) => seen.text)])),
        ...cidrs(Object.values(cluster.spec?.clusterLinkOptions?.globalCIDRsMap ?? {})),
        ...[...clusters.list('host')].flatMap(ownNetworks),
        ...cidrs(
          [...nodes.list('host')].flatMap(({ spec }) =>
            [spec?.ip && `${spec.ip}/32`, spec?.ip6 && `${spec.ip6}/128`].flatMap((t) => t || []),
          ),
        ),
      ];
      const map: Record<string, string> = {};
      for (const real of unmapped(cluster)) {
        const kept = parseCidr(before[real.text] ?? '');
        const fits = kept?.family === real.family && kept.length === real.length && pools.some((pool) => overlaps(pool, kept));
        const seen = fits && !taken.some((t) => overlaps(t, kept)) ? kept : allocate(pools, taken, name, real);
        if (!seen) continue; // the planner tells
        map[real.text] = seen.text;
        taken.push(seen);
      }
      if (same(map, cluster.status?.clusterLinkStatus?.globalCIDRsMap ?? {})) return void given.delete(name);
      given.set(name, { uid: cluster.metadata.uid, map });
      await writer.apply(
        'host',
        ClusterKind,
        { metadata: { name }, status: { clusterLinkStatus: { globalCIDRsMap: map } } },
        { force: true, uid: cluster.metadata.uid, signal },
      );
      log.info({ cluster: name, map }, 'The cluster has been given global networks');
    });
}

/** Where a global network must not be: addresses that somebody has. */
function ownNetworks({ spec, status }: Cluster): Cidr[] {
  const link = spec?.clusterLinkOptions;
  const { podCIDRs = [], serviceCIDRs = [] } = status?.clusterLinkStatus ?? {};
  const nets = [link?.localCIDRs ?? DEFAULT_LOCAL_CIDRS, link?.bridgeCIDRs ?? DEFAULT_BRIDGE_CIDRS];
  return cidrs([...podCIDRs, ...serviceCIDRs, ...nets.flatMap(({ ip, ip6 }) => [ip ?? '', ip6 ?? ''])]);
}

const cidrs = (texts: readonly string[]): Cidr[] => texts.flatMap((text) => parseCidr(text) ?? []);

function same(a: Readonly<Record<string, string>>, b: Readonly<Record<string, string>>): boolean {
  return Object.keys(a).length === Object.keys(b).length && Object.entries(a).every(([key, value]) => b[key] === value);
}
