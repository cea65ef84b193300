import type { Context, Controller } from '../context.ts';
import { keyOf, Nodes, Pods, splitKey, type Node, type Pod } from '../kube.ts';
import { disrupt, isTerminating, podsOn } from '../pods.ts';
import type { WorkQueue } from '../queue.ts';
import { isFor } from '../scheduler/node-affinity.ts';

/** Deletes pods from nodes with NoExecute taints, at once or when they tolerated them for long enough. */
export const taintEvictionController: Controller = {
  name: 'taint-eviction-controller',
  component: 'taint-eviction-controller',
  start(c) {
    /** Pods that will be deleted unless something changes. */
    const marked = new Set<string>();
    const queue: WorkQueue = c.queue((key) => sync(c, queue, marked, key));
    const isTainted = (n: Node | undefined): boolean => Boolean(n?.spec.taints?.some((t) => t.effect === 'NoExecute'));
    c.informer(Nodes).on((now, before) => {
      if (isTainted(now) || isTainted(before)) for (const pod of podsOn(c, (now ?? before)!.metadata.name)) queue.add(keyOf(pod));
    });
    c.informer(Pods).on((now, before) => {
      if (!now) marked.delete(keyOf(before!));
      else if (now.spec.nodeName && isTainted(c.informer(Nodes).get('', now.spec.nodeName))) queue.add(keyOf(now));
    });
  },
};

async function sync(c: Context, queue: WorkQueue, marked: Set<string>, key: string): Promise<void> {
  const pod = c.informer(Pods).get(...splitKey(key));
  const node = pod?.spec.nodeName ? c.informer(Nodes).get('', pod.spec.nodeName) : undefined;
  if (!pod || !node || isTerminating(pod)) return;
  const at = evictionTime(pod, node, c.clock.now());
  if (at === undefined) {
    if (marked.delete(key)) c.event(Pods, pod, 'Normal', 'TaintManagerEviction', `Cancelling deletion of Pod ${key}`);
    return;
  }
  const wait = at - c.clock.now();
  if (wait > 0) {
    marked.add(key);
    queue.addAfter(key, wait);
    return;
  }
  marked.delete(key);
  c.event(Pods, pod, 'Normal', 'TaintManagerEviction', `Marking for deletion Pod ${key}`);
  await disrupt(c, pod, 'DeletionByTaintManager', 'Taint manager: deleting due to NoExecute taint');
}

/** When the pod must go, in milliseconds since the epoch; undefined: it may stay. */
function evictionTime({ spec }: Pod, node: Node, now: number): number | undefined {
  const times = (node.spec.taints ?? [])
    .filter((t) => t.effect === 'NoExecute')
    .map((taint) => {
      const fitting = (spec.tolerations ?? []).filter((t) => isFor(t, taint));
      if (fitting.length === 0) return 0;
      const limits = fitting.map((t) => t.tolerationSeconds).filter((s) => s !== undefined);
      return limits.length === 0 ? Infinity : (Date.parse(taint.timeAdded ?? '') || now) + Math.max(0, Math.min(...limits)) * 1000;
    });
  const first = Math.min(...times);
  return first === Infinity ? undefined : first;
}
