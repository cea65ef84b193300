import type { ClassView, Family, NetworkHooks } from '../contracts.ts';
import { compareCidrs, compareIps } from './address.ts';
import { baseNextHop } from './base.ts';
import { lowerBound } from './intervals.ts';
import { type ClusterState, type NodeState, NOTHING, type Peer, peerOf } from './model.ts';
import { type Changes, type Entry, type Line, MANY, type Table } from './table.ts';
import type { Arp, Fdb, Route } from './types.ts';

/** The part of a plan that all nodes of one cluster, class and set of families share. */
export class ClassPlan {
  routes: readonly Route[] = [];
  fdbs: readonly Fdb[] = [];
  arps: readonly Arp[] = [];
  readonly #hooks: NetworkHooks;
  readonly #table: Table;
  readonly #cls: string;
  readonly #families: readonly Family[];
  #own: ReadonlyMap<string, Entry> = new Map();
  #ownLines: readonly Line[] = [];
  /** Sorted by network, as `routes`. */
  #lines: Line[] = [];
  readonly #uses = new Map<Peer, number>();
  /** Sorted by device and overlay address, as `fdbs` and `arps`. */
  #peers: Peer[] = [];
  /** `fdbs` and `arps` as they become by changes since `refresh`. */
  #next: { readonly fdbs: Fdb[]; readonly arps: Arp[] } | undefined;
  /** What changed since `refresh`; undefined: too much to splice. */
  #pending: Changes | undefined;
  /** Did the cluster's own nodes change since `refresh`? */
  #ownPending = false;

  constructor(hooks: NetworkHooks, table: Table, cls: string, families: readonly Family[]) {
    this.#hooks = hooks;
    this.#table = table;
    this.#cls = cls;
    this.#families = families;
  }

  /** These networks changed, or (undefined) something that all routes depend on. `own`: so did the cluster's own nodes. */
  touch(changed: Changes | undefined, own = false): void {
    if (own) this.#ownPending = true;
    if (!this.#pending) return;
    if (!changed || this.#pending.size + changed.size > MANY) this.#pending = undefined;
    else for (const [key, cidr] of changed) this.#pending.set(key, cidr);
  }

  /** `own` makes what the cluster announces to its own nodes, from what it was. */
  refresh(cluster: ClusterState, own: (old: ReadonlyMap<string, Entry>) => ReadonlyMap<string, Entry>): void {
    if (!this.#pending || this.#ownPending) {
      this.#own = own(this.#own);
      const lines = this.#linesWithin(cluster);
      if (!sameItems(lines, this.#ownLines)) this.#pending = undefined;
      this.#ownLines = lines;
    }
    if (!this.#pending) this.#rebuild(cluster);
    else if (this.#pending.size > 0) this.#splice(cluster, this.#pending);
    this.#pending = new Map();
    this.#ownPending = false;
    if (!this.#next) return;
    this.fdbs = keep(this.fdbs, this.#next.fdbs, samePeer);
    this.arps = keep(this.arps, this.#next.arps, samePeer);
    this.#next = undefined;
  }

  /** Is the peer a next hop of some route? */
  leadsTo(peer: Peer): boolean {
    return this.#uses.has(peer);
  }

  /** To the cluster's own nodes. */
  #linesWithin(cluster: ClusterState): Line[] {
    const views = this.#views(cluster);
    return [...this.#own.values()].flatMap((entry) =>
      this.#table.holdsUnderlay(entry.cidr) ? [] : (this.#hop(views.get(entry.cidr.family), entry) ?? []),
    );
  }

  #rebuild(cluster: ClusterState): void {
    const views = this.#views(cluster);
    const lines: Line[] = [];
    for (const entry of this.#table.sorted()) {
      if (entry.cluster === cluster) continue;
      const line = this.#line(views, cluster, entry);
      if (line) lines.push(line);
    }
    lines.push(...this.#ownLines);
    if (this.#ownLines.length > 0) lines.sort((a, b) => compareCidrs(a.entry.cidr, b.entry.cidr));
    if (sameItems(this.#lines, lines)) return;
    this.#lines = lines;
    this.routes = keep(
      this.routes,
      lines.map((line) => line.route),
      sameRoute,
    );
    this.#uses.clear();
    for (const { via } of lines) for (const peer of via) this.#uses.set(peer, (this.#uses.get(peer) ?? 0) + 1);
    this.#peers = [...this.#uses.keys()].sort(comparePeers);
    this.#next = { fdbs: this.#peers.map((peer) => peer.fdb), arps: this.#peers.map((peer) => peer.arp) };
  }

  #splice(cluster: ClusterState, changed: Changes): void {
    const views = this.#views(cluster);
    const lines = this.#lines;
    const [came, gone] = [new Set<Peer>(), new Set<Peer>()];
    let routes: Route[] | undefined;
    for (const [key, cidr] of changed) {
      const winner = this.#table.winner(key);
      const line = winner && winner.cluster !== cluster ? this.#line(views, cluster, winner) : undefined;
      const at = lowerBound(lines, ({ entry }) => compareCidrs(entry.cidr, cidr));
      const old = lines[at]?.entry.cidr.text === key ? lines[at] : undefined;
      if ((!old && !line) || old?.entry.cluster === cluster) continue;
      for (const peer of line?.via ?? NOTHING) {
        const count = this.#uses.get(peer) ?? 0;
        this.#uses.set(peer, count + 1);
        if (count === 0 && !gone.delete(peer)) came.add(peer);
      }
      for (const peer of old?.via ?? NOTHING) {
        const count = this.#uses.get(peer)! - 1;
        if (count > 0) this.#uses.set(peer, count);
        else {
          this.#uses.delete(peer);
          if (!came.delete(peer)) gone.add(peer);
        }
      }
      if (old && line) lines[at] = line;
      else lines.splice(at, old ? 1 : 0, ...(line ? [line] : []));
      if (old && line && sameRoute(old.route, line.route)) continue;
      routes ??= this.routes.slice();
      if (old && line) routes[at] = line.route;
      else routes.splice(at, old ? 1 : 0, ...(line ? [line.route] : []));
    }
    if (routes) this.routes = routes;
    this.#exchange(came, gone);
  }

  #views(cluster: ClusterState): Map<number, ClassView> {
    return new Map(this.#families.map((family) => [family.id, { cluster, cls: this.#cls, family }]));
  }

  #line(views: ReadonlyMap<number, ClassView>, cluster: ClusterState, entry: Entry): Line | undefined {
    if (cluster.own.overlaps(entry.cidr) || this.#table.holdsUnderlay(entry.cidr)) return undefined;
    return this.#hop(views.get(entry.cidr.family), entry);
  }

  #hop(view: ClassView | undefined, entry: Entry): Line | undefined {
    if (!view) return undefined;
    const hop = this.#hooks.nextHop.first(view, entry.exits) ?? baseNextHop(view, entry.exits);
    if (!hop) return undefined;
    const via: Peer[] = [];
    for (const node of hop.via as readonly NodeState[]) {
      const peer = peerOf(node, hop.dev);
      if (peer) via.push(peer);
    }
    if (via.length === 0) return undefined;
    const wanted = hop.active ?? (hop.via === entry.exits ? entry.announced.active : undefined);
    const active = wanted !== undefined && wanted < via.length ? wanted : undefined;
    const known = entry.line;
    if (known && known.route.active === active && sameItems(known.via, via)) return known;
    return (entry.line = { entry, route: routeTo(entry.cidr.text, via, active), via });
  }

  /** Puts peers into the lists and takes others out. One that took the place of its like, as of a node whose object is new, costs no copy. */
  #exchange(came: ReadonlySet<Peer>, gone: Set<Peer>): void {
    for (const peer of came) {
      const at = lowerBound(this.#peers, (other) => comparePeers(other, peer));
      const there = this.#peers[at];
      if (there && comparePeers(there, peer) === 0 && gone.delete(there)) {
        this.#peers[at] = peer;
        if (!samePeer(there.fdb, peer.fdb) || !samePeer(there.arp, peer.arp)) this.#edit(at, 1, peer);
      } else {
        this.#peers.splice(at, 0, peer);
        this.#edit(at, 0, peer);
      }
    }
    for (const peer of gone) {
      const from = lowerBound(this.#peers, (other) => comparePeers(other, peer));
      const at = this.#peers.indexOf(peer, from);
      this.#peers.splice(at, 1);
      this.#edit(at, 1);
    }
  }

  #edit(at: number, remove: 0 | 1, ...add: readonly Peer[]): void {
    this.#next ??= { fdbs: this.fdbs.slice(), arps: this.arps.slice() };
    this.#next.fdbs.splice(at, remove, ...add.map((peer) => peer.fdb));
    this.#next.arps.splice(at, remove, ...add.map((peer) => peer.arp));
  }
}

function routeTo(cidr: string, [first, ...others]: readonly Peer[], active: number | undefined): Route {
  const [gw, dev] = [first!.address.text, first!.dev];
  if (others.length === 0) return { cidr, gw, dev };
  const alternates = others.map(({ address }) => address.text);
  return active === undefined ? { cidr, gw, alternates, dev } : { cidr, gw, alternates, active, dev };
}

function comparePeers(a: Peer, b: Peer): number {
  if (a.dev !== b.dev) return a.dev < b.dev ? -1 : 1;
  return compareIps(a.address, b.address);
}

function sameItems(a: readonly unknown[], b: readonly unknown[]): boolean {
  return a.length === b.length && a.every((item, i) => item === b[i]);
}

/** The old array where the new one says the same: its identity tells that nothing changed. */
function keep<T>(old: readonly T[], now: readonly T[], same: (a: T, b: T) => boolean): readonly T[] {
  return old.length === now.length && now.every((item, i) => item === old[i] || same(item, old[i]!)) ? old : now;
}

function sameRoute(a: Route, b: Route): boolean {
  return (
    a.cidr === b.cidr && a.gw === b.gw && a.dev === b.dev && a.active === b.active && sameItems(a.alternates ?? [], b.alternates ?? [])
  );
}

function samePeer(a: Fdb | Arp, b: Fdb | Arp): boolean {
  return a.ip === b.ip && a.mac === b.mac && a.dev === b.dev;
}
