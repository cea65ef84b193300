import { quantityValue } from '../../kinds/quantity.ts';
import { Pods, Nodes, type Node, type Pod } from '../kube.ts';
import type { Context } from '../context.ts';
import { isFinished } from '../pods.ts';

export type Amounts = Record<string, number>;

/** A node with the pods on it, and those that are on their way to it. */
export interface NodeState {
  readonly node: Node;
  readonly labels: Readonly<Record<string, string>>;
  readonly pods: Pod[];
  readonly used: Amounts;
  readonly allocatable: Amounts;
}

/** What pods without requests count as where nodes are compared. */
const ASSUMED: Amounts = { cpu: 0.1, memory: 200 * 2 ** 20 };

const requests = new WeakMap<Pod, Amounts>();

/** What a pod asks for: its containers together, or its greatest init container, whichever is more. */
export function requestsOf(pod: Pod): Amounts {
  let found = requests.get(pod);
  if (!found) requests.set(pod, (found = sumRequests(pod)));
  return found;
}

function sumRequests({ spec }: Pod): Amounts {
  const add = (to: Amounts, from: Record<string, string> | undefined): void => {
    for (const [name, value] of Object.entries(from ?? {})) to[name] = (to[name] ?? 0) + quantityValue(value);
  };
  const total: Amounts = {};
  for (const { resources } of spec.containers) add(total, resources?.requests);
  // Sidecars run beside those that begin after them, and beside the containers.
  const sidecars: Amounts = {};
  const most: Amounts = {};
  for (const { resources, restartPolicy } of spec.initContainers ?? []) {
    const sidecar = restartPolicy === 'Always';
    if (sidecar) add(sidecars, resources?.requests);
    const now = { ...sidecars };
    if (!sidecar) add(now, resources?.requests);
    for (const [name, n] of Object.entries(now)) most[name] = Math.max(most[name] ?? 0, n);
  }
  for (const [name, n] of Object.entries(sidecars)) total[name] = (total[name] ?? 0) + n;
  for (const [name, n] of Object.entries(most)) total[name] = Math.max(total[name] ?? 0, n);
  add(total, spec.overhead);
  return total;
}

/** The same, with what is assumed of a pod that asks for nothing. */
export const weightOf = (pod: Pod): Amounts => {
  const asked = requestsOf(pod);
  return { cpu: asked['cpu'] || ASSUMED['cpu']!, memory: asked['memory'] || ASSUMED['memory']! };
};

const allocatables = new WeakMap<Node, Amounts>();

function allocatableOf(node: Node): Amounts {
  let found = allocatables.get(node);
  if (!found) {
    found = Object.fromEntries(Object.entries(node.status?.allocatable ?? {}).map(([name, value]) => [name, quantityValue(value)]));
    allocatables.set(node, found);
  }
  return found;
}

/** All nodes as they are now; `assumed` pods are on their way to the node named. */
export function nodeStates(c: Context, assumed: Iterable<{ pod: Pod; node: string }>): Map<string, NodeState> {
  const states = new Map<string, NodeState>();
  for (const node of c.informer(Nodes).list())
    states.set(node.metadata.name, {
      node,
      labels: node.metadata.labels ?? {},
      pods: [],
      used: {},
      allocatable: allocatableOf(node),
    });
  for (const pod of c.informer(Pods).list()) if (pod.spec.nodeName && !isFinished(pod)) place(states.get(pod.spec.nodeName), pod);
  for (const { pod, node } of assumed) place(states.get(node), pod);
  return states;
}

function place(state: NodeState | undefined, pod: Pod): void {
  if (!state) return;
  state.pods.push(pod);
  for (const [name, n] of Object.entries(requestsOf(pod))) state.used[name] = (state.used[name] ?? 0) + n;
}
