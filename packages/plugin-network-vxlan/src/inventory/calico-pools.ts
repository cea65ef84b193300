import { type Cluster, ClusterKind, type Finding, MANAGER_LEASE, rfc3339, withTimes } from '@kosmos/api';
import { type Clusters, type Ctx, type Informer, type Key, KubeError } from '@kosmos/kernel';
import type { Network } from '../contracts.ts';
import type { FleetModel } from '../fleet-model.ts';
import { type Cidr, cidrOf, contains, overlaps, compareCidrs, parseCidr, parseIp } from '../plan/address.ts';
import { memberView } from './adapter.ts';
import { calico, calicoVersion, EXTERNAL_PREFIX, type IPPool, ownPools } from './cni/calico.ts';

import { cniOf } from './nodes.ts';

/** On the pools that are made here: the cluster whose network it is. */
export const EXTERNAL_LABEL = 'kosmos.io/external-cluster';
/** On the Cluster of a member that has, or may have, such pools. */
export const POOLS_FINALIZER = 'kosmos.io/calico-pools';

const LOOK_AGAIN_MS = 5000;
const RESYNC_MS = 30_000;
/** A member that is deleted and does not answer for so long is let go with its pools. */
const LET_GO_AFTER_MS = 20_000;

/** A network of another cluster, as this one's pods see it. */
export interface External {
  readonly cluster: string;
  readonly kind: 'pod' | 'service';
  readonly cidr: Cidr;
}

/**
 * Calico masquerades what pods send to addresses outside of its pools. A disabled pool for each network of other clusters
 * keeps it from that, and gives out no address.
 */
export function calicoPools(
  ctx: Pick<Ctx<{}, {}, {}>, 'controller' | 'writer' | 'informer' | 'clock' | 'log'>,
  clusters: Clusters,
  network: Pick<Network, 'seenAs'>,
  model: FleetModel,
): void {
  // Its own view: a pool is kept whatever the nodes are.
  const view = memberView(ctx, ALWAYS, calico.watches);
  const want = (cluster: Cluster) => {
    if (concerns(cluster)) view.want(cluster.metadata.name);
  };
  model.clusters.on({ add: want, update: want });
  const everyMember = (): Key[] =>
    [...model.clusters.list('host')].filter(concerns).map(({ metadata }) => ({ cluster: 'host', name: metadata.name }));
  const writer = ctx.writer('calico-pools');
  const controller = ctx.controller('calico-pools').for(model.clusters).also(model.clusters, everyMember);
  for (const source of view.sources) controller.also(source, (_, cluster) => [{ cluster: 'host', name: cluster }]);

  controller.gated(MANAGER_LEASE).reconcile(async ({ name }, { signal, log }) => {
    const cluster = model.clusters.get({ cluster: 'host', name });
    if (!cluster || !model.ready()) return undefined;
    const { uid, deletionTimestamp, finalizers } = cluster.metadata;
    const marked = finalizers?.includes(POOLS_FINALIZER) === true;
    const leaves = deletionTimestamp !== undefined || !concerns(cluster);
    if (leaves && !marked) return undefined;
    const say = async (on: boolean, findings: readonly Finding[] = []) => {
      const conditions = withTimes(findings, cluster.status?.conditions, rfc3339(ctx.clock.now()));
      const metadata = { name, ...(on && { finalizers: [POOLS_FINALIZER] }) };
      const object = { metadata, ...(conditions.length > 0 && { status: { conditions } }) };
      await writer.apply('host', ClusterKind, object, { force: true, uid, signal });
    };
    const late = deletionTimestamp !== undefined && ctx.clock.now() - Date.parse(deletionTimestamp) > LET_GO_AFTER_MS;
    const letGo = async () => {
      log.warn(
        { pools: `${EXTERNAL_PREFIX}*` },
        'IPPools of this name stay in the Calico of the cluster that left: they could not be removed',
      );
      await say(false);
      return undefined;
    };
    const seen = view.of(name);
    const served = seen && calicoVersion(seen);
    if (!served || (leaves && clusters.state(name) !== 'live')) {
      if (leaves && seen && !served) return void (await say(false)); // Calico is gone, and its pools with it
      return late ? letGo() : { requeueAfterMs: LOOK_AGAIN_MS };
    }
    const [{ kind }] = served;
    const pools = seen.list(served[0]);
    const wanted = leaves ? new Map<string, object>() : poolsFor(externals(name, model, network), ownPools(pools));
    if (wanted.size > 0 && !marked) await say(true);
    try {
      for (const pool of wanted.values()) await writer.apply(name, kind, pool, { force: true, signal });
      for (const { metadata } of pools) {
        if (metadata.labels?.[EXTERNAL_LABEL] === undefined || wanted.has(metadata.name)) continue;
        await writer.delete({ cluster: name, name: metadata.name }, kind, { uid: metadata.uid, signal });
      }
    } catch (error) {
      if (late) return letGo();
      if (!(error instanceof KubeError) || error.status !== 403) throw error;
      await say(true, [
        {
          type: 'CalicoPoolsMissing',
          status: 'True',
          reason: 'Refused',
          message: `Calico masquerades what pods of this cluster send to others, since its IPPools cannot be written: ${error.message}; give the right to create, patch and delete IPPools`,
        },
      ]);
      return { requeueAfterMs: LOOK_AGAIN_MS };
    }
    if (wanted.size > 0 || marked) await say(wanted.size > 0);
    // How others' networks are seen is worked out by the planner, which may hear of a change later than this.
    return { requeueAfterMs: RESYNC_MS };
  });
}

const ALWAYS = { state: () => 'live', list: () => [] } as unknown as Informer<never>;

function concerns(cluster: Cluster): boolean {
  const link = cluster.spec?.clusterLinkOptions;
  return link !== undefined && link.enable !== false && cniOf(cluster) === 'calico';
}

/** Networks of all clusters in the network but `name`, in the order of their names. */
function externals(name: string, model: FleetModel, network: Pick<Network, 'seenAs'>): External[] {
  const others = [...model.clusters.list('host')].filter(
    ({ metadata, spec }) =>
      metadata.name !== name && !metadata.deletionTimestamp && spec?.clusterLinkOptions && spec.clusterLinkOptions.enable !== false,
  );
  return others
    .sort((a, b) => (a.metadata.name < b.metadata.name ? -1 : 1))
    .flatMap(({ metadata, status }) => {
      const { podCIDRs = [], serviceCIDRs = [] } = status?.clusterLinkStatus ?? {};
      const read = (kind: External['kind'], texts: readonly string[]) =>
        texts.flatMap((text): External[] => {
          const cidr = seenCidr(metadata.name, text, network);
          return cidr ? [{ cluster: metadata.name, kind, cidr }] : [];
        });
      return [...read('pod', podCIDRs), ...read('service', serviceCIDRs)];
    });
}

/** Mapping is one to one by prefix, so the first address tells where the network is seen. */
function seenCidr(cluster: string, text: string, network: Pick<Network, 'seenAs'>): Cidr | undefined {
  const real = parseCidr(text);
  const first = real && parseIp(network.seenAs(cluster, real.text.slice(0, real.text.indexOf('/'))));
  return first && cidrOf(first.family, first.bits, real.length);
}

/** The pools to have, by name. Pools must not overlap: not the cluster's own, and of others the wider one stands for both. Pure. */
export function poolsFor(networks: readonly External[], own: readonly IPPool[]): Map<string, object> {
  const real = own.flatMap(({ spec }) => parseCidr(spec?.cidr ?? '') ?? []);
  const kept: External[] = [];
  for (const next of networks.toSorted((a, b) => compareCidrs(a.cidr, b.cidr))) {
    const last = kept.at(-1);
    if (real.some((pool) => overlaps(pool, next.cidr)) || (last && contains(last.cidr, next.cidr))) continue;
    kept.push(next);
  }
  return new Map(kept.map((external) => [poolName(external), pool(external)]));
}

/** As the Go original names it. */
function poolName({ cluster, kind, cidr }: External): string {
  return `${EXTERNAL_PREFIX}${cluster}-${kind}-${cidr.text.replace(/[.:/]/g, '-')}`;
}

function pool(external: External): object {
  const { cluster, cidr } = external;
  return {
    metadata: { name: poolName(external), labels: { [EXTERNAL_LABEL]: cluster } },
    spec: {
      cidr: cidr.text,
      // Calico's usual size, which may not be larger than the pool.
      blockSize: Math.max(cidr.length, cidr.family === 4 ? 26 : 122),
      disabled: true,
      natOutgoing: false,
      disableBGPExport: true,
      ipipMode: 'Never',
      vxlanMode: 'Never',
      nodeSelector: 'all()',
    },
  };
}
