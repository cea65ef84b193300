import { hash } from 'node:crypto';
import type { Nexthop } from '@kosmos/hostnet';
import type { Route } from '../plan/types.ts';
import { NEXTHOP_BASE, NEXTHOP_COUNT } from './constants.ts';

/** What a route goes by: `dev address`, or `dev address,address` where it goes by several at once. */
export const hopKey = ({ dev, gw, alternates = [] }: Pick<Route, 'gw' | 'dev' | 'alternates'>): string =>
  `${dev} ${[gw, ...alternates].join(',')}`;

/**
 * Ids of the nexthop objects by hop, those of groups behind those of their members. A hop keeps the id that it has in the
 * kernel; a new one gets a hash of itself, and the next free one where that is taken.
 */
export function nexthopIds(
  routes: readonly Pick<Route, 'gw' | 'dev' | 'alternates'>[],
  known: ReadonlyMap<string, number>,
): Map<string, number> {
  const hops = new Set<string>();
  const groups = new Set<string>();
  for (const route of routes) {
    const key = hopKey(route);
    if (!route.alternates) hops.add(key);
    else if (!groups.has(key)) {
      groups.add(key);
      for (const gw of [route.gw, ...route.alternates]) hops.add(hopKey({ dev: route.dev, gw }));
    }
  }
  const ids = new Map<string, number>();
  const taken = new Set<number>(known.values());
  for (const hop of [...hops, ...groups]) {
    const id = known.get(hop) ?? free(hop, taken);
    taken.add(id);
    ids.set(hop, id);
  }
  return ids;
}

/** The nexthop object of a hop. */
export function nexthopOf(hop: string, ids: ReadonlyMap<string, number>): Nexthop {
  const [dev, gateways] = hop.split(' ') as [string, string];
  const vias = gateways.split(',');
  const id = ids.get(hop)!;
  if (vias.length > 1) return { id, group: vias.map((gw) => ids.get(hopKey({ dev, gw }))!) };
  return { id, via: gateways, dev, onlink: true };
}

/** Ids by hop of what the kernel has; a group of which it has not all members is none. */
export function knownHops(nexthops: readonly Nexthop[]): Map<string, number> {
  const single = new Map(nexthops.flatMap((n) => ('via' in n ? [[n.id, n] as const] : [])));
  const known = new Map([...single.values()].map((n) => [`${n.dev} ${n.via}`, n.id]));
  for (const n of nexthops) {
    if (!('group' in n)) continue;
    const [first, ...more] = n.group.flatMap((id) => single.get(id) ?? []);
    if (!first || more.length + 1 !== n.group.length) continue;
    known.set(hopKey({ dev: first.dev, gw: first.via, alternates: more.map(({ via }) => via) }), n.id);
  }
  return known;
}

function free(hop: string, taken: ReadonlySet<number>): number {
  let n = Number.parseInt(hash('sha256', hop, 'hex').slice(0, 12), 16) % NEXTHOP_COUNT;
  while (taken.has(NEXTHOP_BASE + n)) n = (n + 1) % NEXTHOP_COUNT;
  return NEXTHOP_BASE + n;
}
