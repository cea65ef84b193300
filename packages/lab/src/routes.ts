import { familyOf } from './cidr.ts';
import { underlayOf, type LinkTopology, type RouterTopology, type Topology } from './topology.ts';

export interface UnderlayRoute {
  readonly dst: string;
  readonly via: string;
}

/**
 * The routes that an owner of `links` needs to reach the underlays it is not on, by the fewest routers; each with the
 * router's address on one of its own underlays. What is behind a router that masquerades is not reached from outside.
 */
export function routesFrom(topology: Topology, links: readonly LinkTopology[]): UnderlayRoute[] {
  const first = new Map<string, readonly string[]>(links.map((l) => [l.underlay, []]));
  const queue = [...first.keys()];
  for (let here = queue.shift(); here !== undefined; here = queue.shift()) {
    for (const router of topology.routers) {
      const entry = router.links.find((l) => l.underlay === here);
      if (!entry) continue;
      for (const { underlay } of router.links) {
        if (first.has(underlay) || hides(router, here, underlay)) continue;
        const before = first.get(here) ?? [];
        first.set(underlay, before.length > 0 ? before : entry.addresses);
        queue.push(underlay);
      }
    }
  }
  return [...first].flatMap(([underlay, hops]) =>
    underlayOf(topology, underlay).cidrs.flatMap((dst) => {
      const via = hops.find((hop) => familyOf(hop) === familyOf(dst));
      return via === undefined ? [] : [{ dst, via }];
    }),
  );
}

const hides = (router: RouterTopology, from: string, to: string) => router.masquerade.includes(from) && !router.masquerade.includes(to);

/** The default routes of a host: by the first router on the first of its underlays that has one. */
export function defaultsFrom(topology: Topology, links: readonly LinkTopology[]): readonly string[] {
  for (const { underlay } of links) {
    const router = topology.routers.flatMap((r) => r.links).find((l) => l.underlay === underlay);
    if (router) return router.addresses;
  }
  return [];
}
