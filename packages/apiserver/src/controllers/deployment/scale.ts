import type { Context } from '../context.ts';
import { Deployments, ReplicaSets, type Deployment, type ReplicaSet } from '../kube.ts';
import { byAge, bySizeNewer, bySizeOlder, fences, hasNotes, maxUnavailable, newReplicas, proportion, sizeNotes, sum } from './replicas.ts';

/** Gives a ReplicaSet this size, and notes the Deployment's in it; whether that was another one. */
export async function resize(c: Context, d: Deployment, set: ReplicaSet, size: number): Promise<boolean> {
  const notes = sizeNotes(d);
  const { replicas } = set.spec;
  if (replicas === size && hasNotes(set, notes)) return false;
  await c.client.update(ReplicaSets, set, (o) => {
    o.spec.replicas = size;
    o.metadata.annotations = { ...o.metadata.annotations, ...notes };
  });
  if (replicas === size) return false;
  const which = size > replicas ? 'up' : 'down';
  c.event(Deployments, d, 'Normal', 'ScalingReplicaSet', `Scaled ${which} replica set ${set.metadata.name} from ${replicas} to ${size}`);
  return true;
}

/** Follows a change of the Deployment's size outside of a roll-out's steps: all of its ReplicaSets get their part. */
export async function scale(c: Context, d: Deployment, current: ReplicaSet | undefined, old: readonly ReplicaSet[]): Promise<void> {
  const all = current ? [...old, current] : [...old];
  const active = all.filter((s) => s.spec.replicas > 0);
  const only = active.length === 1 ? active[0] : active.length === 0 ? (current ?? [...old].sort(byAge).at(-1)) : undefined;
  if (only) {
    if (only.spec.replicas !== d.spec.replicas) await resize(c, d, only, d.spec.replicas);
    return;
  }
  if (current && isSaturated(d, current)) {
    for (const set of old.filter((s) => s.spec.replicas > 0)) await resize(c, d, set, 0);
    return;
  }
  if (d.spec.strategy.type !== 'RollingUpdate') return;
  const allowed = d.spec.replicas > 0 ? d.spec.replicas + fences(d).surge : 0;
  const toAdd = allowed - sum(active, (s) => s.spec.replicas);
  const sorted = [...active].sort(toAdd > 0 ? bySizeNewer : bySizeOlder);
  let added = 0;
  const sizes = sorted.map((set) => {
    const part = proportion(set, d, toAdd, added);
    added += part;
    return set.spec.replicas + part;
  });
  for (const [i, set] of sorted.entries()) await resize(c, d, set, Math.max(0, sizes[i]! + (i === 0 ? toAdd - added : 0)));
}

/** The new ReplicaSet has all there is to have. */
function isSaturated(d: Deployment, set: ReplicaSet): boolean {
  const { replicas } = d.spec;
  return (
    set.spec.replicas === replicas &&
    Number(set.metadata.annotations?.['deployment.kubernetes.io/desired-replicas']) === replicas &&
    (set.status?.availableReplicas ?? 0) === replicas
  );
}

/** A step of a rolling update's growing half; whether there was one to take. */
export async function growNew(c: Context, d: Deployment, current: ReplicaSet, all: readonly ReplicaSet[]): Promise<boolean> {
  const { replicas } = current.spec;
  if (replicas === d.spec.replicas) return false;
  return resize(c, d, current, replicas > d.spec.replicas ? d.spec.replicas : newReplicas(d, all, replicas));
}

/** A step of the shrinking half: what never became available goes first, then as much as leaves enough available. */
export async function shrinkOld(c: Context, d: Deployment, current: ReplicaSet, old: readonly ReplicaSet[]): Promise<boolean> {
  if (sum(old, (s) => s.spec.replicas) === 0) return false;
  const all = [...old, current];
  const leastAvailable = d.spec.replicas - maxUnavailable(d);
  const unavailable = current.spec.replicas - (current.status?.availableReplicas ?? 0);
  let room = sum(all, (s) => s.spec.replicas) - leastAvailable - unavailable;
  if (room <= 0) return false;
  const sizes = new Map(old.map((s) => [s, s.spec.replicas]));
  const sorted = [...old].sort(byAge);
  for (const set of sorted) {
    const available = set.status?.availableReplicas ?? 0;
    const less = Math.min(room, Math.max(0, set.spec.replicas - available));
    sizes.set(set, set.spec.replicas - less);
    room -= less;
  }
  let spare = sum(all, (s) => s.status?.availableReplicas) - leastAvailable;
  for (const set of sorted) {
    const less = Math.min(Math.max(0, spare), sizes.get(set)!);
    sizes.set(set, sizes.get(set)! - less);
    spare -= less;
  }
  let any = false;
  for (const [set, size] of sizes) if (size !== set.spec.replicas) any = (await resize(c, d, set, size)) || any;
  return any;
}
