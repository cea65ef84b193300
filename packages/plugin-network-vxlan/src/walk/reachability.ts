import type { ClusterNode } from '@kosmos/api';
import { cidrOf, parseCidr, width } from '../plan/address.ts';
import type { Planner } from '../plan/planner.ts';
import { createWalk, type Lost, type Walk } from './walk.ts';

/** What is dead: nodes by their ClusterNode's name, and what lies between two nodes or two clusters. */
export interface Down {
  readonly nodes: ReadonlySet<string>;
  readonly links: readonly (readonly [string, string])[];
}

/** Pods of one node and pods of a node of another cluster, one way, in one IP family. */
export interface Pair {
  readonly from: string;
  readonly to: string;
  readonly family: 4 | 6;
  readonly walk: Walk;
}

/** So many nodes of each cluster stand for all of it in a fleet that has more; some of them gateways and some none. */
const STAND_FOR_ALL = 4;
const SMALL_FLEET = 60;

/** The nodes between which pairs are looked at: all of a small fleet. */
export function representatives(nodes: readonly ClusterNode[]): ClusterNode[] {
  if (nodes.length <= SMALL_FLEET) return [...nodes];
  return [...Map.groupBy(nodes, ({ spec }) => spec?.clusterName).values()].flatMap((all) => {
    const gateways = all.filter(({ spec }) => spec?.roles?.includes('gateway')).slice(0, STAND_FOR_ALL / 2);
    return [...gateways, ...all.filter((node) => !gateways.includes(node)).slice(0, STAND_FOR_ALL - gateways.length)];
  });
}

/** Walks every ordered pair of nodes of different clusters, in each IP family that both have, unless one of them is down itself. */
export function reachability(planner: Planner, nodes: readonly ClusterNode[], down: Down): Pair[] {
  const places = nodes.flatMap(({ metadata: { name }, spec }) => {
    const plan = planner.planOf(name);
    const ips = [spec?.ip, spec?.ip6].filter((ip) => ip !== undefined);
    return plan ? [{ plan, cluster: spec?.clusterName ?? '', podCIDRs: spec?.podCIDRs ?? [], ips }] : [];
  });
  const walk = createWalk(places, lostBy(down, new Map(places.map(({ plan, cluster }) => [plan.node, cluster]))));
  const ends = representatives(nodes)
    .filter(({ metadata }) => !down.nodes.has(metadata.name))
    .map(({ metadata: { name }, spec }) => ({
      name,
      cluster: spec?.clusterName ?? '',
      pods: new Map((spec?.podCIDRs ?? []).flatMap((text) => podIn(text) ?? []).toReversed()),
    }));
  return ends.flatMap((from) =>
    ends
      .filter((to) => to.cluster !== from.cluster)
      .flatMap((to) =>
        [...from.pods].flatMap(([family, ip]): Pair[] => {
          const target = to.pods.get(family);
          if (target === undefined) return [];
          const found = walk({ ip, cluster: from.cluster }, planner.seenAs(to.cluster, target));
          return [{ from: from.name, to: to.name, family, walk: found }];
        }),
      ),
  );
}

/** An address that a pod of this network could have. */
function podIn(text: string): [family: 4 | 6, ip: string][] | undefined {
  const cidr = parseCidr(text);
  if (!cidr) return undefined;
  const bits = cidr.first === cidr.last ? cidr.first : typeof cidr.first === 'bigint' ? cidr.first + 1n : cidr.first + 1;
  const [ip = ''] = cidrOf(cidr.family, bits, width(cidr.family)).text.split('/');
  return [[cidr.family, ip]];
}

function lostBy({ nodes, links }: Down, clusterOf: ReadonlyMap<string, string>): Lost {
  const is = (name: string, end: string) => name === end || clusterOf.get(name) === end;
  return (from, to) => nodes.has(from) || nodes.has(to) || links.some(([a, b]) => (is(from, a) && is(to, b)) || (is(from, b) && is(to, a)));
}
