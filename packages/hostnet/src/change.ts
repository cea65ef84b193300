/** Changes to links, addresses, rules, routes, neighbours and forwarding entries, and the one encoder that turns them into batch lines. */
import { address, family, linkName, mac, netnsName, prefix, whole, word } from './values.ts';

export type LinkKind =
  | { readonly kind: 'bridge' }
  /** Both ends at once; `peer.netns` puts the other one there. */
  | { readonly kind: 'veth'; readonly peer: { readonly name: string; readonly netns?: string } }
  /** `port`: UDP. Learning is off. */
  | { readonly kind: 'vxlan'; readonly id: number; readonly port: number; readonly local: string; readonly dev: string }
  | { readonly kind: 'dummy' };

export interface Route {
  /** `10.0.0.0/8`, or `default` (IPv4). */
  readonly dst: string;
  /** Default `unicast`. */
  readonly type?: 'unicast' | 'unreachable' | 'blackhole';
  readonly via?: string;
  readonly dev?: string;
  readonly onlink?: boolean;
  /** Source address of packets that this host sends. */
  readonly src?: string;
  /** A nexthop object; then no `via` and `dev`. */
  readonly nhid?: number;
  /** Default 254, `main`. */
  readonly table?: number;
  /** Who made it (rtm_protocol). */
  readonly protocol?: number;
  readonly metric?: number;
}

export type Nexthop =
  | { readonly id: number; readonly via: string; readonly dev: string; readonly onlink?: boolean; readonly protocol?: number }
  | { readonly id: number; readonly group: readonly number[]; readonly protocol?: number };

export interface Rule {
  readonly family: 4 | 6;
  readonly priority: number;
  readonly table: number;
  readonly protocol?: number;
}

export interface Neighbour {
  readonly ip: string;
  readonly mac: string;
  readonly dev: string;
}

/** VXLAN forwarding: frames for `mac` go to the host `dst`. */
export interface FdbEntry {
  readonly mac: string;
  readonly dst: string;
  readonly dev: string;
}

/** `set*` and `replace*` may be repeated; `add*` fails when it is there and `delete*` when it isn't. */
export type Change =
  | { readonly op: 'addNetns' | 'deleteNetns'; readonly name: string }
  /** `netns`: made in there. */
  | ({ readonly op: 'addLink'; readonly name: string; readonly netns?: string; readonly mac?: string; readonly mtu?: number } & LinkKind)
  | {
      readonly op: 'setLink';
      readonly name: string;
      readonly state?: 'up' | 'down';
      readonly mtu?: number;
      readonly mac?: string;
      /** The bridge it is a port of. */
      readonly master?: string;
      /** `none`: no link-local IPv6 address. */
      readonly addrgenmode?: 'none' | 'eui64';
      /** Moves it; last, since it is out of reach then. */
      readonly netns?: string;
    }
  | { readonly op: 'setVxlanLocal'; readonly name: string; readonly local: string }
  /** Lets a bridge send frames out by the port that they came in by. */
  | { readonly op: 'setHairpin'; readonly name: string; readonly on: boolean }
  | { readonly op: 'deleteLink'; readonly name: string }
  /** IPv6 addresses skip duplicate detection, since they would be unusable for a second or two. */
  | { readonly op: 'replaceAddress' | 'deleteAddress'; readonly address: string; readonly dev: string }
  | ({ readonly op: 'addRule' | 'deleteRule' } & Rule)
  | ({ readonly op: 'replaceRoute' | 'deleteRoute' } & Route)
  | ({ readonly op: 'replaceNexthop' } & Nexthop)
  | { readonly op: 'deleteNexthop'; readonly id: number }
  /** Permanent. */
  | ({ readonly op: 'replaceNeighbour' | 'deleteNeighbour' } & Neighbour)
  /** Permanent. `append` keeps other hosts for the same MAC (flooding). */
  | ({ readonly op: 'replaceFdb' | 'appendFdb' | 'deleteFdb' } & FdbEntry);

export interface Line {
  readonly tool: 'ip' | 'ip -6' | 'bridge';
  readonly text: string;
}

/** A word and its value, where there is one. */
const opt = <T>(value: T | undefined, key: string, check: (value: T) => string) => (value === undefined ? '' : ` ${key} ${check(value)}`);
const mtu = (n: number) => whole('MTU', n, 68, 65535);
const protocol = (n: number) => whole('protocol', n, 0, 255);
const table = (n: number) => whole('routing table', n, 1, 0xffffffff);
const id = (n: number) => whole('nexthop id', n, 1, 0xffffffff);
const metric = (n: number) => whole('metric', n, 0, 0xffffffff);
const ip = (text: string): Line => ({ tool: 'ip', text });

/** Throws HostNetError HOSTNET_E_VALUE for a value that is none. */
export function encode(c: Change): Line {
  switch (c.op) {
    case 'addNetns':
    case 'deleteNetns':
      return ip(`netns ${verb(c.op)} ${netnsName(c.name)}`);
    case 'addLink':
      return ip(
        `link add name ${linkName(c.name)}${opt(c.mac, 'address', mac)}${opt(c.mtu, 'mtu', mtu)}${opt(c.netns, 'netns', netnsName)} type ${kind(c)}`,
      );
    case 'setLink': {
      const mode = opt(c.addrgenmode, 'addrgenmode', (m) => word('addrgenmode', m, ['none', 'eui64']));
      const state = c.state === undefined ? '' : ` ${word('state', c.state, ['up', 'down'])}`;
      const to = `${opt(c.mtu, 'mtu', mtu)}${opt(c.mac, 'address', mac)}${opt(c.master, 'master', linkName)}`;
      return ip(`link set dev ${linkName(c.name)}${to}${mode}${state}${opt(c.netns, 'netns', netnsName)}`);
    }
    case 'setVxlanLocal':
      return ip(`link set dev ${linkName(c.name)} type vxlan local ${address(c.local)}`);
    case 'setHairpin':
      return ip(`link set dev ${linkName(c.name)} type bridge_slave hairpin ${c.on ? 'on' : 'off'}`);
    case 'deleteLink':
      return ip(`link delete dev ${linkName(c.name)}`);
    case 'replaceAddress':
    case 'deleteAddress': {
      const cidr = prefix(c.address);
      const nodad = c.op === 'replaceAddress' && family(cidr) === 6 ? ' nodad' : '';
      return ip(`address ${verb(c.op)} ${cidr} dev ${linkName(c.dev)}${nodad}`);
    }
    case 'addRule':
    case 'deleteRule': {
      const priority = whole('priority', c.priority, 0, 0xffffffff);
      const text = `rule ${verb(c.op)} priority ${priority} lookup ${table(c.table)}${opt(c.protocol, 'protocol', protocol)}`;
      return { tool: c.family === 6 ? 'ip -6' : 'ip', text };
    }
    case 'replaceRoute':
    case 'deleteRoute':
      return ip(`route ${verb(c.op)} ${route(c)}`);
    case 'replaceNexthop': {
      const hop =
        'group' in c ? `group ${c.group.map(id).join('/')}` : `via ${address(c.via)} dev ${linkName(c.dev)}${c.onlink ? ' onlink' : ''}`;
      return ip(`nexthop replace id ${id(c.id)} ${hop}${opt(c.protocol, 'protocol', protocol)}`);
    }
    case 'deleteNexthop':
      return ip(`nexthop delete id ${id(c.id)}`);
    case 'replaceNeighbour':
      return ip(`neighbour replace ${address(c.ip)} lladdr ${mac(c.mac)} dev ${linkName(c.dev)} nud permanent`);
    case 'deleteNeighbour':
      return ip(`neighbour delete ${address(c.ip)} dev ${linkName(c.dev)}`);
    case 'replaceFdb':
    case 'appendFdb':
    case 'deleteFdb': {
      const permanent = c.op === 'deleteFdb' ? '' : ' permanent';
      const text = `fdb ${verb(c.op)} ${mac(c.mac)} dev ${linkName(c.dev)} dst ${address(c.dst)} self${permanent}`;
      return { tool: 'bridge', text };
    }
  }
}

function verb(op: string): 'add' | 'append' | 'replace' | 'delete' {
  if (op.startsWith('replace')) return 'replace';
  if (op.startsWith('delete')) return 'delete';
  if (op.startsWith('append')) return 'append';
  return 'add';
}

function kind(link: LinkKind): string {
  switch (link.kind) {
    case 'veth':
      return `veth peer name ${linkName(link.peer.name)}${opt(link.peer.netns, 'netns', netnsName)}`;
    case 'vxlan': {
      const [vni, port] = [whole('VNI', link.id, 1, 0xffffff), whole('UDP port', link.port, 1, 65535)];
      return `vxlan id ${vni} dstport ${port} local ${address(link.local)} dev ${linkName(link.dev)} nolearning`;
    }
    default:
      return word('kind of link', link.kind, ['bridge', 'dummy']);
  }
}

function route(r: Route): string {
  const type = r.type === undefined || r.type === 'unicast' ? '' : `${word('type of route', r.type, ['unreachable', 'blackhole'])} `;
  const dst = r.dst === 'default' ? r.dst : prefix(r.dst);
  const hop = `${opt(r.via, 'via', address)}${opt(r.dev, 'dev', linkName)}${r.onlink ? ' onlink' : ''}${opt(r.nhid, 'nhid', id)}`;
  return `${type}${dst}${hop}${opt(r.src, 'src', address)}${opt(r.metric, 'metric', metric)}${opt(r.table, 'table', table)}${opt(r.protocol, 'protocol', protocol)}`;
}
