import type { Pod } from '../kube.ts';
import { termHolds, untolerated } from './node-affinity.ts';
import { weightOf, type NodeState } from './nodes.ts';
import type { PodAffinity } from './pod-affinity.ts';
import type { Spread } from './spread.ts';

/** How much of a node would be left, from 0 to 100. */
function left(pod: Pod, { pods, allocatable }: NodeState): number {
  const weights = [...pods, pod].map(weightOf);
  const parts = ['cpu', 'memory'].flatMap((name) => {
    const all = allocatable[name] ?? 0;
    const taken = weights.reduce((n, w) => n + w[name]!, 0);
    return all > 0 ? [Math.max(0, (all - taken) / all)] : [];
  });
  return parts.length > 0 ? (100 * parts.reduce((a, b) => a + b, 0)) / parts.length : 0;
}

const preference = (pod: Pod, { node }: NodeState): number =>
  (pod.spec.affinity?.nodeAffinity?.preferredDuringSchedulingIgnoredDuringExecution ?? []).reduce(
    (n, { weight, preference: term }) => n + (termHolds(term, node) ? weight : 0),
    0,
  );

/** Brings numbers to 0 to 100, the highest or the lowest best. */
function scaled(numbers: readonly number[], lowestIsBest = false): number[] {
  const low = Math.min(...numbers);
  const high = Math.max(...numbers);
  if (low === high) return numbers.map(() => 0);
  return numbers.map((n) => (100 * (lowestIsBest ? high - n : n - low)) / (high - low));
}

/** The best of nodes that can all take the pod: by Kubernetes' weights; of equals the one with the fewest pods, then by name. */
export function best(pod: Pod, states: readonly NodeState[], affinity: PodAffinity, spread: Spread): NodeState {
  const preferences = scaled(states.map((s) => preference(pod, s)));
  const taints = scaled(
    states.map((s) => (untolerated(pod, s.node, ['PreferNoSchedule']) ? 1 : 0)),
    true,
  );
  const affinities = scaled(states.map((s) => affinity.score(s)));
  const crowds = scaled(
    states.map((s) => spread.crowd(s)),
    true,
  );
  const ranked = states.map((state, i) => ({
    state,
    score: Math.round(left(pod, state)) + 2 * preferences[i]! + 3 * taints[i]! + 2 * affinities[i]! + 2 * crowds[i]!,
  }));
  ranked.sort(
    (a, b) =>
      b.score - a.score || a.state.pods.length - b.state.pods.length || (a.state.node.metadata.name < b.state.node.metadata.name ? -1 : 1),
  );
  return ranked[0]!.state;
}
