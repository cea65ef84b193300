import { conditionOf, withCondition } from '../conditions.ts';
import type { Context, Controller } from '../context.ts';
import { controllerOf, Deployments, keyOf, Pods, ReplicaSets, splitKey, type Deployment, type ReplicaSet } from '../kube.ts';
import { claim } from '../ownership.ts';
import { watchDependents, watchOwn } from '../owners.ts';
import { isFinished, isTerminating } from '../pods.ts';
import type { WorkQueue } from '../queue.ts';
import { desiredOf } from './replicas.ts';
import { revisionOf, revisions } from './revisions.ts';
import { growNew, resize, scale, shrinkOld } from './scale.ts';
import { isComplete, writeProgress, writeStatus } from './status.ts';

/** Brings pods from one template to the next, a ReplicaSet each. */
export const deploymentController: Controller = {
  name: 'deployment-controller',
  start(c) {
    const queue: WorkQueue = c.queue((key) => sync(c, queue, key));
    watchOwn(c, Deployments, queue);
    watchDependents(c, Deployments, ReplicaSets, queue);
    // Recreate waits for the last pod of the old template to be gone.
    c.informer(Pods).on((now, before) => {
      const ref = !now && before ? controllerOf(before) : undefined;
      const set = ref?.kind === 'ReplicaSet' ? c.informer(ReplicaSets).get(before!.metadata.namespace ?? '', ref.name) : undefined;
      const owner = set && controllerOf(set);
      const d = owner?.kind === 'Deployment' ? c.informer(Deployments).get(set!.metadata.namespace ?? '', owner.name) : undefined;
      if (d?.spec.strategy.type === 'Recreate') queue.add(keyOf(d));
    });
  },
};

async function sync(c: Context, queue: WorkQueue, key: string): Promise<void> {
  let d = c.informer(Deployments).get(...splitKey(key));
  if (!d) return;
  const sets = await claim(c, Deployments, d, d.spec.selector, ReplicaSets);
  if (isTerminating(d)) {
    const r = await revisions(c, d, sets, false);
    return writeStatus(c, r.deployment, r.current, r.old);
  }
  d = await notePause(c, d);
  const resized = sets.some((s) => s.spec.replicas > 0 && desiredOf(s) !== undefined && desiredOf(s) !== d!.spec.replicas);
  if (d.spec.paused || resized) {
    const r = await revisions(c, d, sets, false);
    await scale(c, r.deployment, r.current, r.old);
    if (d.spec.paused) await forget(c, r.deployment, r.old);
    const { current, old } = latest(c, r.current, r.old);
    return writeStatus(c, r.deployment, current, old);
  }
  const r = d.spec.strategy.type === 'Recreate' ? await recreate(c, d, sets) : await roll(c, d, sets);
  const { current, old } = latest(c, r.current, r.old);
  await writeProgress(c, r.deployment, current, old, queue, key);
}

/** The same ReplicaSets as they are after what was written. */
function latest(
  c: Context,
  current: ReplicaSet | undefined,
  old: readonly ReplicaSet[],
): { current: ReplicaSet | undefined; old: ReplicaSet[] } {
  const now = (s: ReplicaSet): ReplicaSet => c.informer(ReplicaSets).get(s.metadata.namespace ?? '', s.metadata.name) ?? s;
  return { current: current && now(current), old: old.map(now) };
}

type Rolled = Awaited<ReturnType<typeof revisions>>;

async function roll(c: Context, d: Deployment, sets: readonly ReplicaSet[]): Promise<Rolled> {
  const r = await revisions(c, d, sets, true);
  const current = r.current!;
  if (await growNew(c, r.deployment, current, [...r.old, current])) return r;
  if (await shrinkOld(c, r.deployment, current, r.old)) return r;
  if (isComplete(r.deployment, r.deployment.status)) await forget(c, r.deployment, r.old);
  return r;
}

async function recreate(c: Context, d: Deployment, sets: readonly ReplicaSet[]): Promise<Rolled> {
  let r = await revisions(c, d, sets, false);
  let any = false;
  for (const set of r.old) if (set.spec.replicas > 0) any = (await resize(c, r.deployment, set, 0)) || any;
  if (any) return r;
  const running = r.old.some((s) =>
    c
      .informer(Pods)
      .controlledBy(s.metadata.uid)
      .some((pod) => !isFinished(pod)),
  );
  if (running) return r;
  if (!r.current) r = await revisions(c, r.deployment, sets, true);
  await resize(c, r.deployment, r.current!, r.deployment.spec.replicas);
  if (isComplete(r.deployment, r.deployment.status)) await forget(c, r.deployment, r.old);
  return r;
}

/** Says in the conditions that the roll-out stands, or goes on: its time does not run meanwhile. */
async function notePause(c: Context, d: Deployment): Promise<Deployment> {
  if (d.spec.progressDeadlineSeconds === undefined) return d;
  const before = conditionOf(d.status?.conditions, 'Progressing');
  if (before?.reason === 'ProgressDeadlineExceeded') return d;
  const isNoted = before?.reason === 'DeploymentPaused';
  if (Boolean(d.spec.paused) === isNoted) return d;
  const now = c.timestamp();
  const reason = d.spec.paused ? 'DeploymentPaused' : 'DeploymentResumed';
  const message = d.spec.paused ? 'Deployment is paused' : 'Deployment is resumed';
  return c.client.updateStatus(Deployments, d, (o) => {
    const condition = { type: 'Progressing', status: 'Unknown' as const, lastUpdateTime: now, lastTransitionTime: now, reason, message };
    o.status = { ...o.status, conditions: withCondition(o.status?.conditions, condition) };
  });
}

/** Deletes the oldest of the empty ReplicaSets above the limit. */
async function forget(c: Context, d: Deployment, old: readonly ReplicaSet[]): Promise<void> {
  const alive = old.filter((s) => !isTerminating(s)).sort((a, b) => revisionOf(a) - revisionOf(b));
  const excess = alive.slice(0, Math.max(0, alive.length - (d.spec.revisionHistoryLimit ?? 10)));
  for (const set of excess) {
    const isEmpty = set.spec.replicas === 0 && (set.status?.replicas ?? 0) === 0;
    if (isEmpty && (set.metadata.generation ?? 0) <= (set.status?.observedGeneration ?? 0)) await c.client.delete(ReplicaSets, set);
  }
}
