import { type Cluster, type ClusterNode, GATEWAY_ROLE, IP_FAMILIES, NETWORK_TYPES } from '@kosmos/api';
import type { ClusterView, Device, Family, Link, Mapping, NodeView } from '../contracts.ts';
import { type Cidr, type Ip, type IpVersion, parseCidr, parseIp } from './address.ts';
import type { Intervals } from './intervals.ts';
import type { Arp, Fdb, Nat, NodePlan, Route } from './types.ts';

/** How a node is reached over one of its devices. A new object whenever anything in it changes. */
export interface Peer {
  readonly node: NodeState;
  readonly dev: string;
  readonly device: Link & { readonly net: Cidr };
  /** Where its addresses must be its own: its device, of the cluster if it ends there. */
  readonly tunnel: string;
  readonly address: Ip;
  readonly fdb: Fdb;
  readonly arp: Arp;
}

/** A ClusterNode: what its object says, and what the planner made of it. */
export interface NodeState extends NodeView {
  readonly object: ClusterNode;
  cluster: ClusterState;
  readonly podCIDRs: readonly Cidr[];
  /** One a family. */
  readonly ips: readonly Ip[];
  readonly interfaceName: string;
  /** What is wrong in the object, each with its path. */
  readonly problems: readonly string[];
  /** Raised whenever something that other nodes see of it changes. */
  rev: number;
  /** Why it takes no part, if so. */
  excluded: Exclusion | undefined;
  cls: string;
  /** What `devices` were made for. */
  madeFor: { readonly cluster: ClusterState; readonly cls: string } | undefined;
  families: readonly Family[];
  devices: readonly Device[];
  /** What `devices` were made of. */
  devicesOf: readonly Peer[];
  /** How others reach it, one a device. */
  peers: readonly Peer[];
  /** Whose addresses it claims; kept by `Claims`. */
  claims: readonly Peer[];
  /** Where its tunnels end, as the table knows it. */
  underlays: readonly Ip[];
  nat: readonly Nat[];
  /** Says the same as `nat`. */
  natKey: string;
  /** `ClusterState.version` that `nat` was made for. */
  natVersion: number;
  /** See `exceptOwn`: what it was made of and what came out. */
  exceptOwn: ({ readonly peers: readonly Peer[]; readonly without: SharedLists } & SharedLists) | undefined;
  /** The plan that was given out last. */
  plan: NodePlan | undefined;
}

export interface SharedLists {
  readonly routes: readonly Route[];
  readonly fdbs: readonly Fdb[];
  readonly arps: readonly Arp[];
}

export interface Exclusion {
  readonly type: 'NotInNetwork' | 'OverlayAddressConflict';
  readonly reason: string;
  readonly message: string;
}

/** A Cluster: what its object says, and what the planner made of it. */
export interface ClusterState extends ClusterView {
  readonly nodes: NodeState[];
  maps: readonly Mapping[];
  /** Mappings that are left out, since these addresses are in use where the cluster's nodes are. */
  unfitMaps: readonly Mapping[];
  /** Pods that others see by other addresses; made when asked. */
  translated: () => readonly Mapping[];
  readonly overlays: ReadonlyMap<IpVersion, { readonly bridge: Cidr; readonly local: Cidr }>;
  /** creationTimestamp, or what sorts after all of them. */
  readonly created: string;
  readonly excluded: Exclusion | undefined;
  readonly problems: readonly string[];
  /** Networks that its nodes must never route away. */
  own: OwnNetworks;
  /** Tells which nodes stand for it, and which revision of each. */
  waysKey: string;
  /** When the planner last looked at the cluster and its nodes. */
  version: number;
}

/** They are made when somebody asks: who plans one node needs those of one cluster. */
export interface OwnNetworks extends Intervals {
  /** Undefined until then. */
  readonly cidrs: readonly Cidr[] | undefined;
}

const CIDR_ALLOWED = 'an IPv4 or IPv6 network such as 10.0.0.0/16';
const NEVER = '9999';
const NO_ROLES: ReadonlySet<string> = new Set();
export const NOTHING: readonly never[] = [];

export function readCluster(object: Cluster, families: readonly Family[]): ClusterState {
  const problems: string[] = [];
  const link = object.spec?.clusterLinkOptions;
  const networkType = link?.networkType ?? 'p2p';
  const ipFamily = link?.ipFamily ?? 'all';
  if (!(IP_FAMILIES as readonly string[]).includes(ipFamily)) {
    problems.push(`spec.clusterLinkOptions.ipFamily: '${ipFamily}' is none of ${IP_FAMILIES.join(', ')}`);
  }
  if (!(NETWORK_TYPES as readonly string[]).includes(networkType)) {
    problems.push(`spec.clusterLinkOptions.networkType: '${networkType}' is none of ${NETWORK_TYPES.join(', ')}`);
  }
  const cidrs = (key: 'podCIDRs' | 'serviceCIDRs') =>
    readCidrs(object.status?.clusterLinkStatus?.[key], `status.clusterLinkStatus.${key}`, problems);
  const [podCIDRs, serviceCIDRs] = [cidrs('podCIDRs'), cidrs('serviceCIDRs')];
  const overlays = new Map<IpVersion, { bridge: Cidr; local: Cidr }>();
  const wanted = families.filter((f) => f.wanted(object));
  for (const family of wanted) {
    const { bridge, local } = family.nets(object);
    const read = (text: string, key: string) =>
      readOverlay(text, family, `spec.clusterLinkOptions.${key}.${family.id === 4 ? 'ip' : 'ip6'}`, problems);
    const [b, l] = [read(bridge, 'bridgeCIDRs'), read(local, 'localCIDRs')];
    if (b && l) overlays.set(family.id, { bridge: b, local: l });
  }
  const usable = wanted.filter((f) => overlays.has(f.id));
  return {
    name: object.metadata.name,
    object,
    networkType,
    families: usable,
    podCIDRs,
    serviceCIDRs,
    overlays,
    nets: (family) => overlays.get(family.id),
    nodes: [],
    created: object.metadata.creationTimestamp ?? NEVER,
    excluded: exclusion(object, usable, ipFamily, wanted.length > 0),
    problems,
    maps: NOTHING,
    unfitMaps: NOTHING,
    translated: () => NOTHING,
    own: { cidrs: undefined, overlaps: () => false },
    waysKey: '',
    version: 0,
  };
}

function exclusion(object: Cluster, usable: readonly Family[], ipFamily: string, wanted: boolean): Exclusion | undefined {
  const link = object.spec?.clusterLinkOptions;
  const because = (reason: string, message: string): Exclusion => ({ type: 'NotInNetwork', reason, message });
  if (!link) return because('LinkDisabled', 'spec.clusterLinkOptions is absent: the cluster takes no part in the network');
  if (link.enable === false)
    return because('LinkDisabled', 'spec.clusterLinkOptions.enable is false: the cluster takes no part in the network');
  if (usable.length > 0) return undefined;
  return wanted
    ? because('NoOverlayNetwork', 'no address family has valid overlay networks (bridgeCIDRs, localCIDRs)')
    : because('FamilyUnsupported', `ipFamily is '${ipFamily}', and no plugin here brings that family`);
}

export function readNode(object: ClusterNode, cluster: ClusterState): NodeState {
  const { spec } = object;
  const problems: string[] = [];
  const ips: Ip[] = [];
  for (const [key, family, example] of [
    ['ip', 4, '192.0.2.10'],
    ['ip6', 6, '2001:db8::10'],
  ] as const) {
    const text = spec?.[key];
    if (!text) continue;
    const ip = parseIp(text);
    if (ip?.family === family) ips.push(ip);
    else problems.push(`spec.${key}: '${text}' is not an IPv${family} address such as ${example}`);
  }
  return {
    name: object.metadata.name,
    object,
    cluster,
    roles: spec?.roles?.length ? new Set(spec.roles.map((role) => role.toLowerCase())) : NO_ROLES,
    podCIDRs: readCidrs(spec?.podCIDRs, 'spec.podCIDRs', problems),
    ips,
    ip({ id }) {
      for (const ip of ips) if (ip.family === id) return ip;
      return undefined;
    },
    interfaceName: spec?.interfaceName ?? '',
    problems,
    rev: 0,
    excluded: undefined,
    cls: '',
    madeFor: undefined,
    families: NOTHING,
    devices: NOTHING,
    devicesOf: NOTHING,
    peers: NOTHING,
    claims: NOTHING,
    underlays: NOTHING,
    nat: NOTHING,
    natKey: '',
    natVersion: 0,
    exceptOwn: undefined,
    plan: undefined,
  };
}

/** Why a node of an admitted cluster takes no part, from its object alone. */
export function nodeExclusion(node: NodeState): Exclusion | undefined {
  const because = (reason: string, message: string): Exclusion => ({ type: 'NotInNetwork', reason, message });
  if (!node.interfaceName) return because('NoInterface', 'spec.interfaceName is empty; the agent of the node fills it in');
  if (node.families.length > 0) return undefined;
  const fields = node.cluster.families.map((f) => (f.id === 4 ? 'spec.ip' : 'spec.ip6')).join(' and ');
  return because('NoAddress', `${fields} is empty or malformed; the agent of the node fills it in`);
}

export function peerOf({ peers }: NodeState, dev: string): Peer | undefined {
  for (const peer of peers) if (peer.dev === dev) return peer;
  return undefined;
}

export function isGateway(node: NodeView): boolean {
  return node.roles.has(GATEWAY_ROLE);
}

function readCidrs(texts: readonly string[] | undefined, path: string, problems: string[]): Cidr[] {
  const out: Cidr[] = [];
  for (const [i, text] of (texts ?? []).entries()) {
    const cidr = parseCidr(text);
    if (!cidr) problems.push(`${path}[${i}]: '${text}' is not ${CIDR_ALLOWED}; it is left out`);
    else if (!out.some((known) => known.text === cidr.text)) out.push(cidr);
  }
  return out;
}

function readOverlay(text: string, family: Family, path: string, problems: string[]): Cidr | undefined {
  const cidr = parseCidr(text);
  if (cidr?.family === family.id) return cidr;
  problems.push(`${path}: '${text}' is not an IPv${family.id} network such as ${family.id === 4 ? '220.0.0.0/8' : '9470::/16'}`);
  return undefined;
}
