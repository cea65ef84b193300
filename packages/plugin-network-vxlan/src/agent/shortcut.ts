import type { Change, Link } from '@kosmos/hostnet';
import type { NodePlan } from '../plan/types.ts';
import { PROTOCOL, TABLE } from './constants.ts';
import { type Facts, lower } from './desired.ts';
import { diff } from './diff.ts';
import type { Usable } from './nexthop-ids.ts';

/** What the kernel held when it was looked at last, with nothing left to do. */
export interface Held {
  readonly plan: NodePlan;
  readonly underlay: Facts['underlay'];
  readonly links: readonly Link[];
  readonly hops: ReadonlyMap<string, number>;
  readonly usable?: Usable;
}

/** A plan that differs in more than this is quicker compared with the kernel as a whole. */
const MOST = 500;

/**
 * What to write for another plan on top of what is held, without looking: routes and what leads to them, new ones first.
 * Undefined where more changed than that. What it leaves behind (next hops, neighbours), and whatever changed meanwhile, the
 * full look after it finds. Unchanged parts of a plan are the same objects, so this takes no time that grows with what they say.
 */
export function shortcut(held: Held, plan: NodePlan, underlay: Facts['underlay']): Change[] | undefined {
  const { plan: old } = held;
  const sameUnderlay = old.node === plan.node && held.underlay.ip === underlay.ip && held.underlay.ip6 === underlay.ip6;
  if (!sameUnderlay || old.devices !== plan.devices || old.nat !== plan.nat) return undefined;
  const [routes, fdbs, arps] = [added(old.routes, plan.routes), added(old.fdbs, plan.fdbs), added(old.arps, plan.arps)];
  const gone = added(plan.routes, old.routes);
  if (routes.length + fdbs.length + arps.length + gone.length > MOST) return undefined;
  const { desired } = lower({ ...plan, routes, fdbs, arps }, held);
  const tunnels = held.links.filter((link) => desired.tunnels.some((t) => t.name === link.name));
  const nothing = { fdb: [], neighbours: [], nexthops: [], routes: [] };
  const steps = diff(desired, { ...nothing, tunnels, rules: desired.rules, table: 'same' });
  const still = new Set(routes.map((route) => route.cidr));
  return [
    ...steps.prepare,
    ...steps.peers.flat(),
    ...steps.routes,
    ...gone.flatMap(({ cidr }): Change[] => (still.has(cidr) ? [] : [{ op: 'deleteRoute', dst: cidr, table: TABLE, protocol: PROTOCOL }])),
  ];
}

function added<T>(old: readonly T[], now: readonly T[]): T[] {
  if (old === now) return [];
  const known = new Set(old);
  return now.filter((item) => !known.has(item));
}
