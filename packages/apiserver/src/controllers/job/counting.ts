import { ApiError } from '../../http/errors.ts';
import type { Context } from '../context.ts';
import { Pods, type Job, type JobStatus, type Pod } from '../kube.ts';
import { formatIndexes, indexOf, isIndexed, parseIndexes, TRACKING } from './indexes.ts';
import { hasFailed, ruleFor } from './outcome.ts';

export const isTracked = ({ metadata }: Pod): boolean => Boolean(metadata.finalizers?.includes(TRACKING));

/**
 * Counts pods that ended, each once whatever happens in between: first its uid is noted in the status, then its
 * finalizer goes, then the note becomes a number. This is the first and the last of it; the caller writes the status and
 * then calls `release`.
 */
export function count(job: Job, pods: readonly Pod[]): JobStatus {
  const status: JobStatus = { ...job.status };
  const noted = {
    succeeded: [...(status.uncountedTerminatedPods?.succeeded ?? [])],
    failed: [...(status.uncountedTerminatedPods?.failed ?? [])],
  };
  const tracked = new Set(pods.filter(isTracked).map((p) => p.metadata.uid));
  for (const key of ['succeeded', 'failed'] as const) {
    const settled = noted[key].filter((uid) => !tracked.has(uid));
    if (settled.length > 0 && !(isIndexed(job) && key === 'succeeded')) status[key] = (status[key] ?? 0) + settled.length;
    noted[key] = noted[key].filter((uid) => tracked.has(uid));
  }
  const indexes = parseIndexes(status.completedIndexes);
  for (const pod of pods) {
    const { uid } = pod.metadata;
    if (!isTracked(pod) || noted.succeeded.includes(uid) || noted.failed.includes(uid)) continue;
    if (pod.status?.phase === 'Succeeded') {
      const index = indexOf(pod);
      if (isIndexed(job) && (index === undefined || indexes.has(index) || index >= (job.spec.completions ?? 0))) continue;
      if (index !== undefined) indexes.add(index);
      noted.succeeded.push(uid);
    } else if (hasFailed(job, pod) && ruleFor(job, pod)?.rule.action !== 'Ignore') noted.failed.push(uid);
  }
  if (isIndexed(job)) {
    if (indexes.size > 0) {
      status.completedIndexes = formatIndexes(indexes);
      status.succeeded = indexes.size;
    }
  }
  status.uncountedTerminatedPods = {
    ...(noted.succeeded.length > 0 && { succeeded: noted.succeeded }),
    ...(noted.failed.length > 0 && { failed: noted.failed }),
  };
  return status;
}

/** Lets go of the pods that ended, once they are noted; whether there were any. */
export async function release(c: Context, job: Job, pods: readonly Pod[]): Promise<boolean> {
  const ended = pods.filter((p) => isTracked(p) && (p.status?.phase === 'Succeeded' || hasFailed(job, p)));
  await Promise.all(ended.map((pod) => untrack(c, pod)));
  return ended.length > 0;
}

export async function untrack(c: Context, pod: Pod): Promise<void> {
  await c.client
    .modify(Pods, pod, (o) => {
      o.metadata.finalizers = (o.metadata.finalizers ?? []).filter((f) => f !== TRACKING);
    })
    .catch((error: unknown) => {
      if (!(error instanceof ApiError && error.code === 404)) throw error;
    });
}

export const totals = (job: Job, status: JobStatus): { succeeded: number; failed: number } => ({
  succeeded: (status.succeeded ?? 0) + (isIndexed(job) ? 0 : (status.uncountedTerminatedPods?.succeeded?.length ?? 0)),
  failed: (status.failed ?? 0) + (status.uncountedTerminatedPods?.failed?.length ?? 0),
});
