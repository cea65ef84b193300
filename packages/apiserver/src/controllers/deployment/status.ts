import { equal } from '../../schema/schema.ts';
import { conditionOf, withCondition, withoutCondition } from '../conditions.ts';
import type { Context } from '../context.ts';
import { Deployments, type Condition, type Deployment, type DeploymentStatus, type ReplicaSet } from '../kube.ts';
import type { WorkQueue } from '../queue.ts';
import { counts } from '../replicaset.ts';
import { maxUnavailable, sum } from './replicas.ts';

/** The condition that a Deployment has of its progress has the time of the last one, too. */
function condition(c: Context, type: string, status: Condition['status'], reason: string, message: string): Condition {
  const now = c.timestamp();
  return { type, status, lastUpdateTime: now, lastTransitionTime: now, reason, message };
}

function basic(c: Context, d: Deployment, current: ReplicaSet | undefined, all: readonly ReplicaSet[]): DeploymentStatus {
  const available = sum(all, (s) => s.status?.availableReplicas);
  const { collisionCount, conditions } = d.status ?? {};
  const enough = available >= d.spec.replicas - maxUnavailable(d);
  return {
    observedGeneration: d.metadata.generation ?? 0,
    ...counts({
      replicas: sum(all, (s) => s.status?.replicas),
      updatedReplicas: current?.status?.replicas ?? 0,
      readyReplicas: sum(all, (s) => s.status?.readyReplicas),
      availableReplicas: available,
      unavailableReplicas: Math.max(0, sum(all, (s) => s.spec.replicas) - available),
    }),
    terminatingReplicas: sum(all, (s) => s.status?.terminatingReplicas),
    ...(collisionCount !== undefined && { collisionCount }),
    conditions: enough
      ? withCondition(conditions, condition(c, 'Available', 'True', 'MinimumReplicasAvailable', 'Deployment has minimum availability.'))
      : withCondition(
          conditions,
          condition(c, 'Available', 'False', 'MinimumReplicasUnavailable', 'Deployment does not have minimum availability.'),
        ),
  };
}

export function isComplete({ spec, metadata }: Deployment, status: DeploymentStatus = {}): boolean {
  const { replicas = 0, updatedReplicas = 0, availableReplicas = 0, observedGeneration = 0 } = status;
  return (
    [replicas, updatedReplicas, availableReplicas].every((n) => n === spec.replicas) && observedGeneration >= (metadata.generation ?? 0)
  );
}

function isProgressing({ status: old = {} }: Deployment, status: DeploymentStatus): boolean {
  const n = (s: DeploymentStatus, key: 'replicas' | 'updatedReplicas' | 'readyReplicas' | 'availableReplicas'): number => s[key] ?? 0;
  return (
    n(status, 'updatedReplicas') > n(old, 'updatedReplicas') ||
    n(status, 'replicas') - n(status, 'updatedReplicas') < n(old, 'replicas') - n(old, 'updatedReplicas') ||
    n(status, 'readyReplicas') > n(old, 'readyReplicas') ||
    n(status, 'availableReplicas') > n(old, 'availableReplicas')
  );
}

/** When the roll-out is late, in milliseconds since the epoch. */
const deadline = (d: Deployment, progressing: Condition): number =>
  Date.parse(progressing.lastUpdateTime ?? '') + (d.spec.progressDeadlineSeconds ?? 0) * 1000;

function isLate(c: Context, d: Deployment): boolean {
  const progressing = conditionOf(d.status?.conditions, 'Progressing');
  if (!progressing || progressing.reason === 'NewReplicaSetAvailable') return false;
  return progressing.reason === 'ProgressDeadlineExceeded' || c.clock.now() > deadline(d, progressing);
}

/** Writes the counts and conditions of a Deployment outside of a roll-out. */
export async function writeStatus(c: Context, d: Deployment, current: ReplicaSet | undefined, old: readonly ReplicaSet[]): Promise<void> {
  await write(c, d, basic(c, d, current, current ? [...old, current] : old));
}

/** The same with how far the roll-out is; comes back when it would be late. */
export async function writeProgress(
  c: Context,
  d: Deployment,
  current: ReplicaSet | undefined,
  old: readonly ReplicaSet[],
  queue: WorkQueue,
  key: string,
): Promise<void> {
  const all = current ? [...old, current] : [...old];
  const status = basic(c, d, current, all);
  const { progressDeadlineSeconds } = d.spec;
  const before = conditionOf(status.conditions, 'Progressing');
  const done = (status.replicas ?? 0) === (status.updatedReplicas ?? 0) && before?.reason === 'NewReplicaSetAvailable';
  const subject = current ? `ReplicaSet "${current.metadata.name}"` : `Deployment "${d.metadata.name}"`;
  if (progressDeadlineSeconds === undefined) status.conditions = withoutCondition(status.conditions, 'Progressing');
  else if (!done) {
    let now: Condition | undefined;
    if (isComplete(d, status))
      now = condition(c, 'Progressing', 'True', 'NewReplicaSetAvailable', `${subject} has successfully progressed.`);
    else if (isProgressing(d, status)) now = condition(c, 'Progressing', 'True', 'ReplicaSetUpdated', `${subject} is progressing.`);
    else if (isLate(c, d)) now = condition(c, 'Progressing', 'False', 'ProgressDeadlineExceeded', `${subject} has timed out progressing.`);
    if (now && (now.reason === 'ReplicaSetUpdated' || before?.reason !== now.reason || before?.status !== now.status)) {
      if (before?.status === now.status) now.lastTransitionTime = before.lastTransitionTime!;
      status.conditions = [...withoutCondition(status.conditions, 'Progressing'), now];
    }
  }
  const failure = all.map((s) => conditionOf(s.status?.conditions, 'ReplicaFailure')).find(Boolean);
  status.conditions = failure
    ? withCondition(status.conditions, { ...condition(c, 'ReplicaFailure', 'True', failure.reason ?? '', failure.message ?? '') })
    : withoutCondition(status.conditions, 'ReplicaFailure');
  await write(c, d, status);
  const progressing = conditionOf(status.conditions, 'Progressing');
  if (progressing && progressing.status === 'True' && progressing.reason !== 'NewReplicaSetAvailable' && !isComplete(d, status))
    queue.addAfter(key, deadline(d, progressing) - c.clock.now() + 1000);
}

async function write(c: Context, d: Deployment, status: DeploymentStatus): Promise<void> {
  if (equal(status, d.status)) return;
  await c.client.updateStatus(Deployments, d, (o) => {
    o.status = status;
  });
}
