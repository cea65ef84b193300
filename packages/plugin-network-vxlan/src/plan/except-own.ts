import type { ClassPlan } from './class-plan.ts';
import { type NodeState, peerOf, type SharedLists } from './model.ts';
import type { Route } from './types.ts';

/**
 * What a class shares without what leads to the node itself: nodes that take in for each other (gateways) are next hops of
 * their own class. The shared lists where the node is none; else the same lists as long as the shared ones stay the same.
 */
export function exceptOwn(node: NodeState, shared: ClassPlan): SharedLists {
  if (!node.peers.some((peer) => shared.leadsTo(peer))) return shared;
  const macs = node.peers.map(({ arp }) => arp.mac);
  const known = node.exceptOwn;
  if (known?.peers === node.peers && known.routes === shared.routes && known.fdbs === shared.fdbs && known.arps === shared.arps) {
    return known.without;
  }
  const own = ({ gw, dev }: Route) => peerOf(node, dev)?.address.text === gw;
  const old = known?.without;
  const without = {
    routes: steady(
      old?.routes,
      shared.routes.filter((route) => !own(route)),
    ),
    fdbs: steady(
      old?.fdbs,
      shared.fdbs.filter(({ mac }) => !macs.includes(mac)),
    ),
    arps: steady(
      old?.arps,
      shared.arps.filter(({ mac }) => !macs.includes(mac)),
    ),
  };
  const { routes, fdbs, arps } = shared;
  node.exceptOwn = { peers: node.peers, routes, fdbs, arps, without };
  return without;
}

/** The old list where the new one has the same items: its identity tells that nothing changed. */
function steady<T>(old: readonly T[] | undefined, now: readonly T[]): readonly T[] {
  return old?.length === now.length && now.every((item, i) => item === old[i]) ? old : now;
}
