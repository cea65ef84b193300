/**
 * The kernel's rules that `diff` counts on, as a model: what goes when a device goes, comes up or gets another MAC, what
 * must be there before, what cannot be there twice. A change that the kernel would refuse throws.
 */
import type { Change, FdbEntry, Link, Neighbour, Nexthop, NftTable, Rule, SeenRoute } from '@kosmos/hostnet';
import type { Desired } from '../../src/agent/desired.ts';
import { diff, observedOf, type Steps } from '../../src/agent/diff.ts';

export interface Model {
  links: Link[];
  rules: Rule[];
  fdb: FdbEntry[];
  neighbours: Neighbour[];
  nexthops: Nexthop[];
  routes: SeenRoute[];
  /** What was put there last. */
  table: NftTable | undefined;
}

export function link(name: string, more: Partial<Link> = {}): Link {
  return { index: 1, name, up: true, mtu: 1500, mac: '02:00:00:00:00:99', master: undefined, kind: undefined, vxlan: undefined, addresses: [], ...more };
} // prettier-ignore

export function globalAddress(address: string): Link['addresses'][number] {
  return { address, scope: 'global', tentative: false, deprecated: false, temporary: false };
}

export const emptyModel = (links: readonly Link[] = [link('eth0')]): Model => ({
  links: [...links],
  rules: [],
  fdb: [],
  neighbours: [],
  nexthops: [],
  routes: [],
  table: undefined,
});

export const observe = (m: Model, desired: Desired) =>
  observedOf(
    m.links,
    {
      ...m,
      neighbours: m.neighbours.map((n) => ({ ...n, permanent: true })),
      fdb: m.fdb.map((f) => ({ ...f, permanent: true })),
    },
    m.table === undefined ? 'none' : JSON.stringify(m.table) === JSON.stringify(desired.table) ? 'same' : 'other',
  );

export const look = (m: Model, desired: Desired): Steps => diff(desired, observe(m, desired));

/** In the agent's order. */
export function take(m: Model, steps: Steps): void {
  for (const change of [...steps.prepare, ...steps.peers.flat()]) apply(m, change);
  if (steps.table !== undefined && steps.table !== 'delete') m.table = steps.table;
  for (const change of [...steps.routes, ...steps.remove]) apply(m, change);
  if (steps.table === 'delete') m.table = undefined;
}

export function apply(m: Model, change: Change): void {
  const refuse = (why: string): never => {
    throw new Error(`${why}: ${JSON.stringify(change)}`);
  };
  const edit = (name: string, more: Partial<Link>) => {
    if (!m.links.some((l) => l.name === name)) refuse('no such link');
    m.links = m.links.map((l) => (l.name === name ? { ...l, ...more } : l));
  };
  const on = (dev: string) => m.links.find((l) => l.name === dev) ?? refuse('no such link');
  const drop = <T>(list: readonly T[], which: (item: T) => boolean): T[] => (list.some(which) ? list.filter((i) => !which(i)) : refuse('no such thing'));
  switch (change.op) {
    case 'addLink': {
      if (change.kind !== 'vxlan') return refuse('not a vxlan');
      if (m.links.some((l) => l.name === change.name)) return refuse('File exists');
      on(change.dev);
      const { id, port, local, dev } = change;
      m.links.push(link(change.name, { kind: 'vxlan', up: false, mac: change.mac!, mtu: change.mtu!, vxlan: { id, port, local, dev, learning: false } }));
      return undefined;
    }
    case 'setLink':
      if (change.mac !== undefined) m.neighbours = m.neighbours.filter((n) => n.dev !== change.name);
      return edit(change.name, { ...(change.mtu && { mtu: change.mtu }), ...(change.mac && { mac: change.mac }), ...(change.state && { up: change.state === 'up' }) });
    case 'setVxlanLocal':
      return edit(change.name, { vxlan: { ...on(change.name).vxlan!, local: change.local } });
    case 'deleteLink':
      on(change.name);
      down(m, change.name);
      m.fdb = m.fdb.filter((f) => f.dev !== change.name);
      m.links = m.links.filter((l) => l.name !== change.name);
      return undefined;
    case 'replaceAddress':
      return edit(change.dev, { addresses: [...on(change.dev).addresses.filter((a) => a.address !== change.address), globalAddress(change.address)] });
    case 'deleteAddress':
      return edit(change.dev, { addresses: drop(on(change.dev).addresses, (a) => a.address === change.address) });
    case 'addRule': {
      const { op: _, ...rule } = change;
      if (m.rules.some((r) => r.family === rule.family && r.priority === rule.priority && r.table === rule.table)) return refuse('File exists');
      m.rules.push(rule);
      return undefined;
    }
    case 'deleteRule':
      m.rules = drop(m.rules, (r) => r.family === change.family && r.priority === change.priority && r.table === change.table);
      return undefined;
    case 'replaceNeighbour': {
      const { op: _, ...n } = change;
      on(n.dev);
      m.neighbours = [...m.neighbours.filter((o) => o.dev !== n.dev || o.ip !== n.ip), n];
      return undefined;
    }
    case 'deleteNeighbour':
      m.neighbours = drop(m.neighbours, (n) => n.dev === change.dev && n.ip === change.ip);
      return undefined;
    case 'replaceFdb':
    case 'appendFdb': {
      const { op, ...f } = change;
      on(f.dev);
      m.fdb = [...m.fdb.filter((o) => o.dev !== f.dev || o.mac !== f.mac || (op === 'appendFdb' && o.dst !== f.dst)), f];
      return undefined;
    }
    case 'deleteFdb':
      m.fdb = drop(m.fdb, (f) => f.dev === change.dev && f.mac === change.mac && f.dst === change.dst);
      return undefined;
    case 'replaceNexthop': {
      const { op: _, ...hop } = change;
      if ('dev' in hop && !on(hop.dev).up) return refuse('Nexthop device is not up');
      if ('group' in hop && hop.group.some((id) => !m.nexthops.some((n) => n.id === id && 'via' in n))) return refuse('no such nexthop');
      const known = m.nexthops.find((n) => n.id === hop.id);
      if (known && 'group' in known !== 'group' in hop) return refuse('a group cannot become a nexthop, nor the other way round');
      m.nexthops = [...m.nexthops.filter((n) => n.id !== hop.id), hop];
      return undefined;
    }
    case 'deleteNexthop':
      if (!m.nexthops.some((n) => n.id === change.id)) return refuse('no such thing');
      loseHops(m, new Set([change.id]));
      return undefined;
    case 'replaceRoute': {
      const { op: _, ...route } = change;
      if (!m.nexthops.some((n) => n.id === route.nhid)) return refuse('Nexthop id does not exist');
      m.routes = [...m.routes.filter((r) => r.dst !== route.dst || r.metric !== route.metric), route as SeenRoute];
      return undefined;
    }
    case 'deleteRoute':
      m.routes = drop(m.routes, (r) => r.dst === change.dst && r.metric === change.metric);
      return undefined;
    default:
      return refuse('the agent has no business with it');
  }
} // prettier-ignore

/** Neighbours, nexthops and with them routes go with a device that goes down. */
export function down(m: Model, name: string): void {
  const gone = new Set(m.nexthops.flatMap((n) => ('dev' in n && n.dev === name ? [n.id] : [])));
  m.links = m.links.map((l) => (l.name === name ? { ...l, up: false } : l));
  m.neighbours = m.neighbours.filter((n) => n.dev !== name);
  loseHops(m, gone);
}

/** Groups lose their members, and go with the last one; routes go with what they lead to. */
function loseHops(m: Model, lost: ReadonlySet<number>): void {
  const gone = new Set(lost);
  m.nexthops = m.nexthops.flatMap((n): Nexthop[] => {
    if (gone.has(n.id)) return [];
    if (!('group' in n)) return [n];
    const group = n.group.filter((id) => !gone.has(id));
    if (group.length === 0) gone.add(n.id);
    return group.length === 0 ? [] : [{ ...n, group }];
  });
  m.routes = m.routes.filter((r) => r.nhid === undefined || !gone.has(r.nhid));
}
