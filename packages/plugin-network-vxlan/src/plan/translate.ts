import type { Family, Mapping } from '../contracts.ts';
import { type Cidr, compareCidrs, contains, parseCidr } from './address.ts';
import { seenParts } from './maps.ts';
import type { ClusterState } from './model.ts';
import type { Nat } from './types.ts';

/** All pods of the cluster that others see by other addresses: a node leads its own pods, too, from those to the real ones. */
export function translatedPods({ podCIDRs, nodes, maps }: ClusterState): Mapping[] {
  const pods = [...podCIDRs, ...nodes.flatMap((node) => node.podCIDRs)].sort(compareCidrs);
  const apart: Cidr[] = [];
  for (const cidr of pods) {
    const last = apart.at(-1);
    if (!last || !contains(last, cidr)) apart.push(cidr);
  }
  return apart.flatMap((cidr) => seenParts(maps, cidr)).filter(differ);
}

/** What `maps` add to a node's rules of one family: where it keeps sources they are translated, where it takes in services they are rewritten. */
export function mappedRules(cluster: ClusterState, family: Family, rules: readonly Nat[]): Nat[] {
  if (cluster.maps.length === 0) return [];
  const devs = new Set(rules.flatMap((rule) => (rule.stage === 'keep' ? [rule.dev] : [])));
  const pods = cluster.translated().filter(({ real }) => real.family === family.id);
  return [
    ...[...devs].flatMap((dev) => pods.map(({ real, seen }): Nat => ({ stage: 'translate', real: real.text, seen: seen.text, dev }))),
    ...rules.flatMap((rule) => (rule.stage === 'masquerade' ? rewrites(cluster, rule) : [])),
  ];
}

function rewrites({ maps }: ClusterState, { cidr, dev }: { readonly cidr: string; readonly dev: string }): Nat[] {
  return seenParts(maps, parseCidr(cidr)!)
    .filter(differ)
    .map(({ real, seen }) => ({ stage: 'rewrite', real: real.text, seen: seen.text, dev }));
}

const differ = ({ real, seen }: Mapping) => real.text !== seen.text;
