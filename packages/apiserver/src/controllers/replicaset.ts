import { equal } from '../schema/schema.ts';
import { conditionOf, withCondition, withoutCondition } from './conditions.ts';
import type { Context, Controller } from './context.ts';
import {
  controllerOf,
  controllerRef,
  Pods,
  ReplicaSets,
  splitKey,
  type Condition,
  type Pod,
  type ReplicaSet,
  type ReplicaSetStatus,
} from './kube.ts';
import { claim } from './ownership.ts';
import { watchDependents, watchOwn } from './owners.ts';
import {
  availableIn,
  byDeletionOrder,
  createPod,
  deletePod,
  isActive,
  isFinished,
  isReady,
  isTerminating,
  podOf,
  replicaFailure,
  slowStart,
} from './pods.ts';
import type { WorkQueue } from './queue.ts';
import { selects } from '../kinds/label-selector.ts';

/** Pods created or deleted in one look. */
const BURST = 500;

/** Keeps as many pods of a template as are asked for. */
export const replicaSetController: Controller = {
  name: 'replicaset-controller',
  start(c) {
    const queue: WorkQueue = c.queue((key) => sync(c, queue, key));
    watchOwn(c, ReplicaSets, queue);
    watchDependents(c, ReplicaSets, Pods, queue);
  },
};

async function sync(c: Context, queue: WorkQueue, key: string): Promise<void> {
  const set = c.informer(ReplicaSets).get(...splitKey(key));
  if (!set) return;
  const claimed = await claim(c, ReplicaSets, set, set.spec.selector, Pods, (pod) => !isFinished(pod));
  const pods = claimed.filter(isActive);
  let failure: Condition | undefined;
  let failed: unknown;
  if (!isTerminating(set)) {
    const missing = set.spec.replicas - pods.length;
    try {
      if (missing > 0) await grow(c, set, Math.min(missing, BURST));
      else if (missing < 0) await shrink(c, set, pods, Math.min(-missing, BURST));
    } catch (error) {
      failed = error;
      failure = replicaFailure(missing > 0 ? 'FailedCreate' : 'FailedDelete', error, c.timestamp());
    }
  }
  const terminating = claimed.filter((pod) => isTerminating(pod) && !isFinished(pod)).length;
  await writeStatus(c, set, pods, terminating, failure);
  if (failed) throw failed;
  const { minReadySeconds } = set.spec;
  if (!minReadySeconds) return;
  const waits = pods.map((pod) => availableIn(pod, minReadySeconds, c.clock.now())).filter((ms) => ms !== undefined && ms > 0);
  if (waits.length) queue.addAfter(key, Math.min(...(waits as number[])));
}

async function grow(c: Context, set: ReplicaSet, count: number): Promise<void> {
  const { namespace = '', name } = set.metadata;
  const owner = controllerRef(ReplicaSets, set);
  await slowStart(count, () => createPod(c, ReplicaSets, set, podOf(set.spec.template, namespace, owner, { generateName: `${name}-` })));
}

async function shrink(c: Context, set: ReplicaSet, pods: Pod[], count: number): Promise<void> {
  // Of what the same Deployment has on a node, whichever of its ReplicaSets made it.
  const manager = controllerOf(set)?.uid;
  const related = manager === undefined ? [set] : c.informer(ReplicaSets).controlledBy(manager);
  const perNode = new Map<string, number>();
  for (const { metadata } of related)
    for (const pod of c.informer(Pods).controlledBy(metadata.uid))
      if (isActive(pod)) perNode.set(pod.spec.nodeName ?? '', (perNode.get(pod.spec.nodeName ?? '') ?? 0) + 1);
  const order = byDeletionOrder((pod) => perNode.get(pod.spec.nodeName ?? '') ?? 0, c.clock.now());
  const going = count >= pods.length ? pods : [...pods].sort(order).slice(0, count);
  const results = await Promise.allSettled(going.map((pod) => deletePod(c, ReplicaSets, set, pod)));
  const failed = results.find((r) => r.status === 'rejected');
  if (failed) throw failed.reason;
}

async function writeStatus(
  c: Context,
  set: ReplicaSet,
  pods: readonly Pod[],
  terminating: number,
  failure: Condition | undefined,
): Promise<void> {
  const { minReadySeconds, template } = set.spec;
  const ready = pods.filter(isReady);
  const labels = { matchLabels: template.metadata?.labels ?? {} };
  const old = set.status?.conditions;
  const conditions = !failure
    ? withoutCondition(old, 'ReplicaFailure')
    : conditionOf(old, 'ReplicaFailure')
      ? old!
      : withCondition(old, failure);
  const status: ReplicaSetStatus = {
    replicas: pods.length,
    ...counts({
      fullyLabeledReplicas: pods.filter((pod) => selects(labels, pod.metadata.labels)).length,
      readyReplicas: ready.length,
      availableReplicas: ready.filter((pod) => availableIn(pod, minReadySeconds, c.clock.now()) === 0).length,
    }),
    terminatingReplicas: terminating,
    observedGeneration: set.metadata.generation ?? 0,
    ...(conditions.length > 0 && { conditions }),
  };
  if (equal(status, set.status)) return;
  await c.client.updateStatus(ReplicaSets, set, (o) => {
    o.status = status;
  });
}

/** Without what is 0, as Kubernetes writes it. */
export const counts = (numbers: Record<string, number>): Record<string, number> =>
  Object.fromEntries(Object.entries(numbers).filter(([, n]) => n !== 0));
