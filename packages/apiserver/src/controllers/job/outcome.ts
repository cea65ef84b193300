import type { Clock } from '../clock.ts';
import { isTrue } from '../conditions.ts';
import type { ContainerStatus, Job, Pod, PodFailureRule } from '../kube.ts';
import { isTerminating } from '../pods.ts';
import { isIndexed, parseIndexes } from './indexes.ts';

const FIRST_BACK_OFF = 10_000;
const LAST_BACK_OFF = 600_000;

export const hasFailed = (job: Job, pod: Pod): boolean =>
  pod.status?.phase === 'Failed' ||
  // A pod that is deleted counts as failed: where its node is gone it never says so itself.
  (isTerminating(pod) &&
    pod.status?.phase !== 'Succeeded' &&
    (job.spec.podReplacementPolicy !== 'Failed' || pod.status?.phase === 'Pending'));

export const isEnded = ({ status }: Job): boolean => isTrue(status?.conditions, 'Complete') || isTrue(status?.conditions, 'Failed');

const statuses = ({ status }: Pod): ContainerStatus[] => [...(status?.initContainerStatuses ?? []), ...(status?.containerStatuses ?? [])];

export function finishedAt(pod: Pod): number {
  const times = statuses(pod).flatMap((s) => (s.state?.terminated?.finishedAt ? [Date.parse(s.state.terminated.finishedAt)] : []));
  return times.length > 0 ? Math.max(...times) : Date.parse(pod.metadata.deletionTimestamp ?? pod.metadata.creationTimestamp);
}

/** Milliseconds until a failed pod may be followed by another: the longer the more failed one after the other. */
export function backOff(job: Job, pods: readonly Pod[], clock: Clock): number {
  const success = Math.max(0, ...pods.filter((p) => p.status?.phase === 'Succeeded').map(finishedAt));
  const failures = pods
    .filter((p) => hasFailed(job, p) && p.status?.phase === 'Failed')
    .map(finishedAt)
    .filter((t) => t >= success);
  if (failures.length === 0) return 0;
  return Math.max(0, Math.max(...failures) + delayAfter(failures.length) - clock.now());
}

/** Milliseconds between the last of so many failures in a row and the next try. */
export const delayAfter = (failures: number): number => Math.min(FIRST_BACK_OFF * 2 ** (failures - 1), LAST_BACK_OFF);

export interface Outcome {
  reason: string;
  message: string;
}

/** Why the job has failed, if it has. */
export function failureOf(job: Job, pods: readonly Pod[], failed: number, clock: Clock): Outcome | undefined {
  const { spec, status } = job;
  for (const pod of pods) {
    const ruled = pod.status?.phase === 'Failed' ? ruleFor(job, pod) : undefined;
    if (ruled?.rule.action === 'FailJob') return { reason: 'PodFailurePolicy', message: ruled.message };
  }
  const restarts = spec.template.spec.restartPolicy === 'OnFailure' ? sumRestarts(pods) : 0;
  if (failed > spec.backoffLimit || (spec.backoffLimit === 0 ? restarts > 0 : restarts >= spec.backoffLimit && restarts > 0))
    return { reason: 'BackoffLimitExceeded', message: 'Job has reached the specified backoff limit' };
  const failedForGood = parseIndexes(status?.failedIndexes).size;
  if (failedForGood > (spec.maxFailedIndexes ?? Infinity))
    return { reason: 'MaxFailedIndexesExceeded', message: 'Job has exceeded the specified maximal number of failed indexes' };
  if (failedForGood > 0 && failedForGood + parseIndexes(status?.completedIndexes).size >= (spec.completions ?? 0))
    return { reason: 'FailedIndexes', message: 'Job has failed indexes' };
  if (!spec.suspend && remaining(job, clock) === 0 && status?.startTime)
    return { reason: 'DeadlineExceeded', message: 'Job was active longer than specified deadline' };
  return undefined;
}

/** Milliseconds until the job's deadline; undefined without one. */
export function remaining({ spec, status }: Job, clock: Clock): number | undefined {
  if (spec.activeDeadlineSeconds === undefined || !status?.startTime) return undefined;
  return Math.max(0, Date.parse(status.startTime) + spec.activeDeadlineSeconds * 1000 - clock.now());
}

const sumRestarts = (pods: readonly Pod[]): number =>
  pods
    .filter((p) => p.status?.phase === 'Running' || p.status?.phase === 'Pending')
    .reduce((n, p) => n + statuses(p).reduce((m, s) => m + s.restartCount, 0), 0);

/** The first rule of the failure policy that a failed pod meets. */
export function ruleFor({ spec }: Job, pod: Pod): { rule: PodFailureRule; message: string } | undefined {
  const { name, namespace } = pod.metadata;
  for (const [i, rule] of (spec.podFailurePolicy?.rules ?? []).entries()) {
    const end = `matching ${rule.action} rule at index ${i}`;
    const { onExitCodes: codes, onPodConditions: conditions } = rule;
    if (codes) {
      const met = statuses(pod).find((s) => {
        const code = s.state?.terminated?.exitCode;
        if (!code || (codes.containerName !== undefined && codes.containerName !== s.name)) return false;
        return codes.values.includes(code) === (codes.operator === 'In');
      });
      if (met)
        return {
          rule,
          message: `Container ${met.name} for pod ${namespace}/${name} failed with exit code ${met.state?.terminated?.exitCode} ${end}`,
        };
    }
    const met = conditions?.find((w) => pod.status?.conditions?.some((x) => x.type === w.type && x.status === (w.status ?? 'True')));
    if (met) return { rule, message: `Pod ${namespace}/${name} has condition ${met.type} ${end}` };
  }
  return undefined;
}

/** Why the job has succeeded, if it has: by its policy, or since enough pods have. */
export function successOf(job: Job, succeeded: number, active: number): Outcome | undefined {
  const completed = parseIndexes(job.status?.completedIndexes);
  const rule = (job.spec.successPolicy?.rules ?? []).findIndex(({ succeededIndexes, succeededCount }) => {
    const asked = succeededIndexes === undefined ? completed : parseIndexes(succeededIndexes);
    const met = [...asked].filter((index) => completed.has(index)).length;
    return met > 0 && met >= (succeededCount ?? asked.size);
  });
  if (rule >= 0) return { reason: 'SuccessPolicy', message: `Matched rules at index ${rule}` };
  return isComplete(job, succeeded, completed.size, active)
    ? { reason: 'CompletionsReached', message: 'Reached expected number of succeeded pods' }
    : undefined;
}

/** Whether enough pods have succeeded. */
function isComplete(job: Job, succeeded: number, completedIndexes: number, active: number): boolean {
  const { completions } = job.spec;
  if (isIndexed(job)) return completedIndexes >= (completions ?? 0);
  return completions === undefined ? succeeded > 0 && active === 0 : succeeded >= completions;
}
