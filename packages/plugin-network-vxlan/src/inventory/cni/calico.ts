import type { KubeObject } from '@kosmos/api';
import type { Kind } from '@kosmos/kernel';
import { contains, parseCidr } from '../../plan/address.ts';
import { type CniReader, type Reading, type Seen, STATE_PODS, type Watch } from './reader.ts';

export interface IPPool extends KubeObject {
  readonly spec?: {
    readonly cidr?: string;
    readonly disabled?: boolean;
    /** Absent: Workload and Tunnel. */
    readonly allowedUses?: readonly string[];
  };
}

interface BlockAffinity extends KubeObject {
  readonly spec?: {
    readonly cidr?: string;
    readonly node?: string;
    readonly state?: string;
    /** `true` in projectcalico.org/v3, `"true"` in crd.projectcalico.org/v1. */
    readonly deleted?: boolean | string;
    /** Absent in old objects, which are of hosts; `virtual`: of no node. */
    readonly type?: string;
  };
}

type Version = readonly [pools: Watch<IPPool>, affinities: Watch<BlockAffinity>];
const version = (group: string, v: string): Version => {
  const kind = <T>(name: string, plural: string): Kind<T> => ({ group, version: v, kind: name, plural, namespaced: false });
  return [{ kind: kind<IPPool>('IPPool', 'ippools') }, { kind: kind<BlockAffinity>('BlockAffinity', 'blockaffinities') }];
};
const V1 = version('crd.projectcalico.org', 'v1');
const V3 = version('projectcalico.org', 'v3');

/** Pools, in either API. */
export const CALICO_POOLS: readonly Kind<IPPool>[] = [V1, V3].map(([pools]) => pools.kind);

/** Names of the pools that stand for other clusters; the Go original's begin so too. */
export const EXTERNAL_PREFIX = 'clusterlink-';

/** Where both are served, v3 is Calico's API server in front of the v1 objects. */
export function calicoVersion(seen: Pick<Seen, 'refused'>): Version | undefined {
  return [V1, V3].find((watches) => watches.every((watch) => seen.refused(watch) === undefined));
}

export function ownPools(pools: readonly IPPool[]): IPPool[] {
  return pools.filter(({ metadata }) => !metadata.name.startsWith(EXTERNAL_PREFIX));
}

export const calico: CniReader = {
  cnis: ['calico'],
  watches: [...V1, ...V3],
  read(seen): Reading {
    const served = calicoVersion(seen);
    if (!served) {
      return {
        trouble: {
          reason: 'NotServed',
          message: `cni is 'calico', but neither API of Calico gives IPPools and BlockAffinities (${seen.refused(V1[0]) ?? seen.refused(V1[1])}; ${seen.refused(V3[0]) ?? seen.refused(V3[1])}); set spec.clusterLinkOptions.cni to the CNI of this cluster, give the right to list and watch them, ${STATE_PODS}`,
        },
      };
    }
    const pools = ownPools(seen.list(served[0]));
    const forPods = (pool: IPPool) => pool.spec?.allowedUses?.includes('Workload') ?? true;
    const notForPods = pools.filter((pool) => !forPods(pool)).flatMap((pool) => parseCidr(pool.spec?.cidr ?? '') ?? []);
    const blocks = new Map<string, string[]>();
    for (const { spec } of seen.list(served[1])) {
      const cidr = parseCidr(spec?.cidr ?? '');
      const held = spec?.state === 'confirmed' && String(spec.deleted ?? false) !== 'true' && (spec.type ?? 'host') === 'host';
      if (!cidr || !spec?.node || !held || notForPods.some((pool) => contains(pool, cidr))) continue;
      const known = blocks.get(spec.node);
      if (known) known.push(cidr.text);
      else blocks.set(spec.node, [cidr.text]);
    }
    const usable = pools.filter((pool) => forPods(pool) && !pool.spec?.disabled).flatMap((pool) => pool.spec?.cidr ?? []);
    return {
      podCIDRs: usable,
      nodePodCIDRs: ({ metadata }) => blocks.get(metadata.name) ?? [],
      trouble:
        usable.length > 0 && blocks.size === 0 && seen.nodes.length > 0
          ? {
              reason: 'NoNodeBlocks',
              message: `no BlockAffinity says which addresses pods of a node have; if Calico uses the IPAM 'host-local', set spec.clusterLinkOptions.cni to 'k8s'`,
            }
          : undefined,
    };
  },
};
