import { hash } from 'node:crypto';
import type { Nexthop } from '@kosmos/hostnet';
import type { Route } from '../plan/types.ts';
import { NEXTHOP_BASE, NEXTHOP_COUNT } from './constants.ts';

type Way = Pick<Route, 'gw' | 'dev' | 'alternates' | 'active'>;

/**
 * What a route goes by: `dev address`, or `dev address,address` with all that it may go by, and behind a slash how many of
 * these at the same time. It stays the same whichever of them are used, so that a failure changes groups and no routes.
 */
export const hopKey = ({ dev, gw, alternates, active }: Way): string =>
  alternates ? `${dev} ${[gw, ...alternates].join(',')}/${active ?? alternates.length + 1}` : `${dev} ${gw}`;

/**
 * Ids of the nexthop objects by hop, those of groups behind those of their members. A hop keeps the id that it has in the
 * kernel; a new one gets a hash of itself, and the next free one where that is taken. A group has always the hash of itself,
 * since its members in the kernel do not tell which others it may have.
 */
export function nexthopIds(routes: readonly Way[], known: ReadonlyMap<string, number>): Map<string, number> {
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

/** The nexthop object of a hop; a group has its first members that are usable, and never none. */
export function nexthopOf(hop: string, ids: ReadonlyMap<string, number>, usable: Usable = () => true): Nexthop {
  const [dev, ways] = hop.split(' ') as [string, string];
  const [list, active] = ways.split('/') as [string, string | undefined];
  const id = ids.get(hop)!;
  if (active === undefined) return { id, via: list, dev, onlink: true };
  const vias = list.split(',');
  const good = vias.filter((via) => usable({ dev, via }));
  const chosen = (good.length > 0 ? good : vias).slice(0, Number(active));
  return { id, group: chosen.map((gw) => ids.get(hopKey({ dev, gw }))!) };
}

/** The groups that get other members when other hops are usable. */
export function regrouped(ids: ReadonlyMap<string, number>, before: Usable, now: Usable): Nexthop[] {
  const groups = [...ids.keys()].filter((hop) => hop.includes('/'));
  return groups.flatMap((hop) => {
    const [was, is] = [nexthopOf(hop, ids, before), nexthopOf(hop, ids, now)];
    return JSON.stringify(was) === JSON.stringify(is) ? [] : [is];
  });
}

/** Is this next hop to be used? */
export type Usable = (hop: { readonly dev: string; readonly via: string }) => boolean;

/** Ids by hop of what the kernel has, but for groups. */
export function knownHops(nexthops: readonly Nexthop[]): Map<string, number> {
  return new Map(nexthops.flatMap((n) => ('via' in n ? [[`${n.dev} ${n.via}`, n.id] as const] : [])));
}

/** Would `nexthopIds` give the same ids again, since the kernel (`known`) has these? */
export function keepsIds(ids: ReadonlyMap<string, number>, known: ReadonlyMap<string, number>): boolean {
  const taken = new Set(known.values());
  for (const [hop, id] of ids) if (hop.includes('/') ? taken.has(id) : known.get(hop) !== id) return false;
  return true;
}

function free(hop: string, taken: ReadonlySet<number>): number {
  let n = Number.parseInt(hash('sha256', hop, 'hex').slice(0, 12), 16) % NEXTHOP_COUNT;
  while (taken.has(NEXTHOP_BASE + n)) n = (n + 1) % NEXTHOP_COUNT;
  return NEXTHOP_BASE + n;
}
