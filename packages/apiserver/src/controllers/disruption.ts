import { equal } from '../schema/schema.ts';
import { selects } from '../kinds/label-selector.ts';
import { isTrue, withCondition } from './conditions.ts';
import type { Context, Controller } from './context.ts';
import { scaled } from './deployment/replicas.ts';
import {
  controllerOf,
  Deployments,
  keyOf,
  Pods,
  ReplicaSets,
  splitKey,
  StatefulSets,
  type Condition,
  type Kind,
  type KubeObject,
  type LabelSelector,
  type Pod,
} from './kube.ts';
import { isFinished, isTerminating } from './pods.ts';
import type { WorkQueue } from './queue.ts';

interface Budget extends KubeObject {
  spec: { minAvailable?: number | string; maxUnavailable?: number | string; selector?: LabelSelector };
  status?: {
    disruptionsAllowed: number;
    currentHealthy: number;
    desiredHealthy: number;
    expectedPods: number;
    observedGeneration?: number;
    disruptedPods?: Record<string, string>;
    conditions?: Condition[];
  };
}

const Budgets: Kind<Budget> = { group: 'policy', plural: 'poddisruptionbudgets', kind: 'PodDisruptionBudget' };

/** Milliseconds that an evicted pod counts as lost although nobody has seen it go. */
const EVICTION_TIMEOUT = 120_000;

/** Counts how many pods of each disruption budget may be evicted. */
export const disruptionController: Controller = {
  name: 'disruption-controller',
  component: 'controllermanager',
  start(c) {
    const queue: WorkQueue = c.queue((key) => sync(c, queue, key));
    c.informer(Budgets).on((now) => {
      if (now) queue.add(keyOf(now));
    });
    const of = (namespace: string | undefined, test: (b: Budget) => boolean): void => {
      for (const budget of c.informer(Budgets).list(namespace ?? '')) if (test(budget)) queue.add(keyOf(budget));
    };
    c.informer(Pods).on((now, before) => {
      const labels = [now, before].map((p) => p?.metadata.labels);
      of((now ?? before)!.metadata.namespace, (b) => labels.some((l) => l !== undefined && selects(b.spec.selector, l)));
    });
    for (const kind of [Deployments, ReplicaSets, StatefulSets] as Kind<KubeObject & { spec: { replicas: number } }>[])
      c.informer(kind).on((now, before) => {
        if (now?.spec.replicas !== before?.spec.replicas) of((now ?? before)!.metadata.namespace, () => true);
      });
  },
};

async function sync(c: Context, queue: WorkQueue, key: string): Promise<void> {
  const budget = c.informer(Budgets).get(...splitKey(key));
  if (!budget) return;
  const pods = c
    .informer(Pods)
    .list(budget.metadata.namespace)
    .filter((p) => selects(budget.spec.selector, p.metadata.labels) && !isFinished(p));
  if (pods.length === 0) c.event(Budgets, budget, 'Normal', 'NoPods', 'No matching pods found');
  const expected = expectation(c, budget, pods);
  const now = c.timestamp();
  if (typeof expected === 'string') {
    c.event(Budgets, budget, 'Warning', 'CalculateExpectedPodCountFailed', `Failed to calculate the number of expected pods: ${expected}`);
    const failed: Condition = {
      type: 'DisruptionAllowed',
      status: 'False',
      reason: 'SyncFailed',
      message: expected,
      lastTransitionTime: now,
    };
    return write(c, budget, { ...none(budget), disruptionsAllowed: 0, conditions: withObserved(budget, failed) });
  }
  const disrupted = stillAwaited(c, queue, key, budget, pods);
  const healthy = pods.filter((p) => !isTerminating(p) && !(p.metadata.name in disrupted) && isTrue(p.status?.conditions, 'Ready')).length;
  const { expectedPods, desiredHealthy } = expected;
  const allowed = expectedPods <= 0 ? 0 : Math.max(0, healthy - desiredHealthy);
  const condition: Condition = {
    type: 'DisruptionAllowed',
    status: allowed > 0 ? 'True' : 'False',
    reason: allowed > 0 ? 'SufficientPods' : 'InsufficientPods',
    message: '',
    lastTransitionTime: now,
  };
  await write(c, budget, {
    disruptionsAllowed: allowed,
    currentHealthy: healthy,
    desiredHealthy,
    expectedPods,
    observedGeneration: budget.metadata.generation ?? 0,
    ...(Object.keys(disrupted).length > 0 && { disruptedPods: disrupted }),
    conditions: withObserved(budget, condition),
  });
}

type Status = NonNullable<Budget['status']>;

const none = ({ status, metadata }: Budget): Status => ({
  ...(status ?? { disruptionsAllowed: 0, currentHealthy: 0, desiredHealthy: 0, expectedPods: 0 }),
  observedGeneration: metadata.generation ?? 0,
});

const withObserved = ({ status, metadata }: Budget, condition: Condition): Condition[] =>
  withCondition(status?.conditions, { ...condition, observedGeneration: metadata.generation ?? 0 });

async function write(c: Context, budget: Budget, status: Status): Promise<void> {
  if (equal(status, budget.status)) return;
  await c.client.updateStatus(Budgets, budget, (o) => {
    o.status = status;
  });
}

/** How many pods there should be and how many of them healthy, or why that cannot be said. */
function expectation(c: Context, { spec }: Budget, pods: readonly Pod[]): { expectedPods: number; desiredHealthy: number } | string {
  const { minAvailable, maxUnavailable } = spec;
  if (typeof minAvailable === 'number') return { expectedPods: pods.length, desiredHealthy: minAvailable };
  const expectedPods = replicasOf(c, pods);
  if (typeof expectedPods === 'string') return expectedPods;
  if (maxUnavailable !== undefined)
    return { expectedPods, desiredHealthy: Math.max(0, expectedPods - scaled(maxUnavailable, expectedPods, Math.ceil)) };
  return { expectedPods, desiredHealthy: scaled(minAvailable, expectedPods, Math.ceil) };
}

/** Replicas of all that manage these pods, together. */
function replicasOf(c: Context, pods: readonly Pod[]): number | string {
  const sizes = new Map<string, number>();
  for (const pod of pods) {
    const ref = controllerOf(pod);
    const { namespace = '', name } = pod.metadata;
    if (!ref) return `found no controller ref for pod "${name}"`;
    const set = ref.kind === 'ReplicaSet' ? c.informer(ReplicaSets).get(namespace, ref.name) : undefined;
    const above = set && controllerOf(set);
    const deployment = above?.kind === 'Deployment' ? c.informer(Deployments).get(namespace, above.name) : undefined;
    const owner = deployment ?? set ?? (ref.kind === 'StatefulSet' ? c.informer(StatefulSets).get(namespace, ref.name) : undefined);
    if (!owner) return `${ref.kind.toLowerCase()}s.${ref.apiVersion.split('/')[0]} does not implement the scale subresource`;
    sizes.set(owner.metadata.uid, owner.spec.replicas);
  }
  return [...sizes.values()].reduce((a, b) => a + b, 0);
}

/** Evicted pods that are still there as if nothing had happened. */
function stillAwaited(c: Context, queue: WorkQueue, key: string, { status }: Budget, pods: readonly Pod[]): Record<string, string> {
  const left: Record<string, string> = {};
  for (const [name, since] of Object.entries(status?.disruptedPods ?? {})) {
    const pod = pods.find((p) => p.metadata.name === name);
    const wait = Date.parse(since) + EVICTION_TIMEOUT - c.clock.now();
    if (!pod || isTerminating(pod) || wait <= 0) continue;
    left[name] = since;
    queue.addAfter(key, wait);
  }
  return left;
}
