/**
 * What one node's kernel is to hold for the network: the planner's output, `kosmos plan`'s, and the agent's input.
 * Field names are those of NodeConfig.spec. Lists are sorted (devices by name, routes by network, fdbs and arps
 * by device and overlay address) and without duplicates. `routes`, `fdbs` and `arps` are the same array (identity) for all
 * nodes of one cluster and class, and stay the same array while they say the same: never change them in place.
 */
export interface NodePlan {
  /** Name of the ClusterNode. */
  readonly node: string;
  readonly devices: readonly Device[];
  readonly routes: readonly Route[];
  readonly fdbs: readonly Fdb[];
  readonly arps: readonly Arp[];
  readonly nat: readonly Nat[];
}

export interface Device {
  readonly type: 'vxlan';
  readonly name: string;
  /** Overlay address with its prefix length, `220.18.0.2/8`. */
  readonly addr: string;
  readonly mac: string;
  /** The underlay interface it is bound to. */
  readonly bindDev: string;
  /** VNI. */
  readonly id: number;
  /** UDP port. */
  readonly port: number;
  /** Absent: the MTU of bindDev less the overhead of the family (50 or 70 bytes). */
  readonly mtu?: number;
}

export interface Route {
  readonly cidr: string;
  /** Overlay address of the next hop. */
  readonly gw: string;
  /** Overlay addresses of further next hops on `dev`, best first; absent where there is only one. */
  readonly alternates?: readonly string[];
  /** How many of `gw` and `alternates` are used at the same time, the first ones that answer; absent: all. */
  readonly active?: number;
  readonly dev: string;
}

/** Frames for `mac` go to the node with underlay address `ip`. */
export interface Fdb {
  readonly ip: string;
  readonly mac: string;
  readonly dev: string;
}

/** Overlay address `ip` has `mac`. */
export interface Arp {
  readonly ip: string;
  readonly mac: string;
  readonly dev: string;
}

export type Nat =
  /** Sources in `cidr` stay as they are when leaving by `dev`, whatever the CNI's masquerade says. */
  | { readonly stage: 'keep'; readonly cidr: string; readonly dev: string }
  /** Pods in `real` are seen as `seen` beyond `dev`, one to one, both ways; and who asks for `seen` on this node is led to `real`. */
  | { readonly stage: 'translate'; readonly real: string; readonly seen: string; readonly dev: string }
  /** The same for services, packet by packet: the state that kube-proxy keeps of a connection takes no second translation. */
  | { readonly stage: 'rewrite'; readonly real: string; readonly seen: string; readonly dev: string }
  /** What comes in by `dev` for a service address in `cidr` and is translated on this node leaves with this node's address. */
  | { readonly stage: 'masquerade'; readonly cidr: string; readonly dev: string }
  /** What comes in by `dev` for one of `cidrs` (absent: for anybody), but none of `except`, only passes through: no state is kept of it. */
  | { readonly stage: 'notrack'; readonly cidrs?: readonly string[]; readonly except: readonly string[]; readonly dev: string };
