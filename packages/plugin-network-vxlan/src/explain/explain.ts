/** Why packets of a pair get lost: walks plans and what the nodes hold, hop by hop, there and back. Pure. */
import type { NodeConfig } from '@kosmos/api';
import type { Explanation, Pair } from '../contracts.ts';
import { fingerprint } from '../agent/memory.ts';
import { contains, type Ip, parseCidr, parseIp } from '../plan/address.ts';
import type { ObjectConditions } from '../plan/conditions.ts';
import { createWalk, type Hop, type Place, type Walk } from '../walk/walk.ts';
import { type HeldBy, inUse, type Wrong, wanted, wrongAt, wrongWay } from './node.ts';
import type { Observed, Reach } from './observe.ts';

/** A node, what is planned for it, and what its agent has told. */
export interface ExplainedNode extends Place {
  /** Of the Kubernetes node. */
  readonly nodeName: string;
  readonly underlay: HeldBy['underlay'];
  readonly report?: NodeConfig['status'];
}

/** All that explanations are made from. */
export interface Evidence {
  /** By ClusterNode. */
  readonly nodes: ReadonlyMap<string, ExplainedNode>;
  /** What the planner finds wrong with objects. */
  readonly conditions: readonly ObjectConditions[];
  seenAs(cluster: string, ip: string): string;
  /** By ClusterNode; one that could not be asked is not there. */
  readonly observed: ReadonlyMap<string, Observed>;
  /** By `hopKey`. */
  readonly reached: ReadonlyMap<string, Reach>;
}

export const hopKey = ({ from, to, dev, via }: Hop): string => `${from} ${to} ${dev} ${via ?? ''}`;

/** One direction: where its packets go by the plans alone, and to which address. */
interface Way {
  readonly walk: Walk;
  readonly target: Ip;
  /** The ClusterNode where they should end; undefined: whichever takes them in. */
  readonly end?: string;
}

/** The ways of a pair's packets, there and then back. */
export function waysOf({ from, source, to, target, service }: Pair, { nodes, seenAs }: Pick<Evidence, 'nodes' | 'seenAs'>): Way[] {
  const [sender, receiver] = [nodes.get(from), nodes.get(to)];
  if (!sender || !receiver) return [];
  const walk = createWalk(nodes.values());
  const way = (at: ExplainedNode, ip: string, asked: string, end?: string): Way => ({
    walk: walk({ ip, cluster: at.cluster }, asked),
    target: parseIp(asked)!,
    ...(end !== undefined && { end }),
  });
  const back = seenAs(sender.cluster, source);
  if (service === undefined) {
    const there = way(sender, source, seenAs(receiver.cluster, target), to);
    return there.walk.stopped === undefined ? [there, way(receiver, target, back, from)] : [there];
  }
  const there = way(sender, source, seenAs(receiver.cluster, service));
  if (there.walk.stopped !== undefined) return [there];
  // The node that takes the service in sends on to the pod, and the answers back, in its own name.
  const taking = nodes.get(there.walk.hops.at(-1)?.to ?? to)!;
  const own = taking.ips.find((ip) => ip.includes(':') === target.includes(':'));
  if (own === undefined) return [there];
  return [there, ...(taking === receiver ? [] : [way(taking, own, target, to)]), way(taking, own, back, from)];
}

/** The first thing that is wrong; undefined: nothing that shows here. */
export function explain(pair: Pair, evidence: Evidence): Explanation | undefined {
  const outside = outsideOf(pair.from, pair.source, evidence) ?? outsideOf(pair.to, pair.target, evidence);
  if (outside) return outside;
  const ways = waysOf(pair, evidence);
  for (const way of ways) {
    const wrong = firstOf(way, evidence, (hop) => held(hop, way, evidence));
    if (wrong) return wrong;
    const { walk, target, end } = way;
    const last = walk.hops.at(-1)?.to;
    if (walk.stopped !== undefined) return notPlanned(walk.stopped, pair, evidence);
    if (end !== undefined && last !== end)
      return notPlanned(`what is sent to ${target.text} gets to ${last ?? 'the sender'}`, pair, evidence);
  }
  // Last: what comes through a tunnel says nothing while the way back is not as it should be.
  for (const way of ways) {
    const wrong = firstOf(way, evidence, (hop) => between(hop, evidence));
    if (wrong) return wrong;
  }
  return undefined;
}

/** What to say of a pair where nothing is found. */
export function unexplained(pair: Pair, evidence: Pick<Evidence, 'nodes' | 'seenAs' | 'observed'>): Explanation {
  const { from, to } = pair;
  const passed = waysOf(pair, evidence)
    .flatMap(hopsOf)
    .flatMap((hop) => [hop.from, hop.to]);
  const dark = [...new Set([from, ...passed, to])].filter((node) => evidence.observed.get(node)?.entries === undefined);
  if (dark.length > 0)
    return {
      reason: 'NotObserved',
      node: dark[0]!,
      message: `what ${dark.join(' and ')} ${dark.length > 1 ? 'hold' : 'holds'} could not be read`,
      fix: 'look at all nodes (--by node), with an image that has iproute2, nftables and ping (--image)',
    };
  return {
    reason: 'Unknown',
    message: `every node on the way from ${from} to ${to} holds what is planned, and the tunnels between them answer`,
    fix: `look for NetworkPolicies, and for rules of the CNI, on ${to} and ${from}`,
  };
}

/** A pod whose address is in none of its node's networks: nobody else knows where it is. */
function outsideOf(name: string, ip: string, { nodes }: Evidence): Explanation | undefined {
  const [node, parsed] = [nodes.get(name), parseIp(ip)];
  if (!node || !parsed || node.podCIDRs.some((text) => contains(parseCidr(text)!, parsed))) return undefined;
  return {
    reason: 'PodOutsideCIDRs',
    node: name,
    message: `a pod there has ${ip}, which is in none of the node's networks (${node.podCIDRs.join(', ') || 'none are known'})`,
    fix: `see that ClusterNode ${name} and Cluster ${node.cluster} (spec.clusterLinkOptions.podCIDRs) state the networks that its pods are in`,
  };
}

function notPlanned(stopped: string, { from, to }: Pair, { nodes, conditions }: Evidence): Explanation {
  const concerned = new Set([from, to, nodes.get(from)?.cluster, nodes.get(to)?.cluster]);
  const said = conditions
    .filter(({ name }) => concerned.has(name))
    .flatMap(({ kind, name, conditions: found }) => found.map((c) => `${kind} ${name} has ${c.type} (${c.reason}): ${c.message}`));
  return {
    reason: 'NotPlanned',
    message: `by the plans ${stopped}${said.length > 0 ? `; ${said.join('; ')}` : ''}`,
    fix: said.length > 0 ? 'do what the condition asks for' : 'see kosmos plan, and whether the Cluster and ClusterNode objects are right',
  };
}

/** The hops of a way by all next hops. */
export const hopsOf = ({ walk }: Pick<Way, 'walk'>): Hop[] => [
  ...walk.hops,
  ...(walk.others ?? []).flatMap((other) => hopsOf({ walk: other })),
];

type Hopped = Hop & Required<Pick<Hop, 'cidr' | 'via'>>;

/** The first that `check` finds at the hops on which packets go now. */
function firstOf(way: Way, evidence: Evidence, check: (hop: Hopped) => Explanation | undefined): Explanation | undefined {
  /** Next hops that a node does not use now, such as spare gateways; what comes after them is not on the way. */
  const unused = new Set<string>();
  for (const hop of hopsOf(way)) {
    const { from, to, cidr, via } = hop;
    if (cidr === undefined || via === undefined || unused.has(from)) continue; // inside the cluster the CNI delivers
    const used = inUse(evidence.observed.get(from)?.entries, way.target);
    if (used && used.length > 0 && !used.includes(via) && plannedHops(evidence, hop).includes(used[0]!)) {
      unused.add(to);
      continue;
    }
    const wrong = check({ ...hop, cidr, via });
    if (wrong) return wrong;
  }
  return undefined;
}

/** What the sending node of a hop holds, and then the receiving one. */
function held({ from, to, dev, cidr }: Hopped, { target }: Way, evidence: Evidence): Explanation | undefined {
  return (
    at(from, evidence, (node) => wrongAt(node, dev) ?? wrongWay(node, dev, cidr, target)) ?? at(to, evidence, (node) => wrongAt(node, dev))
  );
}

function plannedHops({ nodes }: Evidence, { from, cidr, dev }: Hop): string[] {
  const route = nodes.get(from)!.plan.routes.find((r) => r.cidr === cidr && r.dev === dev);
  return route ? [route.gw, ...(route.alternates ?? [])] : [];
}

function at(name: string, { nodes, observed }: Evidence, check: (held: HeldBy) => Wrong | undefined): Explanation | undefined {
  const [node, seen] = [nodes.get(name)!, observed.get(name)];
  const wrong = seen && check({ ...node, observed: seen });
  if (!wrong) return undefined;
  const { reason, message, fix } = wrong;
  return { reason, node: name, message: [message, ...told(node)].join('; '), fix: fix ?? mend(node) };
}

/** What the agent of a node last said of itself. */
function told({ plan, report }: ExplainedNode): string[] {
  if (!report?.lastSyncTime) return ['no agent has told of this node yet'];
  const applied = report.conditions?.find(({ type }) => type === 'Applied');
  return [
    `agent last applied at ${report.lastSyncTime}${report.hash === fingerprint(plan) ? '' : ' (another plan)'}`,
    ...(applied?.status === 'False' ? [`it says ${applied.reason}: ${applied.message}`] : []),
  ];
}

const mend = ({ cluster, nodeName, report }: ExplainedNode) =>
  report?.conditions?.some(({ type, status }) => type === 'Applied' && status === 'False')
    ? 'do what the agent says'
    : `see that the agent runs there, which mends it: kosmos run --role agent --cluster ${cluster} --node ${nodeName}`;

function between(hop: Hop, { nodes, observed, reached }: Evidence): Explanation | undefined {
  const seen = reached.get(hopKey(hop));
  if (!seen) return undefined;
  const [from, to] = [nodes.get(hop.from)!, nodes.get(hop.to)!];
  const device = from.plan.devices.find(({ name }) => name === hop.dev)!;
  const six = device.addr.includes(':');
  const [source, target] = [from, to].map(({ underlay }) => (six ? underlay.ip6 : underlay.ip));
  const path = `from ${hop.from} (${source}) to ${hop.to} (${target})`;
  if (seen.tunnel === false && seen.underlay === false)
    return {
      reason: 'UnderlayBlocked',
      message: `nothing passes on the underlay ${path}`,
      fix: `see that ${hop.to} is up, and that routers and firewalls let ${source} and ${target} reach each other`,
    };
  if (seen.tunnel === false)
    return {
      reason: 'TunnelBlocked',
      message: `pings pass on the underlay ${path}, but nothing through the tunnel ${hop.dev}`,
      fix: `let firewalls on the way and on both nodes pass UDP ${device.port}`,
    };
  if (seen.fullSize !== false) return undefined;
  const sender = observed.get(hop.from);
  const mtu = sender && wanted({ ...from, observed: sender })?.desired.tunnels.find(({ name }) => name === hop.dev)?.mtu;
  return {
    reason: 'MtuTooSmall',
    message: `packets of ${mtu ?? 'full'} bytes get lost in the tunnel ${hop.dev} ${path}`,
    fix: "mend the underlay's MTU on the way, or set a smaller mtu in the options of vxlan()",
  };
}
