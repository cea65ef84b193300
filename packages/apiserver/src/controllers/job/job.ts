import { equal } from '../../schema/schema.ts';
import { conditionOf, isTrue, withCondition } from '../conditions.ts';
import type { Context, Controller } from '../context.ts';
import { controllerOf, Jobs, keyOf, Pods, splitKey, type Condition, type Job, type JobStatus, type Pod } from '../kube.ts';
import { claim } from '../ownership.ts';
import { watchDependents, watchOwn } from '../owners.ts';
import { byDeletionOrder, createPod, deletePod, isActive, isFinished, isReady, isTerminating, slowStart } from '../pods.ts';
import type { WorkQueue } from '../queue.ts';
import { count, isTracked, release, totals, untrack } from './counting.ts';
import { formatIndexes, freeIndexes, indexOf, isIndexed, jobPod, parseIndexes } from './indexes.ts';
import { failedIndexes, failureCounts, hasIndexLimit, indexBackOff, lastFailures } from './index-failures.ts';
import { backOff, failureOf, isEnded, type Outcome, remaining, successOf } from './outcome.ts';

const OURS = 'kubernetes.io/job-controller';

/** Runs pods until enough of them have succeeded. */
export const jobController: Controller = {
  name: 'job-controller',
  start(c) {
    const queue: WorkQueue = c.queue((key) => sync(c, queue, key));
    watchOwn(c, Jobs, queue);
    watchDependents(c, Jobs, Pods, queue);
    // Pods whose job is gone are counted by nobody.
    const orphans = c.queue(async (key) => {
      const pod = c.informer(Pods).get(...splitKey(key));
      if (pod && isTracked(pod) && !jobOf(c, pod)) await untrack(c, pod);
    });
    c.informer(Pods).on((now) => {
      if (now && isTracked(now) && !jobOf(c, now)) orphans.add(keyOf(now));
    });
    c.informer(Jobs).on((now, before) => {
      if (!now) for (const pod of c.informer(Pods).list(before!.metadata.namespace)) if (isTracked(pod)) orphans.add(keyOf(pod));
    });
  },
};

function jobOf(c: Context, pod: Pod): Job | undefined {
  const ref = controllerOf(pod);
  const job = ref?.kind === Jobs.kind ? c.informer(Jobs).get(pod.metadata.namespace ?? '', ref.name) : undefined;
  return job?.metadata.uid === ref?.uid ? job : undefined;
}

async function sync(c: Context, queue: WorkQueue, key: string): Promise<void> {
  const job = c.informer(Jobs).get(...splitKey(key));
  if (!job || (job.spec.managedBy ?? OURS) !== OURS) return;
  const pods = await claim(c, Jobs, job, job.spec.selector, Pods);
  if (isEnded(job)) {
    await Promise.all(pods.filter(isTracked).map((pod) => untrack(c, pod)));
    return;
  }
  const status = count(job, pods);
  if (hasIndexLimit(job)) status.failedIndexes = formatIndexes(failedIndexes(job, pods));
  const now = c.timestamp();
  if (job.spec.suspend && status.startTime) delete status.startTime;
  if (!job.spec.suspend) status.startTime ??= now;
  const written = { ...job, status };
  const active = pods.filter(isActive);
  const { succeeded, failed } = totals(job, status);
  // What was said once stays so, whatever the pods that are taken away by that come to.
  const decided = (type: string): Outcome | undefined => {
    const { status: is, reason = '', message = '' } = conditionOf(status.conditions, type) ?? {};
    return is === 'True' ? { reason, message } : undefined;
  };
  const decidedSuccess = decided('SuccessCriteriaMet');
  const failure = decidedSuccess ? undefined : (decided('FailureTarget') ?? failureOf(written, pods, failed, c.clock));
  const success = failure ? undefined : (decidedSuccess ?? successOf(written, succeeded, active.length));
  let left = active;
  if (failure || success || job.spec.suspend) {
    await remove(c, job, active);
    left = [];
  } else if (!isTerminating(job)) left = await adjust(c, queue, { job: written, pods, active, succeeded });
  status.conditions = suspension(c, job, status.conditions);
  if (failure) status.conditions = note(status.conditions, 'FailureTarget', failure.reason, failure.message, now);
  if (success) status.conditions = note(status.conditions, 'SuccessCriteriaMet', success.reason, success.message, now);
  const fresh = c.informer(Pods).controlledBy(job.metadata.uid);
  const going = fresh.filter((p) => isTerminating(p) && !isFinished(p)).length;
  const isSettled =
    !status.uncountedTerminatedPods?.succeeded &&
    !status.uncountedTerminatedPods?.failed &&
    !fresh.some((p) => isTracked(p) && isFinished(p));
  // The last word is said when nothing of it runs any more.
  if (left.length === 0 && going === 0 && isSettled) {
    if (failure) fail(c, job, status, failure, now);
    else if (success) complete(c, job, status, success, now);
  }
  await write(c, job, { ...status, ...live(left, going) });
  if (await release(c, job, pods)) queue.add(key);
  const wait = remaining(written, c.clock);
  if (wait) queue.addAfter(key, wait);
}

const live = (active: readonly Pod[], terminating: number): Pick<JobStatus, 'active' | 'ready' | 'terminating'> => ({
  active: active.length,
  ready: active.filter(isReady).length,
  terminating,
});

const note = (conditions: Condition[] | undefined, type: string, reason: string, message: string, now: string): Condition[] =>
  withCondition(conditions, { type, status: 'True', lastProbeTime: now, lastTransitionTime: now, reason, message });

function suspension(c: Context, job: Job, conditions: Condition[] | undefined): Condition[] {
  const now = c.timestamp();
  const isSuspended = isTrue(conditions, 'Suspended');
  if (Boolean(job.spec.suspend) === isSuspended) return conditions ?? [];
  const word = job.spec.suspend ? 'suspended' : 'resumed';
  const reason = job.spec.suspend ? 'Suspended' : 'Resumed';
  c.event(Jobs, job, 'Normal', reason, `Job ${word}`);
  const status = job.spec.suspend ? 'True' : 'False';
  return withCondition(conditions, {
    type: 'Suspended',
    status,
    lastProbeTime: now,
    lastTransitionTime: now,
    reason: `Job${reason}`,
    message: `Job ${word}`,
  });
}

function fail(c: Context, job: Job, status: JobStatus, { reason, message }: Outcome, now: string): void {
  status.conditions = note(status.conditions, 'Failed', reason, message, now);
  c.event(Jobs, job, 'Warning', reason, message);
}

function complete(c: Context, job: Job, status: JobStatus, { reason, message }: Outcome, now: string): void {
  status.conditions = note(status.conditions, 'Complete', reason, message, now);
  status.completionTime = now;
  c.event(Jobs, job, 'Normal', 'Completed', 'Job completed');
}

async function write(c: Context, job: Job, { active, ...status }: JobStatus): Promise<void> {
  const wanted: JobStatus = { ...status, ...(active && { active }) }; // 0 is left out, as Kubernetes writes it
  if (!wanted.conditions?.length) delete wanted.conditions;
  if (equal(wanted, job.status)) return;
  await c.client.updateStatus(Jobs, job, (o) => {
    o.status = wanted;
  });
}

async function remove(c: Context, job: Job, pods: readonly Pod[]): Promise<void> {
  await Promise.all(pods.map((pod) => deletePod(c, Jobs, job, pod)));
}

/** Brings the number of running pods to what is wanted; gives those that run then. */
async function adjust(
  c: Context,
  queue: WorkQueue,
  o: { job: Job; pods: readonly Pod[]; active: Pod[]; succeeded: number },
): Promise<Pod[]> {
  const { job, pods, active, succeeded } = o;
  const { parallelism, completions } = job.spec;
  const failed = parseIndexes(job.status?.failedIndexes);
  const waiting = job.spec.podReplacementPolicy === 'Failed' ? pods.filter((p) => isTerminating(p) && !isFinished(p)).length : 0;
  const wanted =
    completions === undefined
      ? succeeded > 0
        ? active.length
        : parallelism
      : Math.min(parallelism, completions - succeeded - failed.size);
  if (active.length > wanted) {
    const excess = [...active].sort(byDeletionOrder(() => 0, c.clock.now())).slice(0, active.length - Math.max(0, wanted));
    await remove(c, job, excess);
    return active.filter((p) => !excess.includes(p));
  }
  const missing = wanted - active.length - waiting;
  if (missing <= 0) return active;
  const wait = hasIndexLimit(job) ? 0 : backOff(job, pods, c.clock);
  if (wait > 0) {
    queue.addAfter(keyOf(job), wait);
    return active;
  }
  const running = active.map(indexOf).filter((i) => i !== undefined);
  const taken = new Set([...parseIndexes(job.status?.completedIndexes), ...failed, ...running]);
  const last = hasIndexLimit(job) ? lastFailures(job, pods) : new Map<number, Pod>();
  for (const [index, pod] of last) {
    const ms = indexBackOff(pod, c.clock);
    if (ms === 0 || taken.has(index)) continue;
    taken.add(index);
    queue.addAfter(keyOf(job), ms);
  }
  const indexes: (number | undefined)[] = isIndexed(job)
    ? freeIndexes(job, taken, missing)
    : Array.from({ length: missing }, () => undefined);
  const draftOf = (index: number | undefined) => jobPod(job, index, index === undefined ? {} : failureCounts(job, last.get(index)));
  const made: Pod[] = [];
  await slowStart(indexes.length, async (i) => made.push(await createPod(c, Jobs, job, draftOf(indexes[i]))));
  return [...active, ...made];
}
