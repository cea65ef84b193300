import type { Clock } from '../clock.ts';
import type { Job, Pod } from '../kube.ts';
import { isTracked } from './counting.ts';
import { indexOf, parseIndexes } from './indexes.ts';
import { delayAfter, finishedAt, hasFailed, ruleFor } from './outcome.ts';

const COUNTED = 'batch.kubernetes.io/job-index-failure-count';
const IGNORED = 'batch.kubernetes.io/job-index-ignored-failure-count';

/** Whether each index of the job may fail so often, and no more. */
export const hasIndexLimit = ({ spec }: Job): boolean => spec.backoffLimitPerIndex !== undefined;

const failures = ({ metadata }: Pod, name: string): number => Number(metadata.annotations?.[name] ?? 0);
const allFailures = (pod: Pod): number => failures(pod, COUNTED) + failures(pod, IGNORED);

/** Indexes that have failed for good, those of the status and those of which a pod that nobody counted yet says so. */
export function failedIndexes(job: Job, pods: readonly Pod[]): Set<number> {
  const found = parseIndexes(job.status?.failedIndexes);
  for (const pod of pods) {
    const index = indexOf(pod);
    if (index === undefined || index >= (job.spec.completions ?? 0) || !isTracked(pod) || !hasFailed(job, pod)) continue;
    const action = ruleFor(job, pod)?.rule.action;
    const isOver = action !== 'Ignore' && failures(pod, COUNTED) >= (job.spec.backoffLimitPerIndex ?? Infinity);
    if (action === 'FailIndex' || isOver) found.add(index);
  }
  return found;
}

/** Of each index the pod that failed last. */
export function lastFailures(job: Job, pods: readonly Pod[]): Map<number, Pod> {
  const found = new Map<number, Pod>();
  for (const pod of pods) {
    const index = indexOf(pod);
    if (index === undefined || !hasFailed(job, pod)) continue;
    const other = found.get(index);
    if (!other || allFailures(pod) >= allFailures(other)) found.set(index, pod);
  }
  return found;
}

/** Milliseconds until the index of a pod that failed may be tried again. */
export const indexBackOff = (pod: Pod, clock: Clock): number =>
  Math.max(0, finishedAt(pod) + delayAfter(allFailures(pod) + 1) - clock.now());

/** What a pod knows of those of its index before it, of which `last` failed last. */
export function failureCounts(job: Job, last: Pod | undefined): Record<string, string> {
  if (!hasIndexLimit(job)) return {};
  const isIgnored = last !== undefined && ruleFor(job, last)?.rule.action === 'Ignore';
  const of = (name: string, more: boolean): number => (last ? failures(last, name) + Number(more) : 0);
  const ignored = of(IGNORED, isIgnored);
  return { [COUNTED]: String(of(COUNTED, !isIgnored)), ...(ignored > 0 && { [IGNORED]: String(ignored) }) };
}
