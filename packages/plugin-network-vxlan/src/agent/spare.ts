import type { NextHop } from '../contracts.ts';
import type { NodePlan } from '../plan/types.ts';

const known = new WeakMap<NodePlan['routes'], readonly Omit<NextHop, 'source'>[]>();

/** The next hops that a plan's routes could do without, since they have others. */
export function replaceable({ routes }: NodePlan): readonly Omit<NextHop, 'source'>[] {
  let found = known.get(routes);
  if (!found) {
    const hops = routes.flatMap(({ dev, gw, alternates }) => (alternates ? [gw, ...alternates].map((via) => ({ dev, via })) : []));
    known.set(routes, (found = [...new Map(hops.map((hop) => [`${hop.dev} ${hop.via}`, hop])).values()]));
  }
  return found;
}

/** The node's own overlay addresses, by device. */
export function overlayAddresses({ devices }: NodePlan): Map<string, string> {
  return new Map(devices.map(({ name, addr }) => [name, addr.slice(0, addr.indexOf('/'))]));
}
