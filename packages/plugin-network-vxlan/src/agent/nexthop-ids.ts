import { hash } from 'node:crypto';
import type { Route } from '../plan/types.ts';
import { NEXTHOP_BASE, NEXTHOP_COUNT } from './constants.ts';

/**
 * Ids of the nexthop objects, by hop (`dev address`). A hop keeps the id that it has in the kernel; a new one gets a hash
 * of itself, and the next free one where that is taken.
 */
export function nexthopIds(routes: readonly Pick<Route, 'gw' | 'dev'>[], known: ReadonlyMap<string, number>): Map<string, number> {
  const hops = new Set(routes.map((r) => `${r.dev} ${r.gw}`));
  const ids = new Map<string, number>();
  const taken = new Set<number>(known.values());
  for (const hop of hops) {
    const id = known.get(hop) ?? free(hop, taken);
    taken.add(id);
    ids.set(hop, id);
  }
  return ids;
}

function free(hop: string, taken: ReadonlySet<number>): number {
  let n = Number.parseInt(hash('sha256', hop, 'hex').slice(0, 12), 16) % NEXTHOP_COUNT;
  while (taken.has(NEXTHOP_BASE + n)) n = (n + 1) % NEXTHOP_COUNT;
  return NEXTHOP_BASE + n;
}
