import { contains, type Cidr, type Ip, parseCidr, parseIp } from '../plan/address.ts';
import type { NodePlan, Route } from '../plan/types.ts';

/** What the walk knows of one node beside its plan: where its pods and its underlay address are. */
export interface Place {
  readonly plan: NodePlan;
  readonly cluster: string;
  readonly podCIDRs: readonly string[];
  /** Underlay addresses. */
  readonly ips: readonly string[];
}

export interface Hop {
  /** Names of ClusterNodes. */
  readonly from: string;
  readonly to: string;
  readonly dev: string;
}

/** `hops` as far as the packet came; `stopped` is the first reason why it got no further. */
export interface Walk {
  readonly hops: readonly Hop[];
  readonly stopped?: string;
}

/** A packet that visits more nodes than this is in a loop. */
const MAX_HOPS = 8;

/** Follows a packet from a pod or node address to a pod address through plans, as the nodes' kernels would forward it. */
export function createWalk(places: Iterable<Place>): (from: string, to: string) => Walk {
  const all = [...places].map(lookup);
  const byUnderlay = new Map(all.flatMap((place) => place.ips.map((ip) => [ip, place] as const)));
  return (from, to) => {
    const [source, target] = [parseIp(from), parseIp(to)];
    if (!source || !target) return { hops: [], stopped: `${source ? to : from} is not an IP address` };
    const start = all.find((place) => owns(place, source));
    if (!start) return { hops: [], stopped: `no node has the address or the pods of ${from}` };
    const hops: Hop[] = [];
    let at = start;
    while (!owns(at, target)) {
      if (hops.length === MAX_HOPS) return { hops, stopped: `the packet goes in circles: ${hops.map((hop) => hop.to).join(' -> ')}` };
      const step = forward(at, target, all, byUnderlay);
      if ('stopped' in step) return { hops, stopped: step.stopped };
      hops.push({ from: at.plan.node, to: step.next.plan.node, dev: step.dev });
      at = step.next;
    }
    return { hops };
  };
}

interface Lookup extends Place {
  readonly pods: readonly Cidr[];
  readonly routes: readonly { readonly route: Route; readonly cidr: Cidr }[];
}

type Step = { readonly next: Lookup; readonly dev: string } | { readonly stopped: string };

function lookup(place: Place): Lookup {
  return {
    ...place,
    pods: place.podCIDRs.map(parseCidr).filter((cidr) => cidr !== undefined),
    routes: place.plan.routes.map((route) => ({ route, cidr: parseCidr(route.cidr)! })),
  };
}

function owns({ pods, ips }: Lookup, ip: Ip): boolean {
  return pods.some((cidr) => contains(cidr, ip)) || ips.includes(ip.text);
}

function forward(at: Lookup, target: Ip, all: readonly Lookup[], byUnderlay: ReadonlyMap<string, Lookup>): Step {
  const name = at.plan.node;
  const best = at.routes.filter(({ cidr }) => contains(cidr, target)).sort((a, b) => b.cidr.length - a.cidr.length)[0];
  if (!best) {
    // Inside a cluster the CNI delivers.
    const own = all.find((place) => place.cluster === at.cluster && owns(place, target));
    return own ? { next: own, dev: 'cni' } : { stopped: `${name} has no route to ${target.text}` };
  }
  const { gw, dev } = best.route;
  if (!at.plan.devices.some((device) => device.name === dev))
    return { stopped: `${name} has no device ${dev} for its route to ${best.route.cidr}` };
  const arp = at.plan.arps.find((entry) => entry.ip === gw && entry.dev === dev);
  if (!arp) return { stopped: `${name} has no neighbour entry for ${gw} on ${dev}` };
  const fdb = at.plan.fdbs.find((entry) => entry.mac === arp.mac && entry.dev === dev);
  if (!fdb) return { stopped: `${name} has no forwarding entry for ${arp.mac} on ${dev}` };
  const next = byUnderlay.get(fdb.ip);
  if (!next) return { stopped: `${name} sends to ${fdb.ip}, which is no node's address` };
  const device = next.plan.devices.find((d) => d.name === dev);
  if (!device) return { stopped: `${next.plan.node} has no device ${dev}` };
  if (device.mac !== arp.mac) return { stopped: `${next.plan.node} has MAC ${device.mac} on ${dev}; ${name} sends to ${arp.mac}` };
  return { next, dev };
}
