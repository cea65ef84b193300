/**
 * What other plugins may know of the network: its planning pipeline, as hooks, and what it answers to others.
 * The pipeline: families -> maps -> class -> devices -> announce -> nextHop -> nat. A tap may read only what it is given, since
 * that is how the planner knows what a change touches: the cluster's object (`maps`), the cluster and its nodes (`announce`,
 * `classOf`, `nat`), the cluster's object and gateways and the exits (`nextHop`), or the node and its cluster's spec (`devices`).
 * Side-effect free.
 */
import type { Cluster, Node } from '@kosmos/api';
import type { Runner } from '@kosmos/hostnet';
import {
  bail,
  chain,
  type Clusters,
  hook,
  type Informer,
  type KObject,
  many,
  type Many,
  type OwnBail,
  type OwnChain,
  type OwnHook,
  type Token,
  token,
} from '@kosmos/kernel';
import type { Cidr, Ip, IpVersion } from './plan/address.ts';
import type { Nat } from './plan/types.ts';

export { formatIp, overlaps, parseCidr, parseIp, shift } from './plan/address.ts';
export type { Cidr, Ip, IpVersion } from './plan/address.ts';
export { gatewaysOf } from './plan/gateways.ts';
export { seenParts } from './plan/maps.ts';
export type { Arp, Device, Fdb, Nat, NodePlan, Route } from './plan/types.ts';

/** One tunnel: its device name, VNI and UDP port. */
export interface Link {
  readonly name: string;
  readonly id: number;
  readonly port: number;
}

/** What differs between IPv4 and IPv6. */
export interface Family {
  readonly id: IpVersion;
  /** Ends the names of its devices. */
  readonly suffix: '' | '-6';
  /** Bytes that its tunnel adds to a packet. */
  readonly overhead: 50 | 70;
  /** Between clusters. */
  readonly bridge: Link;
  /** Inside a cluster. */
  readonly local: Link;
  /** Of the cluster's spec: does it want this family? */
  wanted(cluster: Cluster): boolean;
  /** Overlay networks as the cluster's spec has them. */
  nets(cluster: Cluster): { readonly bridge: string; readonly local: string };
}

/** A Cluster as the planner sees it. */
export interface ClusterView {
  readonly name: string;
  readonly object: Cluster;
  readonly networkType: string;
  readonly families: readonly Family[];
  readonly podCIDRs: readonly Cidr[];
  readonly serviceCIDRs: readonly Cidr[];
  /** How other clusters see its addresses, where not as they are; sorted, neither side overlaps itself. */
  readonly maps: readonly Mapping[];
  /** Overlay networks of a family; undefined where the spec's are malformed. */
  nets(family: Family): { readonly bridge: Cidr; readonly local: Cidr } | undefined;
  /** Admitted nodes, by name. */
  readonly nodes: readonly NodeView[];
}

/** A ClusterNode that takes part. */
export interface NodeView {
  readonly name: string;
  readonly cluster: ClusterView;
  /** In lower case. */
  readonly roles: ReadonlySet<string>;
  readonly podCIDRs: readonly Cidr[];
  ip(family: Family): Ip | undefined;
}

/** Addresses in `real` are seen by other clusters as those in `seen`, one to one; both are of one family and length. */
export interface Mapping {
  readonly real: Cidr;
  readonly seen: Cidr;
}

/** A network that a cluster offers to others, as its own pods or services have it. How others see it, `maps` says. */
export interface Announced {
  readonly kind: 'pod' | 'service';
  readonly real: Cidr;
  /** Nodes that take its traffic in, best first. */
  readonly exits: readonly NodeView[];
  /** How many of them at the same time; the others are spare. Default: all. */
  readonly active?: number;
}

/** A node's own part of the plan in one family, while it is made. */
export interface Draft {
  readonly node: NodeView;
  readonly cls: string;
  readonly family: Family;
  /** Adds a tunnel device with the node's address in `net`. */
  device(device: Link & { readonly net: Cidr }): void;
  nat(rule: Nat): void;
}

/** The nodes of one cluster and class: they share routes, neighbours and forwarding entries. */
export interface ClassView {
  readonly cluster: ClusterView;
  readonly cls: string;
  readonly family: Family;
}

/** The way to some exits: to `via` (best first; none: there is no way) through their device `dev`. */
export interface Hop {
  readonly via: readonly NodeView[];
  /** How many of them at the same time; the others are spare. Default: as the exits have it where `via` is them, else all. */
  readonly active?: number;
  readonly dev: string;
}

export interface NetworkHooks {
  /** Adds address families; IPv4 is there. */
  readonly families: OwnHook<[add: (family: Family) => void]>;
  /** How other clusters see a cluster's addresses. A bad mapping (families, lengths, overlaps) is left out; saying so is up to who adds it. */
  readonly maps: OwnHook<[cluster: Cluster, add: (mapping: Mapping) => void]>;
  /**
   * What a cluster announces to other clusters, or to its own nodes (`to` is `own`; there it takes a tap of `nextHop` to
   * make routes). Starts as each node's pod CIDRs and, at the node that stands for the cluster, the service CIDRs. Taps must commute.
   */
  readonly announce: OwnChain<readonly Announced[], [cluster: ClusterView, to: 'others' | 'own', family: Family]>;
  /** The class of a node. Without an answer: `endpoint` in P2P clusters; a node of another network type takes no part. */
  readonly classOf: OwnBail<[node: NodeView], string>;
  /** Adds devices to a node. Endpoints have the bridge device already. */
  readonly devices: OwnHook<[draft: Draft]>;
  /** How a class reaches exits. Without an answer: other clusters by the exits' own bridge address, the own cluster not at all. */
  readonly nextHop: OwnBail<[cls: ClassView, exits: readonly NodeView[]], Hop>;
  /**
   * Adds address translation to a node. Endpoints keep their pods' addresses and masquerade for services already. Where a
   * node keeps sources, `maps` apply too: nobody else needs to know of them.
   */
  readonly nat: OwnHook<[draft: Draft]>;
  /** What else is wrong with a cluster; one of the types that the planner has, see README. */
  readonly check: OwnHook<[cluster: ClusterView, say: (type: ProblemType, reason: string, message: string) => void]>;
}
/** What a plugin may find wrong with a Cluster: a value in the object (`plan -f` refuses the file then), why it takes no part, or a network that clashes. */
export type ProblemType = 'Malformed' | 'NotInNetwork' | 'CIDRConflict';

/** Made in `setup`, one set a process. */
export function networkHooks(): NetworkHooks {
  return {
    families: hook('network.families'),
    maps: hook('network.maps'),
    announce: chain('network.announce'),
    classOf: bail('network.classOf'),
    devices: hook('network.devices'),
    nextHop: bail('network.nextHop'),
    nat: hook('network.nat'),
    check: hook('network.check'),
  };
}

/** What the network answers to others (services, DNS). */
export interface Network {
  readonly hooks: NetworkHooks;
  /** The address by which other clusters see `ip` of `cluster`; the same unless something maps it. */
  seenAs(cluster: string, ip: string): string;
  /** Does the cluster take part in the network, with at least one node? */
  reachable(cluster: string): boolean;
}
export const Network: Token<Network> = token<Network>('network-vxlan.network');

/** The network as the objects of the host cluster have it, planned; for commands. */
export interface NetworkView {
  /** Nodes that take part, by the name of their ClusterNode. */
  readonly nodes: readonly ViewedNode[];
  /** See `Network.seenAs`. */
  seenAs(cluster: string, ip: string): string;
  /** Has the node a route to this address of another cluster, by its plan? */
  routed(node: string, ip: string): boolean;
  /** What conditions say is not as it should be with these nodes and their clusters. */
  warnings(nodes: readonly string[]): readonly string[];
  /**
   * Why packets of each pair get lost: the first thing that is wrong on their way, there and back, in the plans and in what the
   * nodes hold. `on` runs the tools of hostnet, and ping, on a node; undefined where nothing can be run. Changes nothing.
   */
  diagnose(pairs: readonly Pair[], on: (node: string) => Runner | undefined, signal: AbortSignal): Promise<Explanation[]>;
}

export interface ViewedNode {
  readonly name: string;
  readonly cluster: string;
  /** Of the Kubernetes node. */
  readonly nodeName: string;
  readonly gateway: boolean;
  readonly families: readonly IpVersion[];
}

/** Packets from a pod of one node (or from the node itself) to a pod of another. Nodes by the name of their ClusterNode, addresses as their own clusters have them. */
export interface Pair {
  readonly from: string;
  /** Of the sending node's pod. */
  readonly source: string;
  readonly to: string;
  readonly target: string;
  /** A service address that is asked instead, behind which the pod is. */
  readonly service?: string;
}

/** What is wrong first on the way of some packets. */
export interface Explanation {
  /** In CamelCase, one of those in README, `Why packets get lost`. */
  readonly reason: string;
  /** The ClusterNode where it is, where it is on one. */
  readonly node?: string;
  readonly message: string;
  /** What to do. */
  readonly fix: string;
}

/** Gives commands (role `cli`) the network as it is now. */
export interface NetworkViews {
  read(clusters: Clusters, signal: AbortSignal): Promise<NetworkView>;
}
export const NetworkViews: Token<NetworkViews> = token<NetworkViews>('network-vxlan.views');

/** What cannot be found, and what to configure: becomes the condition `PodCIDRsUnknown` of the Cluster. */
export interface Trouble {
  /** In CamelCase. */
  readonly reason: string;
  readonly message: string;
}

/** A next hop of this node: the overlay address `via` through `dev`, where the node itself has the overlay address `source`. */
export interface NextHop {
  readonly dev: string;
  readonly via: string;
  readonly source: string;
}

/** A node that this one has a tunnel to: some route's next hop. */
export interface TunnelPeer extends NextHop {
  /** Name of its ClusterNode. */
  readonly node: string;
  readonly cluster: string;
  readonly mac: string;
  /** Does it stand for its cluster, so that many pods' packets go by it? */
  readonly gateway: boolean;
}

/** The part of the network that is this node's, in the role `agent`. */
export interface NodeNetwork {
  /** Name of its ClusterNode and NodeConfig. */
  readonly name: string;
  /** The same array as long as nothing of it changes; empty while the plan is not known. */
  peers(): readonly TunnelPeer[];
}
export const NodeNetwork: Token<NodeNetwork> = token<NodeNetwork>('network-vxlan.node-network');

/** Says in the role `agent` which next hops are not to be used, where a route has several. Without it all of them are. */
export interface NextHopHealth {
  /** What this node's plan has now: the next hops that could be done without, and the node's overlay addresses. */
  follow(hops: readonly NextHop[], sources: readonly string[]): void;
  usable(hop: Pick<NextHop, 'dev' | 'via'>): boolean;
  /** Called when an answer of `usable` changed. Returns the unsubscribe function. */
  onChange(fn: () => void): () => void;
}
export const NextHopHealth: Token<NextHopHealth> = token<NextHopHealth>('network-vxlan.next-hop-health');

/**
 * Finds the CIDRs of clusters with certain CNIs, in the role `manager`. It watches what it needs itself and answers from that.
 * What it does not answer (no such method) is found as without it: pod CIDRs from the Node objects. Where a method gives
 * undefined, which means not known now, nothing is written until one of `sources` changes or some seconds are over. CIDRs
 * may have host bits and any order; what is none is left out. CIDRs that the Cluster's spec states go before all of it.
 */
export interface CniAdapter {
  /** Values of `spec.clusterLinkOptions.cni`; of several adapters for one value the first counts, those of other plugins before the built-in ones. */
  readonly cnis: readonly string[];
  /** What the answers come from, watched in the members: a change lets its cluster be looked at again. */
  readonly sources: readonly Informer<KObject>[];
  /** Ranges of all pods of the cluster, where something states them; nodes' blocks outside of them are added. */
  podCIDRs?(cluster: string): readonly string[] | undefined;
  /** Of the pods on one node of the cluster. */
  nodePodCIDRs?(cluster: string, node: Node): readonly string[] | undefined;
  /** Where it gives some, ServiceCIDR objects, flags of the kube-apiserver and the rest are not asked. */
  serviceCIDRs?(cluster: string): readonly string[] | undefined;
  /** Why the pods' CIDRs, or part of them, cannot be found; undefined: they can. */
  trouble?(cluster: string): Trouble | undefined;
}
/** A plugin gives one or more adapters: `provides: { adapters: CniAdapters }` and `ctx.provide('adapters', adapter)` in `setup`. */
export const CniAdapters: Many<CniAdapter> = many<CniAdapter>('network-vxlan.cni-adapters');
