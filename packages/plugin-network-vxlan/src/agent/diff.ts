import type { Change, Entries, FdbEntry, Link, Neighbour, Nexthop, NftTable, Rule, SeenRoute } from '@kosmos/hostnet';
import { NEXTHOP_BASE, NEXTHOP_COUNT, OWN_DEVICES, PROTOCOL, RULE_PRIORITY, TABLE } from './constants.ts';
import type { Desired, Tunnel } from './desired.ts';

/** What the kernel holds of the agent's own, and what it may not own but has to know. */
export interface Observed {
  readonly tunnels: readonly Link[];
  /** Of the priority and table, whoever made them. */
  readonly rules: readonly Rule[];
  readonly fdb: readonly FdbEntry[];
  readonly neighbours: readonly Neighbour[];
  readonly nexthops: readonly Nexthop[];
  readonly routes: readonly SeenRoute[];
  /** `other`: there, but not as it was put there for what is desired now. */
  readonly table: 'none' | 'same' | 'other';
}

/** The way from observed to desired: in this order no packet meets a route whose translation, neighbour or device isn't there yet. */
export interface Steps {
  readonly prepare: readonly Change[];
  /** Neighbours, next hops and forwarding entries: these lists need not wait for each other. */
  readonly peers: readonly (readonly Change[])[];
  /** Undefined: leave it. */
  readonly table: NftTable | 'delete' | undefined;
  readonly routes: readonly Change[];
  readonly remove: readonly Change[];
}

/** What of a look is the agent's. */
export function observedOf(links: readonly Link[], seen: Entries, table: Observed['table']): Observed {
  const ours = (item: { readonly dev: string }) => OWN_DEVICES.has(item.dev);
  return {
    tunnels: links.filter((l) => OWN_DEVICES.has(l.name) && l.kind === 'vxlan'),
    rules: seen.rules.filter((r) => r.priority === RULE_PRIORITY && r.table === TABLE),
    fdb: seen.fdb.filter((f) => ours(f) && f.permanent),
    neighbours: seen.neighbours.filter((n) => ours(n) && n.permanent),
    nexthops: seen.nexthops.filter((n) => n.protocol === PROTOCOL && n.id >= NEXTHOP_BASE && n.id < NEXTHOP_BASE + NEXTHOP_COUNT),
    routes: seen.routes.filter((r) => r.protocol === PROTOCOL),
    table,
  };
}

/** Pure; all lists are empty when nothing differs. */
export function diff(desired: Desired, observed: Observed): Steps {
  const prepare: Change[] = [];
  const remove: Change[] = [];
  /** Devices that are made anew or come up: the kernel has dropped what hangs on them, or drops it now. */
  const fresh = new Set<string>();
  const made = new Set<string>();

  for (const tunnel of desired.tunnels) {
    const link = observed.tunnels.find((l) => l.name === tunnel.name);
    if (!link || mustBeRemade(tunnel, link)) {
      if (link) prepare.push({ op: 'deleteLink', name: link.name });
      made.add(tunnel.name);
    }
    const { changes, flushes } = tunnelChanges(tunnel, made.has(tunnel.name) ? undefined : link);
    prepare.push(...changes);
    if (flushes) fresh.add(tunnel.name);
  }
  const wanted = new Set(desired.tunnels.map((t) => t.name));
  for (const link of observed.tunnels) if (!wanted.has(link.name)) remove.push({ op: 'deleteLink', name: link.name });

  for (const rule of desired.rules) if (!observed.rules.some((r) => r.family === rule.family)) prepare.push({ op: 'addRule', ...rule });
  for (const rule of observed.rules) {
    if (rule.protocol === PROTOCOL && !desired.rules.some((r) => r.family === rule.family)) remove.push({ op: 'deleteRule', ...rule });
  }

  const still = <T extends { readonly dev: string }>(items: readonly T[]) => items.filter((i) => wanted.has(i.dev) && !fresh.has(i.dev));
  const neighbours = compare(
    desired.neighbours,
    still(observed.neighbours),
    (n) => `${n.dev} ${n.ip}`,
    (a, b) => a.mac === b.mac,
  );
  // These go with the device, and so do their routes: the kernel would refuse to delete them once more.
  const lost = new Set(observed.nexthops.flatMap((n) => ('dev' in n && made.has(n.dev) ? [n.id] : [])));
  const flushed = new Set(observed.nexthops.flatMap((n) => ('dev' in n && fresh.has(n.dev) ? [n.id] : [])));
  const without = new Set(observed.nexthops.flatMap((n) => ('dev' in n && !wanted.has(n.dev) ? [n.id] : [])));
  // A group goes with its members.
  for (const n of observed.nexthops) {
    if (!('group' in n)) continue;
    for (const ids of [lost, flushed, without]) if (n.group.every((id) => ids.has(id))) ids.add(n.id);
  }
  const hops = compare(
    desired.nexthops,
    observed.nexthops.filter((n) => !lost.has(n.id)),
    (n) => n.id,
    (a, b) => sameHop(a, b) && !flushed.has(a.id),
  );
  const fdb = compare(
    desired.fdb,
    observed.fdb.filter((f) => wanted.has(f.dev) && !made.has(f.dev)),
    fdbKey,
    (a, b) => a.dst === b.dst,
  );
  const routes = compare(
    desired.routes,
    observed.routes.filter((r) => r.nhid === undefined || !lost.has(r.nhid)),
    (r) => r.dst,
    (a, b) => a.nhid === b.nhid && a.src === b.src && b.type === undefined && !fresh.has(a.dev),
  );
  const dropped = hops.drop.filter((n) => !without.has(n.id)); // the others go with their device, and so do their routes

  return {
    prepare,
    peers: [
      neighbours.put.map((n): Change => ({ op: 'replaceNeighbour', ...n })),
      hops.put.map((n): Change => ({ op: 'replaceNexthop', ...n })),
      fdb.put.map((f): Change => ({ op: flooding(f) ? 'appendFdb' : 'replaceFdb', ...f })),
    ],
    table: desired.table ? (observed.table === 'same' ? undefined : desired.table) : observed.table === 'none' ? undefined : 'delete',
    routes: routes.put.map(({ dst, nhid, table, protocol, src }): Change => ({
      op: 'replaceRoute',
      dst,
      nhid,
      table,
      protocol,
      ...(src !== undefined && { src }),
    })),
    remove: [
      ...routes.drop.map(({ dst, table, protocol, metric }): Change => ({
        op: 'deleteRoute',
        dst,
        table,
        protocol,
        ...(metric !== undefined && { metric }),
      })),
      ...[...dropped.filter(isGroup), ...dropped.filter((n) => !isGroup(n))].map((n): Change => ({ op: 'deleteNexthop', id: n.id })),
      ...neighbours.drop.map((n): Change => ({ op: 'deleteNeighbour', ip: n.ip, mac: n.mac, dev: n.dev })),
      ...fdb.drop.map((f): Change => ({ op: 'deleteFdb', mac: f.mac, dst: f.dst, dev: f.dev })),
      ...remove,
    ],
  };
}

const isGroup = (n: Nexthop) => 'group' in n;
function sameHop(a: Nexthop, b: Nexthop): boolean {
  if ('group' in a) return 'group' in b && a.group.length === b.group.length && a.group.every((id, i) => id === b.group[i]);
  return 'via' in b && a.via === b.via && a.dev === b.dev && b.onlink === true;
}

/** Several hosts may share the flooding entry, so its host is part of what it is. */
const flooding = (f: FdbEntry) => f.mac === '00:00:00:00:00:00';
const fdbKey = (f: FdbEntry) => (flooding(f) ? `${f.dev} ${f.mac} ${f.dst}` : `${f.dev} ${f.mac}`);

function compare<D, O, K>(
  desired: readonly D[],
  observed: readonly O[],
  key: (item: D | O) => K,
  equal: (d: D, o: O) => boolean,
): { put: D[]; drop: O[] } {
  const there = new Map<K, O>();
  const twice: O[] = [];
  for (const item of observed) {
    const k = key(item);
    if (there.has(k)) twice.push(item);
    else there.set(k, item);
  }
  const put: D[] = [];
  for (const item of desired) {
    const k = key(item);
    const now = there.get(k);
    there.delete(k);
    if (now === undefined || !equal(item, now)) put.push(item);
  }
  return { put, drop: [...there.values(), ...twice] };
}

/** The kernel refuses to change these in place. */
function mustBeRemade(tunnel: Tunnel, link: Link): boolean {
  const vxlan = link.vxlan!;
  return vxlan.id !== tunnel.id || vxlan.port !== tunnel.port || vxlan.dev !== tunnel.dev || vxlan.learning;
}

/** `flushes`: neighbours, and with a device that comes up nexthops and routes too, are dropped by the kernel. */
function tunnelChanges(t: Tunnel, link: Link | undefined): { changes: Change[]; flushes: boolean } {
  const { name } = t;
  if (!link) {
    return {
      flushes: true,
      changes: [
        { op: 'addLink', name, kind: 'vxlan', id: t.id, port: t.port, local: t.local, dev: t.dev, mac: t.mac, mtu: t.mtu },
        { op: 'setLink', name, addrgenmode: 'none' },
        { op: 'replaceAddress', address: t.address, dev: name },
        { op: 'setLink', name, state: 'up' },
      ],
    };
  }
  const changes: Change[] = [];
  if (link.vxlan!.local !== t.local) changes.push({ op: 'setVxlanLocal', name, local: t.local });
  if (link.mtu !== t.mtu) changes.push({ op: 'setLink', name, mtu: t.mtu });
  const mac = link.mac !== t.mac;
  if (mac) changes.push({ op: 'setLink', name, mac: t.mac });
  const own = link.addresses.filter((a) => a.scope === 'global');
  const others = own.filter((a) => a.address !== t.address);
  // The new one first: with its last address a device loses its routes. `promote_secondaries` keeps it when the old one goes.
  if (others.length > 0 || own.length === 0) changes.push({ op: 'replaceAddress', address: t.address, dev: name });
  for (const { address } of others) changes.push({ op: 'deleteAddress', address, dev: name });
  if (!link.up) changes.push({ op: 'setLink', name, state: 'up' });
  return { changes, flushes: mac || !link.up };
}
