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

const opt = (key: string, value: string | undefined) => (value === undefined ? [] : [key, value]);
const some = <T, U>(value: T | undefined, fn: (value: T) => U): U | undefined => (value === undefined ? undefined : fn(value));
const mtu = (n: number) => whole('MTU', n, 68, 65535);
const protocol = (n: number) => whole('protocol', n, 0, 255);
const table = (n: number) => whole('routing table', n, 1, 0xffffffff);
const id = (n: number) => whole('nexthop id', n, 1, 0xffffffff);

/** Throws HostNetError HOSTNET_E_VALUE for a value that is none. */
export function encode(change: Change): Line {
  const words = (tool: Line['tool'], ...parts: readonly string[]): Line => ({ tool, text: parts.join(' ') });
  switch (change.op) {
    case 'addNetns':
    case 'deleteNetns':
      return words('ip', 'netns', change.op === 'addNetns' ? 'add' : 'delete', netnsName(change.name));
    case 'addLink':
      return words(
        'ip',
        'link',
        'add',
        'name',
        linkName(change.name),
        ...opt('address', some(change.mac, mac)),
        ...opt('mtu', some(change.mtu, mtu)),
        ...opt('netns', some(change.netns, netnsName)),
        'type',
        ...kind(change),
      );
    case 'setLink':
      return words(
        'ip', 'link', 'set', 'dev', linkName(change.name),
        ...opt('mtu', some(change.mtu, mtu)), ...opt('address', some(change.mac, mac)), ...opt('master', some(change.master, linkName)),
        ...opt('addrgenmode', some(change.addrgenmode, (m) => word('addrgenmode', m, ['none', 'eui64']))),
        ...(change.state === undefined ? [] : [word('state', change.state, ['up', 'down'])]), ...opt('netns', some(change.netns, netnsName)),
      ); // prettier-ignore
    case 'setVxlanLocal':
      return words('ip', 'link', 'set', 'dev', linkName(change.name), 'type', 'vxlan', 'local', address(change.local));
    case 'setHairpin':
      return words('ip', 'link', 'set', 'dev', linkName(change.name), 'type', 'bridge_slave', 'hairpin', change.on ? 'on' : 'off');
    case 'deleteLink':
      return words('ip', 'link', 'delete', 'dev', linkName(change.name));
    case 'replaceAddress':
    case 'deleteAddress': {
      const cidr = prefix(change.address);
      const nodad = change.op === 'replaceAddress' && family(cidr) === 6 ? ['nodad'] : [];
      return words('ip', 'address', verb(change.op), cidr, 'dev', linkName(change.dev), ...nodad);
    }
    case 'addRule':
    case 'deleteRule':
      return words(
        change.family === 6 ? 'ip -6' : 'ip',
        'rule',
        verb(change.op),
        'priority',
        whole('priority', change.priority, 0, 0xffffffff),
        'lookup',
        table(change.table),
        ...opt('protocol', some(change.protocol, protocol)),
      );
    case 'replaceRoute':
    case 'deleteRoute':
      return words('ip', 'route', verb(change.op), ...route(change));
    case 'replaceNexthop':
      return words(
        'ip',
        'nexthop',
        'replace',
        'id',
        id(change.id),
        ...('group' in change
          ? ['group', change.group.map(id).join('/')]
          : ['via', address(change.via), 'dev', linkName(change.dev), ...(change.onlink ? ['onlink'] : [])]),
        ...opt('protocol', some(change.protocol, protocol)),
      );
    case 'deleteNexthop':
      return words('ip', 'nexthop', 'delete', 'id', id(change.id));
    case 'replaceNeighbour':
      return words(
        'ip',
        'neighbour',
        'replace',
        address(change.ip),
        'lladdr',
        mac(change.mac),
        'dev',
        linkName(change.dev),
        'nud',
        'permanent',
      );
    case 'deleteNeighbour':
      return words('ip', 'neighbour', 'delete', address(change.ip), 'dev', linkName(change.dev));
    case 'replaceFdb':
    case 'appendFdb':
    case 'deleteFdb':
      return words(
        'bridge',
        'fdb',
        verb(change.op),
        mac(change.mac),
        'dev',
        linkName(change.dev),
        'dst',
        address(change.dst),
        'self',
        ...(change.op === 'deleteFdb' ? [] : ['permanent']),
      );
  }
}

const verb = (op: string): string => /^[a-z]+/.exec(op)![0];

function kind(link: LinkKind): string[] {
  switch (link.kind) {
    case 'veth':
      return ['veth', 'peer', 'name', linkName(link.peer.name), ...opt('netns', some(link.peer.netns, netnsName))];
    case 'vxlan':
      return [
        'vxlan',
        'id',
        whole('VNI', link.id, 1, 0xffffff),
        'dstport',
        whole('UDP port', link.port, 1, 65535),
        'local',
        address(link.local),
        'dev',
        linkName(link.dev),
        'nolearning',
      ];
    default:
      return [word('kind of link', link.kind, ['bridge', 'dummy'])];
  }
}

function route(r: Route): string[] {
  const type = r.type === undefined || r.type === 'unicast' ? [] : [word('type of route', r.type, ['unreachable', 'blackhole'])];
  const hop = [
    ...opt('via', some(r.via, address)),
    ...opt('dev', some(r.dev, linkName)),
    ...(r.onlink ? ['onlink'] : []),
    ...opt('nhid', some(r.nhid, id)),
  ];
  return [
    ...type,
    r.dst === 'default' ? r.dst : prefix(r.dst),
    ...hop,
    ...opt('src', some(r.src, address)),
    ...opt(
      'metric',
      some(r.metric, (n) => whole('metric', n, 0, 0xffffffff)),
    ),
    ...opt('table', some(r.table, table)),
    ...opt('protocol', some(r.protocol, protocol)),
  ];
}
