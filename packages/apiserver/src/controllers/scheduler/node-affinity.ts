import type { Node, NodeSelectorTerm, Pod, PodSpec, Taint, Toleration } from '../kube.ts';
import { holds } from '../../kinds/label-selector.ts';

/** Whether one term of a node selector holds; an empty one never does. */
export function termHolds(term: NodeSelectorTerm, { metadata }: Node): boolean {
  const { matchExpressions = [], matchFields = [] } = term;
  if (matchExpressions.length + matchFields.length === 0) return false;
  const fields = { 'metadata.name': metadata.name };
  return matchExpressions.every((e) => holds(e, metadata.labels ?? {})) && matchFields.every((f) => holds(f, fields));
}

export const anyTermHolds = (terms: readonly NodeSelectorTerm[] | undefined, node: Node): boolean =>
  terms === undefined || terms.some((t) => termHolds(t, node));

/** Whether the pod's nodeSelector and required node affinity hold. */
export function wantsNode({ nodeSelector, affinity }: PodSpec, node: Node): boolean {
  const labels = node.metadata.labels ?? {};
  if (!Object.entries(nodeSelector ?? {}).every(([key, value]) => labels[key] === value)) return false;
  return anyTermHolds(affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution?.nodeSelectorTerms, node);
}

export function tolerates(tolerations: readonly Toleration[] | undefined, taint: Taint): boolean {
  return (tolerations ?? []).some((t) => isFor(t, taint));
}

/** Whether a toleration is one of this taint. */
export function isFor({ key, operator = 'Equal', value = '', effect }: Toleration, taint: Taint): boolean {
  if (effect && effect !== taint.effect) return false;
  if (key && key !== taint.key) return false;
  if (operator === 'Exists') return true;
  return Boolean(key) && value === (taint.value ?? '');
}

/** The first taint with one of these effects that keeps the pod away. */
export const untolerated = ({ spec }: Pick<Pod, 'spec'>, node: Node, effects: readonly string[]): Taint | undefined =>
  node.spec.taints?.find((t) => effects.includes(t.effect) && !tolerates(spec.tolerations, t));
