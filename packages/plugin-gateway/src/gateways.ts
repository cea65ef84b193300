import { GATEWAY_ROLE } from '@kosmos/api';
import type { Announced, ClassView, ClusterView, Draft, Family, Hop, NodeView } from '@kosmos/plugin-network-vxlan/contracts';
import { gatewaysOf, overlaps, seenParts } from '@kosmos/plugin-network-vxlan/contracts';

/** Classes of the nodes of a gateway cluster. */
export const GATEWAY = 'gateway';
export const INNER = 'inner';

export const isGatewayCluster = ({ networkType }: ClusterView): boolean => networkType === 'gateway';

/** The planner's taps; `count` gateways of each cluster forward at the same time, the others are ready to take over. */
export function gatewayMode(count: number) {
  /** The way of the inner nodes is one, whatever the exits: it is worked out once a class. */
  const inner = new WeakMap<ClassView, Hop>();

  return {
    classOf(node: NodeView): string | undefined {
      if (!isGatewayCluster(node.cluster)) return undefined;
      return node.roles.has(GATEWAY_ROLE) ? GATEWAY : INNER;
    },

    devices({ cls, family, node, device }: Draft): void {
      const nets = node.cluster.nets(family);
      if ((cls !== GATEWAY && cls !== INNER) || !nets) return;
      device({ ...family.local, net: nets.local });
      if (cls === GATEWAY) device({ ...family.bridge, net: nets.bridge });
    },

    /** To others the cluster as a whole; to its own nodes each one's pods, which its gateways hand over to. */
    announce(all: readonly Announced[], cluster: ClusterView, to: 'others' | 'own', family: Family): readonly Announced[] {
      if (!isGatewayCluster(cluster)) return all;
      if (to === 'own') return all.filter(({ kind }) => kind === 'pod');
      const exits = gatewaysOf(cluster, family);
      const whole = cluster.podCIDRs.filter((cidr) => cidr.family === family.id);
      // Where nobody knows the networks of all pods, those of the nodes are known.
      const pods = whole.length > 0 ? whole : all.flatMap(({ kind, real }) => (kind === 'pod' ? [real] : []));
      // What a gateway translates for a service ends there, so services have one at a time.
      const services = all.flatMap((a) => (a.kind === 'service' ? [{ ...a, exits, active: 1 }] : []));
      return [...services, ...pods.map((real): Announced => ({ kind: 'pod', real, exits, active: count }))];
    },

    nextHop(view: ClassView, exits: readonly NodeView[]): Hop | undefined {
      const { cluster, cls, family } = view;
      const own = exits[0]!.cluster === cluster;
      if (cls === GATEWAY) return own ? { via: exits, dev: family.local.name } : undefined;
      if (cls !== INNER) return undefined;
      if (own) return { via: [], dev: family.local.name }; // by the CNI
      let hop = inner.get(view);
      if (!hop) inner.set(view, (hop = { via: gatewaysOf(cluster, family), active: count, dev: family.local.name }));
      return hop;
    },

    /** Sources survive on the pod's own node. Gateways keep no state of what they forward, so that it may take either of several. */
    nat({ node, cls, family, nat }: Draft): void {
      if (cls !== GATEWAY && cls !== INNER) return;
      const { cluster } = node;
      const mine = node.podCIDRs.filter((cidr) => cidr.family === family.id);
      const whole = cluster.podCIDRs.filter((cidr) => cidr.family === family.id);
      const dev = cls === GATEWAY ? family.bridge.name : family.local.name;
      for (const { text } of mine.length > 0 ? mine : whole) nat({ stage: 'keep', cidr: text, dev });
      if (cls === INNER) return;
      const seen = (cidrs: typeof whole) => cidrs.flatMap((cidr) => seenParts(cluster.maps, cidr).map((part) => part.seen.text));
      const ofNodes = cluster.nodes.flatMap((n) => n.podCIDRs.filter((c) => c.family === family.id && !whole.some((w) => overlaps(w, c))));
      const pods = [...new Set(seen([...whole, ...ofNodes]))];
      const here = seen(mine);
      if (pods.length > 0) nat({ stage: 'notrack', cidrs: pods, except: here, dev: family.bridge.name });
      const nets = cluster.nets(family)!;
      // What is for this cluster has its state here: answers to what was masqueraded, and the gateway's own pods.
      const except = [...new Set([...pods, ...whole.map(({ text }) => text), nets.local.text, nets.bridge.text])];
      nat({ stage: 'notrack', except, dev: family.local.name });
      for (const cidr of cluster.serviceCIDRs) {
        if (cidr.family === family.id) nat({ stage: 'masquerade', cidr: cidr.text, dev: family.bridge.name });
      }
    },

    check(cluster: ClusterView, say: (type: 'NotInNetwork', reason: string, message: string) => void): void {
      if (!isGatewayCluster(cluster) || cluster.nodes.length === 0 || cluster.nodes.some((node) => node.roles.has(GATEWAY_ROLE))) return;
      say(
        'NotInNetwork',
        'NoGateway',
        `no node of the cluster has the role '${GATEWAY_ROLE}' (spec.roles of its ClusterNode): nothing leads out of it or in`,
      );
    },
  };
}
