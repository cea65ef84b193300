import { equal } from '../../schema/schema.ts';
import type { Context, Controller } from '../context.ts';
import { forgetRevisions, history, revisionTemplate, type History } from '../history.ts';
import {
  Claims,
  ControllerRevisions,
  keyOf,
  Pods,
  splitKey,
  StatefulSets,
  type ControllerRevision,
  type Pod,
  type StatefulSet,
  type StatefulSetStatus,
} from '../kube.ts';
import { claim } from '../ownership.ts';
import { watchDependents, watchOwn } from '../owners.ts';
import { availableIn, isFinished, isRunningAndReady, isTerminating } from '../pods.ts';
import type { WorkQueue } from '../queue.ts';
import { counts } from '../replicaset.ts';
import { createClaims, ownClaims } from './claims.ts';
import { firstOrdinal, isWanted, missingLabels, ordinalOf, podName, REVISION_LABEL, statefulPod } from './identity.ts';

/** Keeps pods with names and volumes of their own, in order. */
export const statefulSetController: Controller = {
  name: 'statefulset-controller',
  start(c) {
    const queue: WorkQueue = c.queue((key) => sync(c, queue, key));
    watchOwn(c, StatefulSets, queue);
    watchDependents(c, StatefulSets, Pods, queue);
    watchDependents(c, StatefulSets, ControllerRevisions, queue);
    // A pod waits for a claim of its name that is still going.
    c.informer(Claims).on((now, before) => {
      if (now) return;
      for (const set of c.informer(StatefulSets).list(before!.metadata.namespace))
        if (set.spec.volumeClaimTemplates?.some((t) => before!.metadata.name.startsWith(`${t.metadata.name}-${set.metadata.name}-`)))
          queue.add(keyOf(set));
    });
  },
};

async function sync(c: Context, queue: WorkQueue, key: string): Promise<void> {
  const set = c.informer(StatefulSets).get(...splitKey(key));
  if (!set) return;
  const pods = await claim(c, StatefulSets, set, set.spec.selector, Pods, (pod) => ordinalOf(set, pod) !== undefined);
  if (isTerminating(set)) return;
  const revisions = await history(c, StatefulSets, set, 'controller.kubernetes.io/hash');
  const current = revisions.all.find((r) => r.metadata.name === set.status?.currentRevision) ?? revisions.update;
  try {
    await step(c, queue, { set, pods, current, update: revisions.update });
  } finally {
    await writeStatus(c, set, current, revisions);
  }
  const used = new Set([current.metadata.name, revisions.update.metadata.name, ...pods.map((p) => p.metadata.labels?.[REVISION_LABEL])]);
  await forgetRevisions(c, set, revisions.all, (r) => used.has(r.metadata.name));
}

interface State {
  set: StatefulSet;
  pods: readonly Pod[];
  current: ControllerRevision;
  update: ControllerRevision;
}

const isHealthy = (pod: Pod): boolean => isRunningAndReady(pod) && !isTerminating(pod);

/** Takes the next step, or with Parallel all that can be taken. */
async function step(c: Context, queue: WorkQueue, { set, pods, current, update }: State): Promise<void> {
  const inOrder = set.spec.podManagementPolicy !== 'Parallel';
  const byOrdinal = new Map(
    pods.flatMap((pod) => [[ordinalOf(set, pod), pod] as const]).filter(([n]) => n !== undefined) as [number, Pod][],
  );
  const first = firstOrdinal(set);
  /** Whether a pod is not there yet in the sense of the order. */
  const holdsUp = (pod: Pod): boolean => {
    const wait = isHealthy(pod) ? availableIn(pod, set.spec.minReadySeconds, c.clock.now()) : undefined;
    if (wait) queue.addAfter(keyOf(set), wait);
    return wait !== 0;
  };
  for (let n = first; n < first + set.spec.replicas; n += 1) {
    let pod = byOrdinal.get(n);
    if (pod && isFinished(pod) && !isTerminating(pod)) {
      const { namespace, name } = set.metadata;
      const kind =
        pod.status?.phase === 'Failed'
          ? (['Warning', 'RecreatingFailedPod', 'failed'] as const)
          : (['Normal', 'RecreatingTerminatedPod', 'terminated'] as const);
      c.event(StatefulSets, set, kind[0], kind[1], `StatefulSet ${namespace}/${name} is recreating ${kind[2]} Pod ${pod.metadata.name}`);
      await remove(c, set, pod);
      if (inOrder) return;
      continue;
    }
    if (!pod) {
      // A pod below the partition that is lost comes back as it was.
      const isOld = set.spec.updateStrategy.type === 'RollingUpdate' && n < first + (set.spec.updateStrategy.rollingUpdate?.partition ?? 0);
      pod = await create(c, set, isOld ? current : update, n);
      if (inOrder) return;
      continue;
    }
    if (!isTerminating(pod)) {
      await ownClaims(c, set, n, pod);
      const labels = missingLabels(pod, n);
      if (labels)
        await c.client.update(Pods, pod, (o) => {
          o.metadata.labels = labels;
        });
      if (pod.status?.phase === 'Pending') await createClaims(c, set, n, pod.metadata.name);
    }
    if (inOrder && holdsUp(pod)) return;
  }
  const condemned = [...byOrdinal].filter(([n]) => !isWanted(set, n)).sort(([a], [b]) => b - a);
  const unhealthy = [...byOrdinal].sort(([a], [b]) => a - b).find(([, pod]) => !isHealthy(pod))?.[1];
  for (const [n, pod] of condemned) {
    if (isTerminating(pod)) {
      if (inOrder) return;
      continue;
    }
    // An unhealthy one below it may need it; but what is the first such itself must not wait for itself.
    if (inOrder && pod !== unhealthy && holdsUp(pod)) return;
    await ownClaims(c, set, n, pod);
    await remove(c, set, pod);
    if (inOrder) return;
  }
  if (set.spec.updateStrategy.type !== 'RollingUpdate') return;
  const least = first + (set.spec.updateStrategy.rollingUpdate?.partition ?? 0);
  for (let n = first + set.spec.replicas - 1; n >= least; n -= 1) {
    const pod = byOrdinal.get(n);
    if (!pod) return;
    if (pod.metadata.labels?.[REVISION_LABEL] !== update.metadata.name && !isTerminating(pod)) return remove(c, set, pod);
    if (holdsUp(pod)) return;
  }
}

async function create(c: Context, set: StatefulSet, revision: ControllerRevision, ordinal: number): Promise<Pod> {
  const pod = podName(set, ordinal);
  const of = `Pod ${pod} in StatefulSet ${set.metadata.name}`;
  await createClaims(c, set, ordinal, pod);
  try {
    const made = await c.client.create(Pods, statefulPod(set, revisionTemplate(revision), revision.metadata.name, ordinal));
    c.event(StatefulSets, set, 'Normal', 'SuccessfulCreate', `Create ${of} successful`);
    return made;
  } catch (error) {
    c.event(StatefulSets, set, 'Warning', 'FailedCreate', `Create ${of} failed error: ${(error as Error).message}`);
    throw error;
  }
}

async function remove(c: Context, set: StatefulSet, pod: Pod): Promise<void> {
  await c.client.delete(Pods, pod);
  c.event(
    StatefulSets,
    set,
    'Normal',
    'SuccessfulDelete',
    `Delete Pod ${pod.metadata.name} in StatefulSet ${set.metadata.name} successful`,
  );
}

async function writeStatus(c: Context, seen: StatefulSet, current: ControllerRevision, { update, collisions }: History): Promise<void> {
  const set = c.informer(StatefulSets).get(seen.metadata.namespace ?? '', seen.metadata.name);
  if (set?.metadata.uid !== seen.metadata.uid) return;
  const pods = c.informer(Pods).controlledBy(set.metadata.uid);
  const of = (r: ControllerRevision): number =>
    pods.filter((p) => !isTerminating(p) && p.metadata.labels?.[REVISION_LABEL] === r.metadata.name).length;
  const ready = pods.filter(isRunningAndReady);
  const status: StatefulSetStatus = {
    observedGeneration: seen.metadata.generation ?? 0,
    replicas: pods.length,
    ...counts({ readyReplicas: ready.length, currentReplicas: of(current), updatedReplicas: of(update) }),
    availableReplicas: ready.filter((p) => availableIn(p, set.spec.minReadySeconds, c.clock.now()) === 0).length,
    currentRevision: current.metadata.name,
    updateRevision: update.metadata.name,
    collisionCount: collisions,
  };
  const { updatedReplicas = 0 } = status;
  if (
    set.spec.updateStrategy.type === 'RollingUpdate' &&
    updatedReplicas === status.replicas &&
    (status.readyReplicas ?? 0) === status.replicas
  ) {
    if (updatedReplicas > 0) status.currentReplicas = updatedReplicas;
    status.currentRevision = update.metadata.name;
  }
  if (equal(status, set.status)) return;
  await c.client.updateStatus(StatefulSets, set, (o) => {
    o.status = status;
  });
}
