import type { Context, Controller } from './context.ts';
import { keyOf, Nodes, Pods, splitKey, type Pod } from './kube.ts';
import { disrupt, isFinished, isTerminating, podsOn } from './pods.ts';
import type { WorkQueue } from './queue.ts';

/** Milliseconds that a node may be away before its pods are given up. */
const QUARANTINE = 40_000;
/** Pods that have ended are kept up to this number. */
const KEPT = 12_500;

/** Removes pods that no kubelet ends any more, and the oldest of very many that have ended. */
export const podGarbageCollector: Controller = {
  name: 'pod-garbage-collector-controller',
  component: 'pod-garbage-collector',
  start(c) {
    const gone = new Map<string, number>();
    let ended = 0;
    const queue: WorkQueue = c.queue((key) => sync(c, queue, gone, () => ended > KEPT, key));
    const missing = (node: string): void => {
      if (!gone.has(node)) gone.set(node, c.clock.now());
    };
    c.informer(Nodes).on((now, before) => {
      const { name } = (now ?? before)!.metadata;
      if (now) gone.delete(name);
      else {
        missing(name);
        for (const pod of podsOn(c, name)) queue.add(keyOf(pod));
      }
    });
    c.informer(Pods).on((now, before) => {
      ended += Number(Boolean(now && isFinished(now))) - Number(Boolean(before && isFinished(before)));
      if (!now) return;
      if (now.spec.nodeName && !c.informer(Nodes).get('', now.spec.nodeName)) missing(now.spec.nodeName);
      if (now.spec.nodeName ? gone.has(now.spec.nodeName) : isTerminating(now)) queue.add(keyOf(now));
      if (ended > KEPT) queue.add(keyOf(oldestEnded(c)!));
    });
  },
};

const oldestEnded = (c: Context): Pod | undefined =>
  c
    .informer(Pods)
    .list()
    .filter(isFinished)
    .sort((a, b) => (a.metadata.creationTimestamp < b.metadata.creationTimestamp ? -1 : 1))[0];

async function sync(c: Context, queue: WorkQueue, gone: ReadonlyMap<string, number>, tooMany: () => boolean, key: string): Promise<void> {
  const pod = c.informer(Pods).get(...splitKey(key));
  if (!pod) return;
  const { nodeName } = pod.spec;
  if (!nodeName) {
    if (isTerminating(pod)) await c.client.delete(Pods, pod, { gracePeriodSeconds: 0 });
    return;
  }
  const since = gone.get(nodeName);
  if (since === undefined) {
    if (isFinished(pod) && tooMany()) await c.client.delete(Pods, pod, { gracePeriodSeconds: 0 });
    return;
  }
  const wait = since + QUARANTINE - c.clock.now();
  if (wait > 0) queue.addAfter(key, wait);
  else await disrupt(c, pod, 'DeletionByPodGC', 'PodGC: node no longer exists', { phase: 'Failed', now: true });
}
