import { ApiError } from '../http/errors.ts';
import type { Draft } from './client.ts';
import { conditionOf, isTrue, withCondition } from './conditions.ts';
import type { Context } from './context.ts';
import { Pods, type Any, type Condition, type Kind, type KubeObject, type OwnerReference, type Pod, type PodTemplate } from './kube.ts';

export const isFinished = ({ status }: Pod): boolean => status?.phase === 'Succeeded' || status?.phase === 'Failed';
export const isTerminating = ({ metadata }: KubeObject): boolean => metadata.deletionTimestamp !== undefined;
/** Neither ended nor being deleted: it counts as one of the replicas. */
export const isActive = (pod: Pod): boolean => !isFinished(pod) && !isTerminating(pod);
export const isReady = ({ status }: Pod): boolean => isTrue(status?.conditions, 'Ready');
export const isRunningAndReady = (pod: Pod): boolean => pod.status?.phase === 'Running' && isReady(pod);

const nodeOf = ({ spec }: Pod): string | undefined => spec.nodeName || undefined;

/** The pods that are bound to a node. */
export const podsOn = (c: Context, node: string): Pod[] => c.informer(Pods).by(nodeOf, node);

/** Notes why a pod is about to go through no doing of its own, then has it deleted. */
export async function disrupt(
  c: Context,
  pod: Pod,
  reason: string,
  message: string,
  options: { phase?: 'Failed'; now?: boolean } = {},
): Promise<void> {
  try {
    await c.client.modify(
      Pods,
      pod,
      (o) => {
        const condition = { type: 'DisruptionTarget', status: 'True' as const, reason, message, lastTransitionTime: c.timestamp() };
        o.status = { ...o.status, conditions: withCondition(o.status?.conditions, condition) };
        if (options.phase && !isFinished(o)) o.status.phase = options.phase;
      },
      'status',
    );
    await c.client.delete(Pods, pod, options.now ? { gracePeriodSeconds: 0 } : {});
  } catch (error) {
    if (!(error instanceof ApiError && error.code === 404)) throw error;
  }
}

const readySince = ({ status }: Pod): number => Date.parse(conditionOf(status?.conditions, 'Ready')?.lastTransitionTime ?? '') || 0;

/** Milliseconds until the pod, if it stays ready, has been so for long enough; 0: it is available; undefined: it is not ready. */
export function availableIn(pod: Pod, minReadySeconds: number | undefined, now: number): number | undefined {
  if (!isReady(pod)) return undefined;
  return minReadySeconds ? Math.max(0, readySince(pod) + minReadySeconds * 1000 - now) : 0;
}

/** A pod's draft from the template of the one that is to manage it. */
export function podOf(
  template: PodTemplate,
  namespace: string,
  owner: OwnerReference,
  name: { name?: string; generateName: string },
): Draft<Pod> {
  const { labels, annotations, finalizers } = structuredClone(template.metadata ?? {});
  return {
    metadata: {
      ...name,
      namespace,
      ...(labels && { labels }),
      ...(annotations && { annotations }),
      ...(finalizers && { finalizers }),
      ownerReferences: [owner],
    },
    spec: structuredClone(template.spec),
  };
}

/** Creates a pod for `about`, and tells of it; a namespace that is going is no news. */
export async function createPod(c: Context, kind: Kind<Any>, about: KubeObject, draft: Draft<Pod>): Promise<Pod> {
  try {
    const pod = await c.client.create(Pods, draft);
    c.event(kind, about, 'Normal', 'SuccessfulCreate', `Created pod: ${pod.metadata.name}`);
    return pod;
  } catch (error) {
    if (!isNamespaceTerminating(error) && !(error instanceof ApiError && error.reason === 'AlreadyExists'))
      c.event(kind, about, 'Warning', 'FailedCreate', `Error creating: ${(error as Error).message}`);
    throw error;
  }
}

export async function deletePod(c: Context, kind: Kind<Any>, about: KubeObject, pod: Pod): Promise<void> {
  try {
    await c.client.delete(Pods, pod);
    c.event(kind, about, 'Normal', 'SuccessfulDelete', `Deleted pod: ${pod.metadata.name}`);
  } catch (error) {
    c.event(kind, about, 'Warning', 'FailedDelete', `Error deleting: ${(error as Error).message}`);
    throw error;
  }
}

export const isNamespaceTerminating = (error: unknown): boolean =>
  error instanceof ApiError && JSON.stringify(error.details ?? {}).includes('"NamespaceTerminating"');

/** Calls `make` so many times, in batches that double as long as all goes well. @throws the first failure, after its batch */
export async function slowStart(count: number, make: (index: number) => Promise<unknown>): Promise<void> {
  for (let done = 0, size = 1; done < count; done += size, size = Math.min(size * 2, count - done) || 1) {
    const batch = Math.min(size, count - done);
    const results = await Promise.allSettled(Array.from({ length: batch }, (_, i) => make(done + i)));
    const failed = results.find((r) => r.status === 'rejected');
    if (failed) throw failed.reason;
  }
}

const PHASES: Record<string, number> = { Pending: 0, Unknown: 1, Running: 2 };
const restarts = ({ status }: Pod): number =>
  [...(status?.containerStatuses ?? []), ...(status?.initContainerStatuses ?? [])].reduce((n, s) => Math.max(n, s.restartCount), 0);
const cost = ({ metadata }: Pod): number => Number(metadata.annotations?.['controller.kubernetes.io/pod-deletion-cost'] ?? 0) || 0;
/** Times that differ little count as equal, the less the younger they are. */
const logAge = (since: number, now: number): number => (now - since <= 0 ? -1 : Math.floor(Math.log2((now - since) / 1000 || 1e-9)));

/**
 * Which pod goes first where there are too many: what did least so far, and what shares its node with most others of its kind.
 * @param crowd how many pods of the same purpose are on its node
 */
export function byDeletionOrder(crowd: (pod: Pod) => number, now: number): (a: Pod, b: Pod) => number {
  return (a, b) =>
    Number(Boolean(a.spec.nodeName)) - Number(Boolean(b.spec.nodeName)) ||
    (PHASES[a.status?.phase ?? 'Pending'] ?? 0) - (PHASES[b.status?.phase ?? 'Pending'] ?? 0) ||
    Number(isReady(a)) - Number(isReady(b)) ||
    cost(a) - cost(b) ||
    crowd(b) - crowd(a) ||
    (isReady(a) ? logAge(readySince(a), now) - logAge(readySince(b), now) : 0) ||
    restarts(b) - restarts(a) ||
    logAge(Date.parse(a.metadata.creationTimestamp), now) - logAge(Date.parse(b.metadata.creationTimestamp), now) ||
    (a.metadata.uid < b.metadata.uid ? -1 : 1);
}

/** What a controller says of pods that it could not create or delete. */
export const replicaFailure = (reason: string, error: unknown, now: string): Condition => ({
  type: 'ReplicaFailure',
  status: 'True',
  lastTransitionTime: now,
  reason,
  message: (error as Error).message,
});
