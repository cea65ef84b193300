import type { Deployment, ReplicaSet } from '../kube.ts';

export const sum = (sets: readonly ReplicaSet[], of: (set: ReplicaSet) => number | undefined): number =>
  sets.reduce((n, s) => n + (of(s) ?? 0), 0);

/** How many pods of a whole a number or a percentage is. */
export function scaled(value: number | string | undefined, total: number, round: (n: number) => number): number {
  if (value === undefined) return 0;
  return typeof value === 'number' ? value : round((Number.parseFloat(value) / 100) * total);
}

const isRolling = ({ spec }: Deployment): boolean => spec.strategy.type === 'RollingUpdate';

/** Pods above the wanted number, and pods missing from it, that a roll-out may have. */
export function fences(d: Deployment): { surge: number; unavailable: number } {
  if (!isRolling(d)) return { surge: 0, unavailable: 0 };
  const { maxSurge, maxUnavailable } = d.spec.strategy.rollingUpdate ?? {};
  const surge = scaled(maxSurge, d.spec.replicas, Math.ceil);
  const unavailable = scaled(maxUnavailable, d.spec.replicas, Math.floor);
  // Both may become 0 by rounding; then nothing would ever move.
  return { surge, unavailable: surge === 0 && unavailable === 0 ? 1 : unavailable };
}

export const maxUnavailable = (d: Deployment): number =>
  isRolling(d) && d.spec.replicas > 0 ? Math.min(fences(d).unavailable, d.spec.replicas) : 0;

/** Replicas that the new ReplicaSet may have now. */
export function newReplicas(d: Deployment, all: readonly ReplicaSet[], current: number): number {
  if (!isRolling(d)) return d.spec.replicas;
  const room = d.spec.replicas + fences(d).surge - sum(all, (s) => s.spec.replicas);
  return room <= 0 ? current : current + Math.min(room, d.spec.replicas - current);
}

const DESIRED = 'deployment.kubernetes.io/desired-replicas';
const MAX = 'deployment.kubernetes.io/max-replicas';

export const desiredOf = ({ metadata }: ReplicaSet): number | undefined => {
  const text = metadata.annotations?.[DESIRED];
  return text === undefined ? undefined : Number(text);
};

/** What a ReplicaSet notes of its Deployment's size, so that a change of it can be told. */
export const sizeNotes = (d: Deployment): Record<string, string> => ({
  [DESIRED]: String(d.spec.replicas),
  [MAX]: String(d.spec.replicas + fences(d).surge),
});

export const hasNotes = (set: ReplicaSet, notes: Record<string, string>): boolean =>
  Object.entries(notes).every(([key, value]) => set.metadata.annotations?.[key] === value);

/** What a ReplicaSet gets of `toAdd` more (or fewer) replicas, as its part of all. */
export function proportion(set: ReplicaSet, d: Deployment, toAdd: number, added: number): number {
  if (set.spec.replicas === 0 || toAdd === 0 || toAdd === added) return 0;
  let fraction: number;
  if (d.spec.replicas === 0) fraction = -set.spec.replicas;
  else {
    const before = Number(set.metadata.annotations?.[MAX] ?? d.status?.replicas ?? 0);
    fraction = before === 0 ? 0 : Math.round((set.spec.replicas * (d.spec.replicas + fences(d).surge)) / before) - set.spec.replicas;
  }
  const allowed = toAdd - added;
  return toAdd > 0 ? Math.min(fraction, allowed) : Math.max(fraction, allowed);
}

const created = ({ metadata }: ReplicaSet): string => metadata.creationTimestamp;
const byText = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

export const byAge = (a: ReplicaSet, b: ReplicaSet): number => byText(created(a), created(b)) || byText(a.metadata.name, b.metadata.name);
export const bySizeNewer = (a: ReplicaSet, b: ReplicaSet): number => b.spec.replicas - a.spec.replicas || byAge(b, a);
export const bySizeOlder = (a: ReplicaSet, b: ReplicaSet): number => b.spec.replicas - a.spec.replicas || byAge(a, b);
