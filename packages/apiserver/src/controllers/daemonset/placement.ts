import { controllerRef, DaemonSets, type DaemonSet, type Node, type Pod, type Toleration } from '../kube.ts';
import type { Draft } from '../client.ts';
import { podOf } from '../pods.ts';
import { tolerates, wantsNode } from '../scheduler/node-affinity.ts';

export const HASH_LABEL = 'controller-revision-hash';
const GENERATION = 'deprecated.daemonset.template.generation';

const exists = (key: string, effect: string): Toleration => ({ key: `node.kubernetes.io/${key}`, operator: 'Exists', effect });

function tolerations({ spec }: DaemonSet): Toleration[] {
  return [
    exists('not-ready', 'NoExecute'),
    exists('unreachable', 'NoExecute'),
    exists('disk-pressure', 'NoSchedule'),
    exists('memory-pressure', 'NoSchedule'),
    exists('pid-pressure', 'NoSchedule'),
    exists('unschedulable', 'NoSchedule'),
    ...(spec.template.spec.hostNetwork ? [exists('network-unavailable', 'NoSchedule')] : []),
  ];
}

const isSame = (a: Toleration, b: Toleration): boolean => a.key === b.key && a.operator === b.operator && a.effect === b.effect;

function allTolerations(set: DaemonSet): Toleration[] {
  const own = set.spec.template.spec.tolerations ?? [];
  return [...own, ...tolerations(set).filter((t) => !own.some((o) => isSame(o, t)))];
}

/** Whether a node should have a pod of the set, and whether one that it has may stay. */
export function placement(set: DaemonSet, node: Node): { run: boolean; stay: boolean } {
  const { spec } = set.spec.template;
  if ((spec.nodeName && spec.nodeName !== node.metadata.name) || !wantsNode(spec, node)) return { run: false, stay: false };
  const all = allTolerations(set);
  const taints = (node.spec.taints ?? []).filter((t) => t.effect !== 'PreferNoSchedule' && !tolerates(all, t));
  return { run: taints.length === 0, stay: taints.every((t) => t.effect !== 'NoExecute') };
}

/** A pod for one node: the scheduler puts it there, as it does with all. */
export function daemonPod(set: DaemonSet, hash: string, node: string): Draft<Pod> {
  const { name, namespace = '', annotations } = set.metadata;
  const draft = podOf(set.spec.template, namespace, controllerRef(DaemonSets, set), { generateName: `${name}-` });
  const generation = annotations?.[GENERATION];
  draft.metadata.labels = { ...draft.metadata.labels, ...(generation && { 'pod-template-generation': generation }), [HASH_LABEL]: hash };
  draft.spec.tolerations = allTolerations(set);
  const terms = [{ matchFields: [{ key: 'metadata.name', operator: 'In', values: [node] }] }];
  draft.spec.affinity = {
    ...draft.spec.affinity,
    nodeAffinity: { ...draft.spec.affinity?.nodeAffinity, requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms: terms } },
  };
  return draft;
}

/** The node that a pod of the set is on, or made for. */
export function targetOf({ spec }: Pod): string | undefined {
  if (spec.nodeName) return spec.nodeName;
  const terms = spec.affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution?.nodeSelectorTerms ?? [];
  return terms.flatMap((t) => t.matchFields ?? []).find((f) => f.key === 'metadata.name' && f.operator === 'In')?.values?.[0];
}
