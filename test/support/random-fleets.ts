/** Fleets of every kind of cluster side by side. */
import type { Cluster, ClusterNode } from '@kosmos/api';
import { parseIp } from '@kosmos/plugin-network-vxlan/contracts';
import * as fc from 'fast-check';
import type { Fleet } from './planner.ts';

export type Version = 4 | 6;

export interface NodeShape {
  readonly gateway: boolean;
  readonly has: 'both' | '4' | '6' | 'none';
}
export interface Shape {
  readonly enable: boolean;
  readonly type: 'p2p' | 'gateway';
  readonly ipFamily: 'all' | 'ipv4' | 'ipv6';
  /** `plain`: networks of its own. `mapped`: those that others have too, and global ones. `same`: those, and no global ones. */
  readonly networks: 'plain' | 'mapped' | 'same';
  readonly nodes: readonly NodeShape[];
}

export const shape = fc.record({
  enable: fc.constantFrom(true, true, true, false),
  type: fc.constantFrom('p2p' as const, 'gateway' as const),
  ipFamily: fc.constantFrom('all' as const, 'all' as const, 'ipv4' as const, 'ipv6' as const),
  networks: fc.constantFrom('plain' as const, 'mapped' as const, 'same' as const),
  nodes: fc.array(
    fc.record({
      gateway: fc.boolean(),
      has: fc.constantFrom('both' as const, 'both' as const, 'both' as const, '4' as const, '6' as const, 'none' as const),
    }),
    { minLength: 1, maxLength: 4 },
  ),
});
/** At most one has the common networks unmapped: who wins among several is another test's. */
export const shapes = fc
  .array(shape, { minLength: 2, maxLength: 4 })
  .map((all) =>
    all.map((s, i): Shape =>
      s.networks === 'same' && all.findIndex((o) => o.networks === 'same') !== i ? { ...s, networks: 'mapped' } : s,
    ),
  );

const net = (c: number, { networks }: Shape, v: Version, seen: boolean) => {
  if (networks === 'plain') return v === 4 ? `10.${c}` : `fd10:${c}`;
  if (networks === 'mapped' && seen) return v === 4 ? `100.${64 + c}` : `fd99:${c}`;
  return v === 4 ? '10.50' : 'fd10:50';
};
export const podOf = (c: number, n: number, s: Shape, v: Version, seen: boolean) =>
  parseIp(v === 4 ? `${net(c, s, v, seen)}.${n}.7` : `${net(c, s, v, seen)}:0:${n}::7`)!.text;

export function fleetOf(all: readonly Shape[]): Fleet {
  const clusters = all.map((s, c): Cluster => {
    const map = {
      [`${net(c, s, 4, false)}.0.0/16`]: `${net(c, s, 4, true)}.0.0/16`,
      [`${net(c, s, 6, false)}::/48`]: `${net(c, s, 6, true)}::/48`,
    };
    return {
      metadata: { name: `c${c}`, uid: '', resourceVersion: '', creationTimestamp: `2026-01-0${c + 1}T00:00:00Z` },
      spec: {
        clusterLinkOptions: {
          enable: s.enable,
          networkType: s.type,
          ipFamily: s.ipFamily,
          ...(s.networks === 'mapped' && { globalCIDRsMap: map }),
        },
      },
      status: { clusterLinkStatus: { podCIDRs: Object.keys(map), serviceCIDRs: [`10.${100 + c}.0.0/16`] } },
    };
  });
  const nodes = all.flatMap((s, c) =>
    s.nodes.map((node, n): ClusterNode => ({
      metadata: { name: `c${c}-n${n}`, uid: '', resourceVersion: '' },
      spec: {
        clusterName: `c${c}`,
        nodeName: `n${n}`,
        interfaceName: 'eth0',
        ip: ['both', '4'].includes(node.has) ? `172.16.${c}.${n + 1}` : '',
        ip6: ['both', '6'].includes(node.has) ? `fd00:${c}::${n + 1}` : '',
        podCIDRs: [`${net(c, s, 4, false)}.${n}.0/24`, `${net(c, s, 6, false)}:0:${n}::/64`],
        roles: node.gateway ? ['gateway'] : [],
      },
    })),
  );
  return { clusters, nodes };
}
