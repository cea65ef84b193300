import type { Announced, NodeView } from '../contracts.ts';
import { seenParts } from './maps.ts';
import { type Bits, type Cidr, cidrOf, compareCidrs, type Ip, type IpVersion, overlaps } from './address.ts';
import { lowerBound } from './intervals.ts';
import type { ClusterState, NodeState, Peer } from './model.ts';
import type { Route } from './types.ts';

/** One announced network, or a part of it that is mapped otherwise. A new object whenever it, its exits or what others see of those changes. */
export interface Entry {
  /** As other clusters see it. */
  readonly cidr: Cidr;
  readonly real: Cidr;
  readonly cluster: ClusterState;
  readonly announced: Announced;
  readonly exits: readonly NodeState[];
  /** Newest revision among the exits. */
  readonly stamp: number;
  /** The way to it that was made last: classes that reach it alike share the object. */
  line: Line | undefined;
}

/** A route to a network, and the peers that it leads to, best first. */
export interface Line {
  readonly entry: Entry;
  readonly route: Route;
  readonly via: readonly Peer[];
}

/** The older cluster first (creationTimestamp, then name): it keeps what several claim. */
export function compareClusters(a: ClusterState, b: ClusterState): number {
  if (a.created !== b.created) return a.created < b.created ? -1 : 1;
  return a.name === b.name ? 0 : a.name < b.name ? -1 : 1;
}

interface Part {
  readonly announced: Announced;
  readonly real: Cidr;
  readonly seen: Cidr;
}

/** One cluster's announcements as others see them, sorted; of equal networks the first stays. */
export function makeBlock(cluster: ClusterState, announced: readonly Announced[], old: ReadonlyMap<string, Entry>): Map<string, Entry> {
  const { maps } = cluster;
  const parts: Part[] = [];
  for (const a of announced) {
    if (a.exits.length === 0) continue;
    if (maps.length === 0) parts.push({ announced: a, real: a.real, seen: a.real });
    else for (const part of seenParts(maps, a.real)) parts.push({ announced: a, ...part });
  }
  const block = new Map<string, Entry>();
  for (const { announced: a, real, seen } of parts.sort(compareParts)) {
    const key = seen.text;
    if (block.has(key)) continue;
    const exits = a.exits as readonly NodeView[] as readonly NodeState[];
    const stamp = exits.reduce((max, node) => Math.max(max, node.rev), 0);
    const known = old.get(key);
    const same =
      known?.cluster === cluster &&
      known.stamp === stamp &&
      known.announced.kind === a.kind &&
      known.announced.active === a.active &&
      known.real.text === real.text &&
      known.exits.length === exits.length &&
      known.exits.every((node, i) => node === exits[i]);
    block.set(key, same ? known : { cidr: seen, real, cluster, announced: a, exits, stamp, line: undefined });
  }
  return block;
}

/** Total and independent of input order, so that whatever taps add, in whatever order, gives the same plan. */
function compareParts(a: Part, b: Part): number {
  const { announced: one } = a;
  const { announced: other } = b;
  return (
    compareCidrs(a.seen, b.seen) ||
    (one.kind === other.kind ? 0 : one.kind < other.kind ? -1 : 1) ||
    compareCidrs(a.real, b.real) ||
    (one.exits[0]!.name < other.exits[0]!.name ? -1 : one.exits[0]!.name === other.exits[0]!.name ? 0 : 1)
  );
}

/** Networks whose winner changed, or whether they hold an underlay address, by text. */
export type Changes = Map<string, Cidr>;

/** All announcements of all clusters, with the one that wins where several clusters claim one network. */
export class Table {
  readonly blocks = new Map<string, ReadonlyMap<string, Entry>>();
  readonly #claims = new Map<string, Entry[]>();
  /** How many networks of a family and length there are in `#claims`. */
  readonly #lengths: Readonly<Record<IpVersion, Map<number, number>>> = { 4: new Map(), 6: new Map() };
  /** Where tunnels end, sorted; as often as there are nodes there. */
  readonly #underlays = new Map<IpVersion, Bits[]>();
  #sorted: Entry[] = [];
  #sortedHolds = true;
  #changed: Changes = new Map();

  replace(cluster: string, block: ReadonlyMap<string, Entry>): void {
    const old = this.blocks.get(cluster) ?? new Map<string, Entry>();
    if (block.size > 0) this.blocks.set(cluster, block);
    else this.blocks.delete(cluster);
    old.forEach((entry, key) => block.get(key) !== entry && this.#drop(key, entry));
    block.forEach((entry, key) => old.get(key) !== entry && this.#add(key, entry));
  }

  winner(key: string): Entry | undefined {
    return this.#claims.get(key)?.[0];
  }

  /** Every network that more than one cluster announces, the winner first. */
  *contested(): Iterable<readonly Entry[]> {
    for (const entries of this.#claims.values()) if (entries.length > 1) yield entries;
  }

  /** Winners, sorted by network. */
  sorted(): readonly Entry[] {
    if (!this.#sortedHolds)
      this.#sorted = [...this.#claims.values()].map((entries) => entries[0]!).sort((a, b) => compareCidrs(a.cidr, b.cidr));
    this.#sortedHolds = true;
    return this.#sorted;
  }

  addUnderlay(ip: Ip): void {
    const sorted = this.#underlaysOf(ip.family);
    const at = position(sorted, ip.bits);
    if (sorted[at] !== ip.bits) this.#touchAround(ip);
    sorted.splice(at, 0, ip.bits);
  }

  removeUnderlay(ip: Ip): void {
    const sorted = this.#underlaysOf(ip.family);
    const at = position(sorted, ip.bits);
    sorted.splice(at, 1);
    if (sorted[at] !== ip.bits) this.#touchAround(ip);
  }

  /** Does the network hold an address that tunnels run between? Such a route would send the tunnels into themselves. */
  holdsUnderlay(cidr: Cidr): boolean {
    const sorted = this.#underlaysOf(cidr.family);
    const at = position(sorted, cidr.first);
    return at < sorted.length && sorted[at]! <= cidr.last;
  }

  takeChanges(): Changes {
    const changed = this.#changed;
    this.#changed = new Map();
    if (changed.size > MANY) this.#sortedHolds = false;
    else if (this.#sortedHolds) for (const [key, cidr] of changed) this.#splice(cidr, this.winner(key));
    return changed;
  }

  /** Winning networks that overlap these; undefined: more than MANY. */
  around(cidrs: readonly Cidr[]): Changes | undefined {
    const found: Changes = new Map();
    const sorted = this.sorted();
    for (const cidr of cidrs) {
      for (const length of this.#lengths[cidr.family].keys()) {
        const wider = length < cidr.length ? cidrOf(cidr.family, cidr.first, length) : undefined;
        if (wider && this.#claims.has(wider.text)) found.set(wider.text, wider);
      }
      for (let at = lowerBound(sorted, (entry) => compareCidrs(entry.cidr, cidr)); at < sorted.length; at += 1) {
        const inner = sorted[at]!.cidr;
        if (!overlaps(cidr, inner)) break;
        found.set(inner.text, inner);
        if (found.size > MANY) return undefined;
      }
    }
    return found.size > MANY ? undefined : found;
  }

  #add(key: string, entry: Entry): void {
    this.#touch(key, entry.cidr);
    const entries = this.#claims.get(key);
    if (!entries) {
      this.#claims.set(key, [entry]);
      this.#count(entry.cidr, 1);
      return;
    }
    const younger = entries.findIndex((e) => compareClusters(e.cluster, entry.cluster) > 0);
    entries.splice(younger < 0 ? entries.length : younger, 0, entry);
  }

  #drop(key: string, entry: Entry): void {
    this.#touch(key, entry.cidr);
    const entries = this.#claims.get(key)!;
    entries.splice(entries.indexOf(entry), 1);
    if (entries.length > 0) return;
    this.#claims.delete(key);
    this.#count(entry.cidr, -1);
  }

  /** More than MANY need not be known one by one. */
  #touch(key: string, cidr: Cidr): void {
    if (this.#changed.size <= MANY) this.#changed.set(key, cidr);
  }

  #touchAround(ip: Ip): void {
    if (this.#changed.size > MANY) return;
    for (const length of this.#lengths[ip.family].keys()) {
      const cidr = cidrOf(ip.family, ip.bits, length);
      if (this.#claims.has(cidr.text)) this.#touch(cidr.text, cidr);
    }
  }

  #count({ family, length }: Cidr, by: 1 | -1): void {
    const count = (this.#lengths[family].get(length) ?? 0) + by;
    if (count > 0) this.#lengths[family].set(length, count);
    else this.#lengths[family].delete(length);
  }

  #splice(cidr: Cidr, winner: Entry | undefined): void {
    const at = lowerBound(this.#sorted, (entry) => compareCidrs(entry.cidr, cidr));
    const found = this.#sorted[at]?.cidr.text === cidr.text;
    this.#sorted.splice(at, found ? 1 : 0, ...(winner ? [winner] : []));
  }

  #underlaysOf(family: IpVersion): Bits[] {
    let set = this.#underlays.get(family);
    if (!set) this.#underlays.set(family, (set = []));
    return set;
  }
}

/** From so many changed networks on it is quicker to build routes anew than to splice. */
export const MANY = 64;

function position(sorted: readonly Bits[], bits: Bits): number {
  return lowerBound(sorted, (item) => (item < bits ? -1 : 0));
}
