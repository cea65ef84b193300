import { type ConfigMap, ConfigMapKind, type KubeObject } from '@kosmos/api';
import type { Kind } from '@kosmos/kernel';
import { type CniReader, podCIDRs, preferred, type Reading, STATE_PODS, type Watch, words } from './reader.ts';

interface CiliumNode extends KubeObject {
  readonly spec?: {
    readonly ipam?: {
      readonly podCIDRs?: readonly string[];
      readonly pools?: { readonly allocated?: readonly { readonly cidrs?: readonly string[] }[] };
    };
  };
}
/** Strings in v2alpha1, objects in v2. */
type PoolCidr = string | { readonly cidr?: string };
interface CiliumPodIPPool extends KubeObject {
  readonly spec?: { readonly ipv4?: { readonly cidrs?: readonly PoolCidr[] }; readonly ipv6?: { readonly cidrs?: readonly PoolCidr[] } };
}

const kind = <T>(version: string, name: string, plural: string): Kind<T> => ({
  group: 'cilium.io',
  version,
  kind: name,
  plural,
  namespaced: false,
});
const CONFIG: Watch<ConfigMap> = { kind: ConfigMapKind, fields: 'metadata.name=cilium-config' };
const NODES: Watch<CiliumNode> = { kind: kind('v2', 'CiliumNode', 'ciliumnodes') };
const POOLS: readonly Watch<CiliumPodIPPool>[] = ['v2alpha1', 'v2'].map((version) => ({
  kind: kind(version, 'CiliumPodIPPool', 'ciliumpodippools'),
}));

export const cilium: CniReader = {
  cnis: ['cilium'],
  watches: [CONFIG, NODES, ...POOLS],
  read(seen): Reading {
    const config = preferred(seen.list(CONFIG))?.data;
    if (!config) {
      const why = seen.refused(CONFIG) ?? "there is no ConfigMap 'cilium-config'";
      return {
        trouble: {
          reason: 'NoSource',
          message: `cni is 'cilium', but ${why}; set spec.clusterLinkOptions.cni to the CNI of this cluster, ${STATE_PODS}`,
        },
      };
    }
    const mode = config['ipam'] ?? 'cluster-pool';
    if (mode === 'kubernetes') return { podCIDRs: [], nodePodCIDRs: podCIDRs };
    if (!['cluster-pool', 'cluster-pool-v2beta', 'multi-pool'].includes(mode)) {
      return {
        podCIDRs: [],
        trouble: {
          reason: 'NotDiscoverable',
          message: `Cilium takes pod addresses from '${mode}', which no object of the cluster tells; use cluster-pool, multi-pool or kubernetes, ${STATE_PODS} (then with networkType gateway)`,
        },
      };
    }
    const refused = seen.refused(NODES);
    if (refused !== undefined) {
      return {
        trouble: {
          reason: 'NotServed',
          message: `Cilium's nodes cannot be read (${refused}); give the right to list and watch CiliumNodes`,
        },
      };
    }
    const blocks = new Map(seen.list(NODES).map((node) => [node.metadata.name, node.spec?.ipam] as const));
    if (mode === 'multi-pool') {
      const pools = POOLS.flatMap((watch) => seen.list(watch)).flatMap(({ spec }) => [
        ...(spec?.ipv4?.cidrs ?? []),
        ...(spec?.ipv6?.cidrs ?? []),
      ]);
      return {
        podCIDRs: pools.flatMap((entry) => (typeof entry === 'string' ? entry : (entry.cidr ?? []))),
        nodePodCIDRs: ({ metadata }) => (blocks.get(metadata.name)?.pools?.allocated ?? []).flatMap(({ cidrs }) => cidrs ?? []),
      };
    }
    const families = ['4', '6'].filter((family) => config[`enable-ipv${family}`] !== 'false');
    return {
      podCIDRs: families.flatMap((family) => words(config[`cluster-pool-ipv${family}-cidr`])),
      nodePodCIDRs: ({ metadata }) => blocks.get(metadata.name)?.podCIDRs ?? [],
    };
  },
};
