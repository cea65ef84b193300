import { ApiError } from '../../http/errors.ts';
import { equal } from '../../schema/schema.ts';
import { isTrue } from '../conditions.ts';
import type { Context, Controller } from '../context.ts';
import { apiVersionOf, controllerOf, controllerRef, CronJobs, Jobs, keyOf, splitKey, type CronJob, type Job } from '../kube.ts';
import { isTerminating } from '../pods.ts';
import type { WorkQueue } from '../queue.ts';
import { isEnded } from './outcome.ts';
import { parseSchedule } from './schedule.ts';

/** Makes jobs when their time comes. */
export const cronJobController: Controller = {
  name: 'cronjob-controller',
  start(c) {
    const queue: WorkQueue = c.queue((key) => sync(c, queue, key));
    c.informer(CronJobs).on((now) => {
      if (now) queue.add(keyOf(now));
    });
    c.informer(Jobs).on((now, before) => {
      const ref = controllerOf((now ?? before)!);
      if (ref?.kind === CronJobs.kind) queue.add(`${(now ?? before)!.metadata.namespace}/${ref.name}`);
    });
  },
};

const refOf = ({
  metadata: { namespace = '', name, uid, resourceVersion },
}: Job): NonNullable<NonNullable<CronJob['status']>['active']>[number] => ({
  kind: Jobs.kind,
  namespace,
  name,
  uid,
  apiVersion: apiVersionOf(Jobs),
  resourceVersion,
});

async function sync(c: Context, queue: WorkQueue, key: string): Promise<void> {
  const cron = c.informer(CronJobs).get(...splitKey(key));
  if (!cron || isTerminating(cron)) return;
  const jobs = c.informer(Jobs).controlledBy(cron.metadata.uid);
  const status: NonNullable<CronJob['status']> = { ...cron.status };
  const known = status.active ?? [];
  for (const job of jobs.filter((j) => isEnded(j) && known.some((a) => a.uid === j.metadata.uid))) {
    const how = isTrue(job.status?.conditions, 'Complete') ? 'Complete' : 'Failed';
    c.event(CronJobs, cron, 'Normal', 'SawCompletedJob', `Saw completed job: ${job.metadata.name}, condition: ${how}`);
    const at = job.status?.completionTime;
    if (how === 'Complete' && at && at > (status.lastSuccessfulTime ?? '')) status.lastSuccessfulTime = at;
  }
  await forget(c, cron, jobs);
  let running = jobs.filter((j) => !isEnded(j));
  const due = cron.spec.suspend ? undefined : dueTime(c, queue, key, cron);
  if (due !== undefined) running = await begin(c, cron, running, due, status);
  // A reference that stands for the same job keeps the version it was made with.
  const active = running.map((j) => known.find((a) => a.uid === j.metadata.uid) ?? refOf(j));
  if (active.length > 0) status.active = active;
  else delete status.active;
  if (equal(status, cron.status ?? {})) return;
  await c.client.updateStatus(CronJobs, cron, (o) => {
    o.status = status;
  });
}

/** The time that has come and for which there was no job yet; comes back for the next one. */
function dueTime(c: Context, queue: WorkQueue, key: string, { spec, status, metadata }: CronJob): number | undefined {
  const schedule = parseSchedule(spec.schedule, spec.timeZone);
  const now = c.clock.now();
  const next = schedule.next(now);
  if (next !== undefined) queue.addAfter(key, next - now);
  let from = Date.parse(status?.lastScheduleTime ?? metadata.creationTimestamp);
  if (spec.startingDeadlineSeconds !== undefined) from = Math.max(from, now - spec.startingDeadlineSeconds * 1000);
  return schedule.last(from, now);
}

/** Makes the job of a time, if those that still run allow it; gives those that run then. */
async function begin(c: Context, cron: CronJob, running: Job[], due: number, status: NonNullable<CronJob['status']>): Promise<Job[]> {
  const { concurrencyPolicy, jobTemplate } = cron.spec;
  if (concurrencyPolicy === 'Forbid' && running.length > 0) {
    c.event(
      CronJobs,
      cron,
      'Normal',
      'JobAlreadyActive',
      'Not starting job because prior execution is running and concurrency policy is Forbid',
    );
    return running;
  }
  if (concurrencyPolicy === 'Replace') {
    for (const job of running) {
      await c.client.delete(Jobs, job, { propagationPolicy: 'Background' });
      c.event(CronJobs, cron, 'Normal', 'SuccessfulDelete', `Deleted job ${job.metadata.name}`);
    }
  }
  const left = concurrencyPolicy === 'Replace' ? [] : running;
  const { name, namespace = '' } = cron.metadata;
  const { labels, annotations } = jobTemplate.metadata ?? {};
  status.lastScheduleTime = c.timestamp(due);
  try {
    const job = await c.client.create(Jobs, {
      metadata: {
        // The same time makes the same name: it is made once, whoever was killed meanwhile.
        name: `${name}-${Math.floor(due / 60_000)}`,
        namespace,
        ...(labels && { labels }),
        annotations: { ...annotations, 'batch.kubernetes.io/cronjob-scheduled-timestamp': c.timestamp(due) },
        ownerReferences: [controllerRef(CronJobs, cron)],
      },
      spec: structuredClone(jobTemplate.spec),
    });
    c.event(CronJobs, cron, 'Normal', 'SuccessfulCreate', `Created job ${job.metadata.name}`);
    return [...left, job];
  } catch (error) {
    if (error instanceof ApiError && error.reason === 'AlreadyExists') return left;
    c.event(CronJobs, cron, 'Warning', 'FailedCreate', `Error creating job: ${(error as Error).message}`);
    throw error;
  }
}

/** Deletes the oldest jobs above the limits. */
async function forget(c: Context, { spec }: CronJob, jobs: readonly Job[]): Promise<void> {
  const oldest = (type: string): Job[] =>
    jobs
      .filter((j) => isTrue(j.status?.conditions, type))
      .sort((a, b) => ((a.status?.startTime ?? '') < (b.status?.startTime ?? '') ? -1 : 1));
  for (const [type, limit] of [
    ['Complete', spec.successfulJobsHistoryLimit ?? 3],
    ['Failed', spec.failedJobsHistoryLimit ?? 1],
  ] as const) {
    const ended = oldest(type);
    for (const job of ended.slice(0, Math.max(0, ended.length - limit)))
      await c.client.delete(Jobs, job, { propagationPolicy: 'Background' });
  }
}
