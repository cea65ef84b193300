import { hostOf, hostsOf, parseCidr, subnetOf, toNumber, type Cidr, type Family } from './cidr.ts';

/** An end of a link to an underlay: `eth0` is the first one of its owner, `eth1` the second. */
export interface LinkTopology {
  readonly underlay: string;
  /** One of each family that the underlay has. */
  readonly addresses: readonly string[];
}

/** A layer 2 segment: a bridge that only forwards frames. */
export interface UnderlayTopology {
  readonly name: string;
  /** One of each family, IPv4 first. */
  readonly cidrs: readonly string[];
  /** Of the links to it, in bytes. */
  readonly mtu: number;
}

export interface RouterTopology {
  readonly name: string;
  readonly links: readonly LinkTopology[];
  /** Underlays on which what comes from the others shows the router's address; they have no route back to the others. */
  readonly masquerade: readonly string[];
  /** `<cluster>/<node>` whose packets it forwards to each other, beside those of control planes; undefined is all. */
  readonly allow?: readonly string[];
}

export interface NodeTopology {
  readonly name: string;
  /** The first of `addresses`. */
  readonly address: string;
  /** On the cluster's underlay, one of each family of the cluster. */
  readonly addresses: readonly string[];
  /** The first of `podCIDRs`. */
  readonly podCIDR: string;
  /** A /24 or a /64 of each of the cluster's; its first address is the pod bridge's. */
  readonly podCIDRs: readonly string[];
  /** The first one is to the cluster's underlay. */
  readonly links: readonly LinkTopology[];
}

export type ForwardPolicy = 'accept' | 'iptables-legacy' | 'iptables-nft' | 'nft';

/** What the lab's nodes imitate of real CNIs and distributions. */
export interface CniHabits {
  /** What a pod sends out of the cluster's pod network gets the node's address. */
  readonly masquerade: boolean;
  readonly rpFilter: 0 | 1 | 2;
  /** By whom what a node forwards is dropped, unless it is of the cluster's own pod network. */
  readonly forward: ForwardPolicy;
}

export interface ClusterTopology {
  readonly name: string;
  /** The first one is the primary. */
  readonly families: readonly Family[];
  /** The first of `podCIDRs`. */
  readonly podCIDR: string;
  /** One of each family, as are `serviceCIDRs` and `addresses`. */
  readonly podCIDRs: readonly string[];
  readonly serviceCIDR: string;
  readonly serviceCIDRs: readonly string[];
  /** Name of the underlay of its control plane and of all its nodes. */
  readonly underlay: string;
  /** The control plane's address on the underlay; its API server listens there on port 6443. */
  readonly address: string;
  readonly addresses: readonly string[];
  /** The control plane's link. */
  readonly link: LinkTopology;
  /** Of the API server on 127.0.0.1; 0 picks one. */
  readonly port: number;
  readonly cni: CniHabits;
  readonly nodes: readonly NodeTopology[];
}

/** What a lab consists of. The first cluster is the host cluster, which holds the Kosmos objects. */
export interface Topology {
  readonly underlays: readonly UnderlayTopology[];
  readonly routers: readonly RouterTopology[];
  readonly clusters: readonly ClusterTopology[];
}

export const MAX_CLUSTERS = 50;
export const MAX_NODES = 200;
const FIRST_CONTROL_PLANE = 2;
const FIRST_NODE = 11;
const NODE_PREFIX: Readonly<Record<Family, number>> = { IPv4: 24, IPv6: 64 };

export const underlayOf = (topology: Topology, name: string): UnderlayTopology =>
  topology.underlays.find((u) => u.name === name) as UnderlayTopology;

/** Every link of the lab. */
function linksOf(topology: Topology): LinkTopology[] {
  const { routers, clusters } = topology;
  return [...routers.flatMap((r) => r.links), ...clusters.flatMap((c) => [c.link, ...c.nodes.flatMap((n) => n.links)])];
}

/** The first host number in `numbers` that no link on the underlay has, as a link; undefined when all are taken. */
function firstFree(topology: Topology, name: string, numbers: Iterable<number>): LinkTopology | undefined {
  const { cidrs } = underlayOf(topology, name);
  const { base } = parseCidr(cidrs[0] as string) as Cidr;
  const links = linksOf(topology).filter((l) => l.underlay === name);
  const taken = new Set(links.map((l) => Number(toNumber(l.addresses[0] as string) - base)));
  for (const number of numbers) if (!taken.has(number)) return { underlay: name, addresses: cidrs.map((cidr) => hostOf(cidr, number)) };
  return undefined;
}

function* range(from: number, to: number): Iterable<number> {
  for (let n = from; n <= to; n += 1) yield n;
}

const lastHost = (topology: Topology, name: string) => Math.min(...underlayOf(topology, name).cidrs.map(hostsOf));

export const controlPlaneLink = (topology: Topology, underlay: string): LinkTopology | undefined =>
  firstFree(topology, underlay, range(FIRST_CONTROL_PLANE, FIRST_NODE - 1));

/** A router has an underlay's first address, a second one the last. */
export function routerLink(topology: Topology, underlay: string): LinkTopology {
  const last = lastHost(topology, underlay);
  const numbers = [1, ...[...range(0, 100)].map((n) => last - n)];
  return firstFree(topology, underlay, numbers) as LinkTopology;
}

/**
 * The node that would join `cluster` next, on its underlay and `others`: the lowest free number and name, unless `wanted`,
 * the lowest free addresses, and the podCIDRs of its number; undefined when there is no room.
 */
export function nextNode(
  topology: Topology,
  clusterName: string,
  wanted: { readonly name?: string | undefined; readonly others?: readonly string[] | undefined } = {},
): NodeTopology | undefined {
  const cluster = topology.clusters.find((c) => c.name === clusterName);
  if (!cluster) return undefined;
  const taken = new Set(cluster.nodes.flatMap((n) => [n.name, n.podCIDR]));
  // The third octet is the node's number, so that an address tells its node: n3 has 10.1.3.0/24.
  const slices = (number: number) => cluster.podCIDRs.map((cidr, i) => subnetOf(cidr, NODE_PREFIX[cluster.families[i] as Family], number));
  let number = 1;
  while (taken.has(wanted.name ?? `n${number}`) || taken.has(slices(number)[0] ?? '')) {
    if (taken.has(wanted.name ?? '')) return undefined;
    number += 1;
  }
  const podCIDRs = slices(number).filter((cidr) => cidr !== undefined);
  const links = [cluster.underlay, ...(wanted.others ?? [])].flatMap(
    (underlay) => firstFree(topology, underlay, range(FIRST_NODE, lastHost(topology, underlay))) ?? [],
  );
  if (podCIDRs.length < cluster.podCIDRs.length || links.length < 1 + (wanted.others ?? []).length) return undefined;
  const addresses = inFamilies(topology, cluster.families, links[0] as LinkTopology);
  return {
    name: wanted.name ?? `n${number}`,
    address: addresses[0] as string,
    addresses,
    podCIDR: podCIDRs[0] as string,
    podCIDRs,
    links,
  };
}

/** The addresses of a link in the order of `families`. */
export function inFamilies(topology: Topology, families: readonly Family[], link: LinkTopology): string[] {
  const { cidrs } = underlayOf(topology, link.underlay);
  return families.flatMap((family) => link.addresses[cidrs.findIndex((cidr) => parseCidr(cidr)?.family === family)] ?? []);
}
