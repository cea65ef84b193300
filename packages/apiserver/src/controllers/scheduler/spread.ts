import type { Pod, TopologySpreadConstraint } from '../kube.ts';
import { selects } from '../../kinds/label-selector.ts';
import { wantsNode } from './node-affinity.ts';
import type { NodeState } from './nodes.ts';
import { counted } from './pod-affinity.ts';

interface Counted {
  constraint: TopologySpreadConstraint;
  perValue: Map<string, number>;
  least: number;
  self: number;
}

export interface Spread {
  refusal(state: NodeState): string | undefined;
  /** How many of the pods that should be spread are where the node is. */
  crowd(state: NodeState): number;
}

/** How the pods that a constraint selects lie over a topology, counted once for all nodes. */
export function spread(pod: Pod, states: readonly NodeState[]): Spread {
  const constraints = pod.spec.topologySpreadConstraints ?? [];
  const keysOf = (when: string): TopologySpreadConstraint[] => constraints.filter((c) => c.whenUnsatisfiable === when);
  const hard = keysOf('DoNotSchedule');
  const count = (list: readonly TopologySpreadConstraint[]): Counted[] => list.map((constraint) => countOne(pod, constraint, list, states));
  const hardCounts = count(hard);
  const softCounts = count(keysOf('ScheduleAnyway'));
  return {
    refusal({ labels }) {
      for (const { constraint, perValue, least, self } of hardCounts) {
        const value = labels[constraint.topologyKey];
        if (value === undefined) return "node(s) didn't match pod topology spread constraints (missing required label)";
        if ((perValue.get(value) ?? 0) + self - least > constraint.maxSkew) return "node(s) didn't match pod topology spread constraints";
      }
      return undefined;
    },
    crowd: ({ labels }) =>
      softCounts.reduce((n, { constraint, perValue }) => n + (perValue.get(labels[constraint.topologyKey] ?? '') ?? 0), 0),
  };
}

function countOne(
  pod: Pod,
  constraint: TopologySpreadConstraint,
  all: readonly TopologySpreadConstraint[],
  states: readonly NodeState[],
): Counted {
  const selector = { ...constraint.labelSelector, matchLabels: { ...constraint.labelSelector?.matchLabels } };
  for (const key of constraint.matchLabelKeys ?? []) {
    const value = pod.metadata.labels?.[key];
    if (value !== undefined) selector.matchLabels[key] = value;
  }
  const perValue = new Map<string, number>();
  for (const { node, labels, pods } of states) {
    const value = labels[constraint.topologyKey];
    if (value === undefined || !all.every((c) => labels[c.topologyKey] !== undefined) || !wantsNode(pod.spec, node)) continue;
    const n = pods.filter((other) => counted(pod, other) && selects(selector, other.metadata.labels)).length;
    perValue.set(value, (perValue.get(value) ?? 0) + n);
  }
  const least = perValue.size < (constraint.minDomains ?? 1) || perValue.size === 0 ? 0 : Math.min(...perValue.values());
  return { constraint, perValue, least, self: selects(selector, pod.metadata.labels) ? 1 : 0 };
}
