import type { Container, Pod } from '../kube.ts';
import { untolerated, wantsNode } from './node-affinity.ts';
import { requestsOf, type NodeState } from './nodes.ts';

/** Why a node cannot take a pod; `final` where no other pod's leaving would help. */
export interface Refusal {
  reasons: string[];
  final: boolean;
}

const final = (...reasons: string[]): Refusal => ({ reasons, final: true });

/** What is between a pod and one node, seen by itself. */
export function refusal(pod: Pod, state: NodeState): Refusal | undefined {
  const { node } = state;
  const unschedulable = { key: 'node.kubernetes.io/unschedulable', effect: 'NoSchedule' };
  if (node.spec.unschedulable && untolerated(pod, { ...node, spec: { taints: [unschedulable] } }, ['NoSchedule']))
    return final('node(s) were unschedulable');
  const taint = untolerated(pod, node, ['NoSchedule', 'NoExecute']);
  if (taint) return final(`node(s) had untolerated taint {${taint.key}: ${taint.value ?? ''}}`);
  if (!wantsNode(pod.spec, node)) return final("node(s) didn't match Pod's node affinity/selector");
  if (portConflict(pod, state)) return { reasons: ["node(s) didn't have free ports for the requested pod ports"], final: false };
  return lack(pod, state);
}

function lack(pod: Pod, { pods, used, allocatable }: NodeState): Refusal | undefined {
  const reasons: string[] = [];
  // By itself it is too large for the node.
  let never = false;
  if (allocatable['pods'] !== undefined && pods.length + 1 > allocatable['pods']) reasons.push('Too many pods');
  for (const [name, n] of Object.entries(requestsOf(pod))) {
    if (n === 0 || n <= (allocatable[name] ?? 0) - (used[name] ?? 0)) continue;
    reasons.push(`Insufficient ${name}`);
    if (n > (allocatable[name] ?? 0)) never = true;
  }
  return reasons.length > 0 ? { reasons, final: never } : undefined;
}

interface HostPort {
  ip: string;
  port: number;
  protocol: string;
}

const hostPorts = ({ spec }: Pod): HostPort[] =>
  [...spec.containers, ...(spec.initContainers ?? []).filter((c: Container) => c.restartPolicy === 'Always')].flatMap((c) =>
    (c.ports ?? []).flatMap((p) => (p.hostPort ? [{ ip: p.hostIP || '0.0.0.0', port: p.hostPort, protocol: p.protocol ?? 'TCP' }] : [])),
  );

function portConflict(pod: Pod, { pods }: NodeState): boolean {
  const wanted = hostPorts(pod);
  if (wanted.length === 0) return false;
  const taken = pods.flatMap(hostPorts);
  return wanted.some((w) =>
    taken.some((t) => t.port === w.port && t.protocol === w.protocol && (t.ip === w.ip || t.ip === '0.0.0.0' || w.ip === '0.0.0.0')),
  );
}
