import type { Announced, ClassView, ClusterView, Draft, Family, Hop, NodeView } from '../contracts.ts';
import { gatewaysOf } from './gateways.ts';

/** The class of P2P nodes: each has a tunnel to every endpoint of the other clusters. */
export const ENDPOINT = 'endpoint';

export function baseClass(node: NodeView): string | undefined {
  return node.cluster.networkType === 'p2p' ? ENDPOINT : undefined;
}

export function baseAnnounced(cluster: ClusterView, family: Family): Announced[] {
  const out: Announced[] = [];
  for (const node of cluster.nodes) {
    if (!node.ip(family)) continue;
    const exits = [node];
    for (const cidr of node.podCIDRs) if (cidr.family === family.id) out.push({ kind: 'pod', real: cidr, exits });
  }
  const exits = gatewaysOf(cluster, family);
  // A connection to a service has its state where it is translated, so one takes them all.
  for (const cidr of cluster.serviceCIDRs) if (cidr.family === family.id) out.push({ kind: 'service', real: cidr, exits, active: 1 });
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
  if (!gatewaysOf(node.cluster, family).includes(node)) return;
  for (const cidr of node.cluster.serviceCIDRs) {
    if (cidr.family === family.id) draft.nat({ stage: 'masquerade', cidr: cidr.text, dev });
  }
}
