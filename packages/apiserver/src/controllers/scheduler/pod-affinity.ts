import type { Context } from '../context.ts';
import { Namespaces, type Pod, type PodAffinityTerm } from '../kube.ts';
import { isTerminating } from '../pods.ts';
import { selects } from '../../kinds/label-selector.ts';
import type { NodeState } from './nodes.ts';

/** Whether `other` is one of the pods that a term of `pod` is about. */
function isMeant(c: Context, pod: Pod, term: PodAffinityTerm, other: Pod): boolean {
  return inNamespaces(c, pod, term, other.metadata.namespace ?? '') && selects(term.labelSelector, other.metadata.labels);
}

function inNamespaces(c: Context, pod: Pod, { namespaces, namespaceSelector }: PodAffinityTerm, namespace: string): boolean {
  if (!namespaces?.length && !namespaceSelector) return namespace === pod.metadata.namespace;
  if (namespaces?.includes(namespace)) return true;
  return selects(namespaceSelector, c.informer(Namespaces).get('', namespace)?.metadata.labels);
}

/** Per term and topology value the number of pods that are meant. */
type Counts = Map<PodAffinityTerm, Map<string, number>>;

function countsOf(c: Context, pod: Pod, terms: readonly PodAffinityTerm[], states: Iterable<NodeState>): Counts {
  const counts: Counts = new Map(terms.map((t) => [t, new Map()]));
  if (terms.length === 0) return counts;
  for (const { labels, pods } of states)
    for (const term of terms) {
      const value = labels[term.topologyKey];
      if (value === undefined) continue;
      const n = pods.filter((other) => isMeant(c, pod, term, other)).length;
      const perValue = counts.get(term)!;
      if (n > 0) perValue.set(value, (perValue.get(value) ?? 0) + n);
    }
  return counts;
}

export interface PodAffinity {
  /** Why the pods that are there keep this one from the node. */
  refusal(state: NodeState): string | undefined;
  /** How much the pods that are there draw it to the node. */
  score(state: NodeState): number;
}

/** What pods ask of each other's places, counted once for all nodes. */
export function podAffinity(c: Context, pod: Pod, states: readonly NodeState[]): PodAffinity {
  const { podAffinity: near, podAntiAffinity: far } = pod.spec.affinity ?? {};
  const nearTerms = near?.requiredDuringSchedulingIgnoredDuringExecution ?? [];
  const farTerms = far?.requiredDuringSchedulingIgnoredDuringExecution ?? [];
  const nearCounts = countsOf(c, pod, nearTerms, states);
  const farCounts = countsOf(c, pod, farTerms, states);
  // Where one of the pods that are there does not want this one beside it.
  const guarded = new Map<string, Set<string>>();
  for (const { labels, pods } of states)
    for (const other of pods)
      for (const term of other.spec.affinity?.podAntiAffinity?.requiredDuringSchedulingIgnoredDuringExecution ?? []) {
        const value = labels[term.topologyKey];
        if (value === undefined || !isMeant(c, other, term, pod)) continue;
        (guarded.get(term.topologyKey) ?? guarded.set(term.topologyKey, new Set()).get(term.topologyKey)!).add(value);
      }
  const soft = [
    ...(near?.preferredDuringSchedulingIgnoredDuringExecution ?? []).map((p) => ({ ...p, sign: 1 })),
    ...(far?.preferredDuringSchedulingIgnoredDuringExecution ?? []).map((p) => ({ ...p, sign: -1 })),
  ];
  const softCounts = countsOf(
    c,
    pod,
    soft.map((s) => s.podAffinityTerm),
    states,
  );
  // The first of a group of pods that want to be together may go anywhere.
  const isFirst = [...nearCounts.values()].every((v) => v.size === 0) && nearTerms.every((t) => isMeant(c, pod, t, pod));
  return {
    refusal({ labels }) {
      for (const term of nearTerms) {
        const value = labels[term.topologyKey];
        if (value === undefined || (!nearCounts.get(term)!.get(value) && !isFirst)) return "node(s) didn't match pod affinity rules";
      }
      for (const term of farTerms) {
        const value = labels[term.topologyKey];
        if (value !== undefined && farCounts.get(term)!.get(value)) return "node(s) didn't match pod anti-affinity rules";
      }
      for (const [key, values] of guarded)
        if (labels[key] !== undefined && values.has(labels[key])) return "node(s) didn't satisfy existing pods anti-affinity rules";
      return undefined;
    },
    score({ labels }) {
      return soft.reduce((n, { weight, sign, podAffinityTerm: term }) => {
        const value = labels[term.topologyKey];
        return n + sign * weight * ((value !== undefined && softCounts.get(term)!.get(value)) || 0);
      }, 0);
    },
  };
}

/** Pods of the same namespace that a spread constraint counts. */
export const counted = (pod: Pod, other: Pod): boolean => other.metadata.namespace === pod.metadata.namespace && !isTerminating(other);
