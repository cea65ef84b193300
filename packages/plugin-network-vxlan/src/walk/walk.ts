import { type Cidr, cidrOf, contains, type Ip, parseCidr, parseIp, shift, width } from '../plan/address.ts';
import type { Nat, NodePlan, Route } from '../plan/types.ts';

/** What the walk knows of one node beside its plan: where its pods and its underlay addresses are. */
export interface Place {
  readonly plan: NodePlan;
  readonly cluster: string;
  /** As its own cluster has them. */
  readonly podCIDRs: readonly string[];
  /** Underlay addresses. */
  readonly ips: readonly string[];
}

export interface Hop {
  /** Names of ClusterNodes. */
  readonly from: string;
  readonly to: string;
  readonly dev: string;
  /** The network of the route taken, and its next hop; absent where the CNI delivers. */
  readonly cidr?: string;
  readonly via?: string;
}

/** `hops` as far as the packet came; `stopped` is the first reason why it got no further. */
export interface Walk {
  readonly hops: readonly Hop[];
  readonly stopped?: string;
  /** The address that the receiver sees as the source. */
  readonly source?: string;
  /** The ways by other next hops of a node, which lead there too. */
  readonly others?: readonly Walk[];
}

/** Of what a packet goes out from: an address, of this cluster where several have it. */
export interface From {
  readonly ip: string;
  readonly cluster?: string;
}

/** A packet that visits more nodes than this is in a loop. */
const MAX_HOPS = 8;

/** May packets not get from one ClusterNode to another, since one of them is dead or what lies between them? */
export type Lost = (from: string, to: string) => boolean;

/**
 * Follows a packet from a pod or node address to an address as other clusters see it (a pod, or a service that a node takes
 * in) through plans, as the nodes' kernels would forward it, with a CNI on each that masquerades what leaves its cluster.
 * Where a node has several next hops every one of them must lead there: the walk is the first, or the first that stops. Those to
 * which packets are `lost` count only where there is no other: agents find out, and use the others.
 */
export function createWalk(places: Iterable<Place>, lost: Lost = () => false): (from: string | From, to: string) => Walk {
  const all = [...places].map(lookup);
  const byUnderlay = Map.groupBy(
    all.flatMap((place) => place.ips.map((ip) => ({ ip, place }))),
    ({ ip }) => ip,
  );
  return (from, to) => {
    const { ip, cluster } = typeof from === 'string' ? { ip: from, cluster: undefined } : from;
    const [source, target] = [parseIp(ip), parseIp(to)];
    if (!source || !target) return { hops: [], stopped: `${source ? to : ip} is not an IP address` };
    const start = all.find((place) => (cluster === undefined || place.cluster === cluster) && owns(place, source));
    if (!start) return { hops: [], stopped: `no node has the address or the pods of ${ip}` };
    return follow({ all, byUnderlay, lost }, { at: start, source, target, hops: [], tracked: true });
  };
}

interface Lookup extends Place {
  readonly pods: readonly Cidr[];
  readonly routes: readonly { readonly route: Route; readonly cidr: Cidr }[];
}
interface Fleet {
  readonly all: readonly Lookup[];
  /** Several where clusters that do not see each other have the same addresses. */
  readonly byUnderlay: ReadonlyMap<string, readonly { readonly place: Lookup }[]>;
  readonly lost: Lost;
}
interface Packet {
  readonly at: Lookup;
  readonly source: Ip;
  readonly target: Ip;
  readonly hops: readonly Hop[];
  /** Does the node track it, so that NAT sees it? */
  readonly tracked: boolean;
}

function lookup(place: Place): Lookup {
  return {
    ...place,
    ips: place.ips.map((ip) => parseIp(ip)?.text ?? ip),
    pods: place.podCIDRs.map(parseCidr).filter((cidr) => cidr !== undefined),
    routes: place.plan.routes.map((route) => ({ route, cidr: parseCidr(route.cidr)! })),
  };
}

function owns({ pods, ips }: Lookup, ip: Ip): boolean {
  return pods.some((cidr) => contains(cidr, ip)) || ips.includes(ip.text);
}

function follow(fleet: Fleet, packet: Packet): Walk {
  const { at, source, hops, tracked } = packet;
  const { plan } = at;
  const stop = (stopped: string): Walk => ({ hops, stopped });
  const dev = hops.at(-1)?.dev;
  if (dev !== undefined && takesService(plan.nat, dev, packet.target)) return { hops, source: source.text };
  const target = tracked ? mapped(plan.nat, 'seen', 'real', packet.target) : packet.target;
  if (owns(at, target)) return { hops, source: source.text };
  if (hops.length === MAX_HOPS) return stop(`the packet goes in circles: ${hops.map((hop) => hop.to).join(' -> ')}`);
  if (hops.length > 0 && tracked) return stop(`${plan.node} would keep state of what passes through it to ${target.text}`);
  const best = at.routes.filter(({ cidr }) => contains(cidr, target)).sort((a, b) => b.cidr.length - a.cidr.length)[0];
  if (!best) {
    // Inside a cluster the CNI delivers.
    const own = hops.length === 0 ? fleet.all.find((place) => place.cluster === at.cluster && owns(place, target)) : undefined;
    if (!own) return stop(`${plan.node} has no route to ${target.text}`);
    if (fleet.lost(plan.node, own.plan.node)) return stop(`${own.plan.node} does not answer`);
    return { hops: [...hops, { from: plan.node, to: own.plan.node, dev: 'cni' }], source: source.text };
  }
  const { route } = best;
  const out = tracked ? leaving(at, route.dev, source) : source;
  if (typeof out === 'string') return stop(out);
  const found: Walk[] = [];
  const silent: string[] = [];
  for (const gw of [route.gw, ...(route.alternates ?? [])]) {
    const next = neighbour(fleet, at, route, gw);
    if (typeof next === 'string') return stop(next);
    if (fleet.lost(plan.node, next.plan.node)) {
      silent.push(next.plan.node);
      continue;
    }
    const hop = { from: plan.node, to: next.plan.node, dev: route.dev, cidr: route.cidr, via: gw };
    const arriving = { at: next, source: out, target, hops: [...hops, hop], tracked: !passes(next.plan.nat, route.dev, target) };
    const walk = follow(fleet, arriving);
    if (walk.stopped !== undefined) return walk;
    found.push(walk);
  }
  const [first, ...others] = found;
  if (first) return others.length > 0 ? { ...first, others: [...(first.others ?? []), ...others] } : first;
  return stop(`${silent.join(' and ')} ${silent.length > 1 ? 'do' : 'does'} not answer`);
}

/** The node behind one next hop, or why there is none. */
function neighbour({ byUnderlay }: Fleet, at: Lookup, { cidr, dev }: Route, gw: string): Lookup | string {
  const { node, devices, arps, fdbs } = at.plan;
  if (!devices.some((device) => device.name === dev)) return `${node} has no device ${dev} for its route to ${cidr}`;
  const arp = arps.find((entry) => entry.ip === gw && entry.dev === dev);
  if (!arp) return `${node} has no neighbour entry for ${gw} on ${dev}`;
  const fdb = fdbs.find((entry) => entry.mac === arp.mac && entry.dev === dev);
  if (!fdb) return `${node} has no forwarding entry for ${arp.mac} on ${dev}`;
  const there = (byUnderlay.get(fdb.ip) ?? []).map(({ place }) => place);
  const next = there.find((place) => place.plan.devices.some((d) => d.name === dev && d.mac === arp.mac)) ?? there[0];
  if (!next) return `${node} sends to ${fdb.ip}, which is no node's address`;
  const device = next.plan.devices.find((d) => d.name === dev);
  if (!device) return `${next.plan.node} has no device ${dev}`;
  if (device.mac !== arp.mac) return `${next.plan.node} has MAC ${device.mac} on ${dev}; ${node} sends to ${arp.mac}`;
  return next;
}

/** The source with which a packet leaves, or why it is lost to the CNI's masquerade. */
function leaving(at: Lookup, dev: string, source: Ip): Ip | string {
  const rules = at.plan.nat.filter((rule) => rule.dev === dev);
  const seen = mapped(rules, 'real', 'seen', source);
  const kept =
    seen !== source || !at.pods.some((cidr) => contains(cidr, source)) || rules.some((r) => r.stage === 'keep' && holds(r.cidr, source));
  return kept ? seen : `${at.plan.node} lets its CNI masquerade ${source.text} on ${dev}`;
}

function mapped(rules: readonly Nat[], from: 'real' | 'seen', to: 'real' | 'seen', ip: Ip): Ip {
  for (const rule of rules) {
    if (rule.stage !== 'translate' || !holds(rule[from], ip)) continue;
    const moved = shift(cidrOf(ip.family, ip.bits, width(ip.family)), parseCidr(rule[from])!, parseCidr(rule[to])!);
    return parseIp(moved.text.slice(0, moved.text.indexOf('/')))!;
  }
  return ip;
}

/** Does it only pass through the node that it comes to by `dev`? */
function passes(rules: readonly Nat[], dev: string, target: Ip): boolean {
  return rules.some(
    (rule) =>
      rule.stage === 'notrack' &&
      rule.dev === dev &&
      (rule.cidrs?.some((cidr) => holds(cidr, target)) ?? true) &&
      !rule.except.some((cidr) => holds(cidr, target)),
  );
}

function takesService(rules: readonly Nat[], dev: string, target: Ip): boolean {
  return rules.some((rule) => {
    if (rule.dev !== dev) return false;
    if (rule.stage === 'rewrite') return holds(rule.seen, target);
    return rule.stage === 'masquerade' && holds(rule.cidr, target);
  });
}

function holds(cidr: string, ip: Ip): boolean {
  const parsed = parseCidr(cidr);
  return parsed !== undefined && contains(parsed, ip);
}
