import type { Cluster, ClusterNode } from '@kosmos/api';
import { type NetworkHooks, networkHooks } from '../../src/contracts.ts';
import { createPlanner, type Planner } from '../../src/plan/planner.ts';

export interface Fleet {
  readonly clusters: readonly Cluster[];
  readonly nodes: readonly ClusterNode[];
}

export interface ClusterShape {
  readonly pods?: readonly string[];
  readonly services?: readonly string[];
  readonly created?: string;
  readonly link?: NonNullable<NonNullable<Cluster['spec']>['clusterLinkOptions']> | null;
}

export function cluster(name: string, { pods = [], services = [], created, link = {} }: ClusterShape = {}): Cluster {
  return {
    metadata: { name, uid: `uid-${name}`, resourceVersion: '1', ...(created && { creationTimestamp: created }) },
    spec: link === null ? {} : { clusterLinkOptions: { enable: true, networkType: 'p2p', ipFamily: 'ipv4', ...link } },
    status: { clusterLinkStatus: { podCIDRs: pods, serviceCIDRs: services } },
  };
}

export function node(clusterName: string, nodeName: string, spec: NonNullable<ClusterNode['spec']>): ClusterNode {
  const name = `${clusterName}-${nodeName}`;
  return { metadata: { name, uid: `uid-${name}`, resourceVersion: '1' }, spec: { clusterName, nodeName, interfaceName: 'eth0', ...spec } };
}

/** `clusters` clusters of `nodes` nodes each, P2P over IPv4, nothing overlapping. At most 100 clusters of 200 nodes. */
export function fleet(clusters: number, nodes: number): Fleet {
  const out: { clusters: Cluster[]; nodes: ClusterNode[] } = { clusters: [], nodes: [] };
  for (let c = 0; c < clusters; c += 1) {
    const name = `c${String(c).padStart(2, '0')}`;
    out.clusters.push(cluster(name, { pods: [`10.${c}.0.0/16`], services: [`172.20.${c}.0/24`] }));
    for (let n = 0; n < nodes; n += 1) {
      out.nodes.push(
        node(name, `n${String(n).padStart(3, '0')}`, {
          ip: `192.168.${c}.${n + 1}`,
          podCIDRs: [`10.${c}.${n}.0/24`],
          roles: n === 0 ? ['gateway'] : [],
        }),
      );
    }
  }
  return out;
}

export function planner({ clusters, nodes }: Fleet, hooks: NetworkHooks = networkHooks()): Planner {
  const made = createPlanner(hooks);
  for (const c of clusters) made.setCluster(c);
  for (const n of nodes) made.setNode(n);
  return made;
}
