/** What the kernel holds, from the dumps of ip and bridge. */
import type { FdbEntry, Neighbour, Nexthop, Route, Rule } from './change.ts';
import { HostNetError } from './errors.ts';

export interface Link {
  readonly index: number;
  readonly name: string;
  readonly up: boolean;
  readonly mtu: number;
  readonly mac: string;
  readonly master: string | undefined;
  readonly kind: string | undefined;
  readonly vxlan:
    | {
        readonly id: number;
        readonly port: number;
        readonly local: string | undefined;
        readonly dev: string | undefined;
        readonly learning: boolean;
      }
    | undefined;
  readonly addresses: readonly LinkAddress[];
}
export interface LinkAddress {
  /** `10.0.0.1/24` */
  readonly address: string;
  readonly scope: string;
  /** Not to be used yet, or any more. */
  readonly tentative: boolean;
  readonly deprecated: boolean;
  /** A privacy address, which changes. */
  readonly temporary: boolean;
}
export interface SeenRoute extends Route {
  readonly table: number;
  readonly protocol: number;
}
export interface SeenNeighbour extends Neighbour {
  readonly permanent: boolean;
}
export interface SeenFdb extends FdbEntry {
  readonly permanent: boolean;
}

export type Json = Record<string, unknown>;
const str = (v: unknown): string | undefined => (typeof v === 'string' ? v : undefined);
const num = (v: unknown): number | undefined => (typeof v === 'number' ? v : typeof v === 'string' && v !== '' ? Number(v) : undefined);
const has = (v: unknown, word: string) => Array.isArray(v) && v.includes(word);
/** A new object, since one that keys are deleted from is slow from then on. */
const defined = <T extends object>(o: T): T => {
  const out = {} as T;
  for (const key in o) if (o[key] !== undefined) out[key] = o[key];
  return out;
};

/** With `ip -batch` several dumps follow one another, one a line of input: this splits them. */
export function dumps(text: string, count: number): string[] {
  // The tools end each array with a newline and print none for an empty dump of some objects.
  const found = text.split('\n').filter((line) => line.trim() !== '');
  if (found.length !== count) throw new HostNetError('HOSTNET_E_COMMAND', `expected ${count} dumps of ip, found ${found.length}`);
  return found;
}

export function toLink(row: Json): Link | undefined {
  const name = str(row.ifname);
  if (!name) return undefined; // dumps hold empty objects where a filter left something out
  const info = row.linkinfo as Json | undefined;
  const data = (info?.info_data ?? {}) as Json;
  return {
    index: num(row.ifindex) ?? 0,
    name,
    up: has(row.flags, 'UP'),
    mtu: num(row.mtu) ?? 0,
    mac: str(row.address) ?? '',
    master: str(row.master),
    kind: str(info?.info_kind),
    vxlan:
      info?.info_kind === 'vxlan'
        ? {
            id: num(data.id) ?? 0,
            port: num(data.port) ?? 0,
            local: str(data.local) ?? str(data.local6),
            dev: str(data.link),
            learning: data.learning !== false,
          }
        : undefined,
    addresses: ((row.addr_info ?? []) as Json[])
      .filter((a) => a.local)
      .map((a) => ({
        address: `${String(a.local)}/${String(a.prefixlen)}`,
        scope: a.scope === '0' ? 'global' : String(a.scope),
        tentative: a.tentative === true,
        deprecated: a.deprecated === true,
        temporary: a.temporary === true,
      })),
  };
}

/** rtm_type by number, as `-N` prints it. */
const TYPES: Readonly<Record<string, Route['type']>> = {
  '6': 'blackhole',
  '7': 'unreachable',
  blackhole: 'blackhole',
  unreachable: 'unreachable',
};

/** `table` is the one that was asked for; the dump leaves it out. */
export function toRoute(row: Json, table: number): SeenRoute {
  const dst = String(row.dst);
  const bits = dst.includes(':') ? 128 : 32;
  const type = TYPES[String(row.type)];
  return defined({
    dst: dst === 'default' || dst.includes('/') ? dst : `${dst}/${bits}`,
    type,
    via: str(row.gateway),
    dev: type ? undefined : str(row.dev),
    onlink: has(row.flags, 'onlink') || undefined,
    src: str(row.prefsrc),
    nhid: num(row.nhid),
    table: num(row.table) ?? table,
    protocol: num(row.protocol) ?? 3, // "boot", which the dump leaves out
    metric: num(row.metric),
  } as SeenRoute);
}

export function toRule(row: Json, family: 4 | 6): Rule {
  return defined({ family, priority: num(row.priority) ?? 0, table: num(row.table) ?? 0, protocol: num(row.protocol) } as Rule);
}

/** A line of `ip neighbour`, such as `10.0.0.2 dev vx-bridge lladdr 02:00:00:00:00:02 PERMANENT`. */
export function toNeighbour(line: string): SeenNeighbour | undefined {
  const words = line.split(' ');
  const [ip, dev, mac] = [words[0], after(words, 'dev'), after(words, 'lladdr')];
  return ip && mac && dev ? { ip, mac, dev, permanent: words.includes('PERMANENT') } : undefined;
}

export function toNexthop(row: Json): Nexthop | undefined {
  const id = num(row.id)!;
  const protocol = num(row.protocol);
  if (Array.isArray(row.group)) return defined({ id, group: (row.group as Json[]).map((m) => num(m.id)!), protocol } as Nexthop);
  const [via, dev] = [str(row.gateway), str(row.dev)];
  return via && dev ? defined({ id, via, dev, onlink: has(row.flags, 'onlink') || undefined, protocol } as Nexthop) : undefined;
}

/** A line of `bridge fdb`, such as `02:00:00:00:00:02 dev vx-bridge dst 192.0.2.2 self permanent`. */
export function toFdb(line: string): SeenFdb | undefined {
  const words = line.split(' ');
  const [mac, dev, dst] = [words[0], after(words, 'dev'), after(words, 'dst')];
  return mac && dev && dst ? { mac, dst, dev, permanent: words.includes('permanent') } : undefined;
}

function after(words: readonly string[], key: string): string | undefined {
  const at = words.indexOf(key);
  return at < 0 ? undefined : words[at + 1];
}
