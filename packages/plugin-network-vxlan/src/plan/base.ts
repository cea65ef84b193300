import type { Announced, ClassView, ClusterView, Draft, Family, Hop, NodeView } from '../contracts.ts';
import { isGateway } from './model.ts';

/** The class of P2P nodes: each has a tunnel to every endpoint of the other clusters. */
export const ENDPOINT = 'endpoint';

export function baseClass(node: NodeView): string | undefined {
  return node.cluster.networkType === 'p2p' ? ENDPOINT : undefined;
}

/** The node that takes in traffic for the cluster's services: the first, by name, with the gateway role. */
export function serviceTarget(cluster: ClusterView, family: Family): NodeView | undefined {
  return cluster.nodes.find((node) => isGateway(node) && node.ip(family));
}

export function baseAnnounced(cluster: ClusterView, family: Family): Announced[] {
  const out: Announced[] = [];
  for (const node of cluster.nodes) {
    if (!node.ip(family)) continue;
    const exits = [node];
    for (const cidr of node.podCIDRs) if (cidr.family === family.id) out.push({ kind: 'pod', real: cidr, exits });
  }
  const target = serviceTarget(cluster, family);
  if (!target) return out;
  for (const cidr of cluster.serviceCIDRs) if (cidr.family === family.id) out.push({ kind: 'service', real: cidr, exits: [target] });
  return out;
}

export function baseDevices(draft: Draft): void {
  const nets = draft.node.cluster.nets(draft.family);
  if (draft.cls === ENDPOINT && nets) draft.device({ ...draft.family.bridge, net: nets.bridge });
}

export function baseNextHop({ cluster, family }: ClassView, exits: readonly NodeView[]): Hop | undefined {
  return exits[0]!.cluster === cluster ? undefined : { via: exits, dev: family.bridge.name };
}

/** Source addresses survive the CNI's masquerading; for services the node that translates must see the answers. */
export function baseNat(draft: Draft): void {
  const { node, family, cls } = draft;
  if (cls !== ENDPOINT) return;
  const dev = family.bridge.name;
  for (const cidr of node.podCIDRs) if (cidr.family === family.id) draft.nat({ stage: 'keep', cidr: cidr.text, dev });
  if (serviceTarget(node.cluster, family) !== node) return;
  for (const cidr of node.cluster.serviceCIDRs) {
    if (cidr.family === family.id) draft.nat({ stage: 'masquerade', cidr: cidr.text, dev });
  }
}
