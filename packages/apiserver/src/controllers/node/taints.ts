import type { Node, Taint } from '../kube.ts';
import { conditionOf } from '../conditions.ts';

export const NOT_READY = 'node.kubernetes.io/not-ready';
export const UNREACHABLE = 'node.kubernetes.io/unreachable';
const UNSCHEDULABLE = 'node.kubernetes.io/unschedulable';

/** Taints for conditions that are True. */
const PRESSURES: Record<string, string> = {
  MemoryPressure: 'node.kubernetes.io/memory-pressure',
  DiskPressure: 'node.kubernetes.io/disk-pressure',
  PIDPressure: 'node.kubernetes.io/pid-pressure',
  NetworkUnavailable: 'node.kubernetes.io/network-unavailable',
};
const OWN = new Set([NOT_READY, UNREACHABLE, UNSCHEDULABLE, ...Object.values(PRESSURES)]);

/** The taint of a node that is not ready; undefined for one that is. */
export function readiness({ status }: Node): string | undefined {
  const ready = conditionOf(status?.conditions, 'Ready');
  return ready?.status === 'True' ? undefined : ready?.status === 'Unknown' ? UNREACHABLE : NOT_READY;
}

/**
 * The taints that a node is to have for what its conditions say; those of others stay, in their place.
 * @param evicts whether nodes that are not ready lose their pods
 */
export function taintsOf(node: Node, evicts: boolean, now: string): Taint[] {
  const key = readiness(node);
  const wanted: Taint[] = [
    ...(key ? [{ key, effect: 'NoSchedule' }] : []),
    ...Object.entries(PRESSURES).flatMap(([type, k]) =>
      conditionOf(node.status?.conditions, type)?.status === 'True' ? [{ key: k, effect: 'NoSchedule' }] : [],
    ),
    ...(node.spec.unschedulable ? [{ key: UNSCHEDULABLE, effect: 'NoSchedule' }] : []),
    // One that never said anything has nothing to lose yet.
    ...(key && evicts && conditionOf(node.status?.conditions, 'Ready') ? [{ key, effect: 'NoExecute' }] : []),
  ];
  const isSame = (a: Taint, b: Taint): boolean => a.key === b.key && a.effect === b.effect;
  const isOwn = (t: Taint): boolean =>
    OWN.has(t.key) && (t.effect === 'NoSchedule' || (t.effect === 'NoExecute' && [NOT_READY, UNREACHABLE].includes(t.key)));
  const kept = (node.spec.taints ?? []).filter((t) => !isOwn(t) || wanted.some((w) => isSame(w, t)));
  return [...kept, ...wanted.filter((w) => !kept.some((k) => isSame(w, k))).map((w) => ({ ...w, timeAdded: now }))];
}
