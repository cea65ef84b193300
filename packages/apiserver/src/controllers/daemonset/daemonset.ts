import { equal } from '../../schema/schema.ts';
import type { Context, Controller } from '../context.ts';
import { scaled } from '../deployment/replicas.ts';
import { forgetRevisions, history, type History } from '../history.ts';
import {
  ControllerRevisions,
  DaemonSets,
  keyOf,
  Nodes,
  Pods,
  splitKey,
  type DaemonSet,
  type DaemonSetStatus,
  type Node,
  type Pod,
} from '../kube.ts';
import { claim } from '../ownership.ts';
import { watchDependents, watchOwn } from '../owners.ts';
import { availableIn, createPod, deletePod, isActive, isFinished, isReady, isTerminating, slowStart } from '../pods.ts';
import type { WorkQueue } from '../queue.ts';
import { counts } from '../replicaset.ts';
import { daemonPod, HASH_LABEL, placement, targetOf } from './placement.ts';

/** Keeps one pod on each node that should have one. */
export const daemonSetController: Controller = {
  name: 'daemonset-controller',
  start(c) {
    const queue: WorkQueue = c.queue((key) => sync(c, queue, key));
    watchOwn(c, DaemonSets, queue);
    watchDependents(c, DaemonSets, Pods, queue);
    watchDependents(c, DaemonSets, ControllerRevisions, queue);
    const relevant = (n: Node | undefined): unknown => n && [n.metadata.labels, n.spec.taints];
    c.informer(Nodes).on((now, before) => {
      if (!equal(relevant(now), relevant(before))) for (const set of c.informer(DaemonSets).list()) queue.add(keyOf(set));
    });
  },
};

interface OnNode {
  node: Node;
  run: boolean;
  stay: boolean;
  pods: Pod[];
}

async function sync(c: Context, queue: WorkQueue, key: string): Promise<void> {
  const set = c.informer(DaemonSets).get(...splitKey(key));
  if (!set) return;
  const pods = await claim(c, DaemonSets, set, set.spec.selector, Pods);
  if (isTerminating(set)) return;
  const revisions = await history(c, DaemonSets, set, HASH_LABEL);
  const hash = revisions.update.metadata.labels?.[HASH_LABEL] ?? '';
  const nodes = new Map<string, OnNode>(
    c
      .informer(Nodes)
      .list()
      .map((node) => [node.metadata.name, { node, ...placement(set, node), pods: [] }]),
  );
  for (const pod of pods) nodes.get(targetOf(pod) ?? '')?.pods.push(pod);
  const available = (pod: Pod): boolean => {
    const wait = availableIn(pod, set.spec.minReadySeconds, c.clock.now());
    if (wait) queue.addAfter(key, wait);
    return wait === 0 && isActive(pod);
  };
  try {
    const { missing, excess } = difference(c, set, [...nodes.values()]);
    await Promise.all(excess.map((pod) => deletePod(c, DaemonSets, set, pod)));
    await slowStart(missing.length, (i) => createPod(c, DaemonSets, set, daemonPod(set, hash, missing[i]!)));
    if (missing.length + excess.length === 0 && set.spec.updateStrategy.type === 'RollingUpdate')
      await roll(c, set, hash, [...nodes.values()], available);
  } finally {
    await writeStatus(c, set, hash, revisions, [...nodes.values()], available);
  }
  const used = new Set([hash, ...pods.map((p) => p.metadata.labels?.[HASH_LABEL])]);
  await forgetRevisions(c, set, revisions.all, (r) => used.has(r.metadata.labels?.[HASH_LABEL]));
}

/** Nodes that lack a pod, and pods that should not be. */
function difference(c: Context, set: DaemonSet, nodes: readonly OnNode[]): { missing: string[]; excess: Pod[] } {
  const missing: string[] = [];
  const excess: Pod[] = [];
  for (const { node, run, stay, pods } of nodes) {
    const { name } = node.metadata;
    const ended = pods.filter((p) => isFinished(p) && !isTerminating(p));
    const active = pods.filter(isActive).sort((a, b) => (a.metadata.creationTimestamp < b.metadata.creationTimestamp ? -1 : 1));
    if (!stay) excess.push(...active);
    else {
      for (const pod of ended) {
        const failed = pod.status?.phase === 'Failed';
        const where = `daemon pod ${pod.metadata.namespace}/${pod.metadata.name} on node ${name}`;
        if (failed) c.event(DaemonSets, set, 'Warning', 'FailedDaemonPod', `Found failed ${where}, will try to kill it`);
        else c.event(DaemonSets, set, 'Normal', 'SucceededDaemonPod', `Found succeeded ${where}, will try to delete it`);
        excess.push(pod);
      }
      // With a surge the old one stays until the new one is available.
      const surges = !isZero(set.spec.updateStrategy.rollingUpdate?.maxSurge);
      const of = (p: Pod): unknown => (surges ? p.metadata.labels?.[HASH_LABEL] : 0);
      excess.push(...active.filter((p, i) => active.findIndex((q) => of(q) === of(p)) !== i));
      if (run && active.length === 0 && ended.length === 0 && !pods.some(isTerminating)) missing.push(name);
    }
  }
  return { missing, excess };
}

const isZero = (value: number | string | undefined): boolean => value === undefined || Number.parseFloat(String(value)) === 0;

/** Replaces pods of old templates, as many at a time as may be missing, or be there twice. */
async function roll(c: Context, set: DaemonSet, hash: string, nodes: readonly OnNode[], available: (pod: Pod) => boolean): Promise<void> {
  const desired = nodes.filter((n) => n.run);
  const { maxUnavailable, maxSurge } = set.spec.updateStrategy.rollingUpdate ?? {};
  const surge = scaled(maxSurge, desired.length, Math.ceil);
  const isNew = (pod: Pod): boolean => pod.metadata.labels?.[HASH_LABEL] === hash;
  const old = desired.map((n) => ({
    ...n,
    old: n.pods.find((p) => isActive(p) && !isNew(p)),
    fresh: n.pods.find((p) => isActive(p) && isNew(p)),
  }));
  if (surge > 0) {
    const done = old.filter((n) => n.old && ((n.fresh && available(n.fresh)) || !available(n.old)) && n.fresh);
    await Promise.all(done.map((n) => deletePod(c, DaemonSets, set, n.old!)));
    const surging = old.filter((n) => n.old && n.fresh).length - done.length;
    const next = old.filter((n) => n.old && !n.fresh).slice(0, Math.max(0, surge - surging));
    await slowStart(next.length, (i) => createPod(c, DaemonSets, set, daemonPod(set, hash, next[i]!.node.metadata.name)));
    return;
  }
  const most = Math.max(1, scaled(maxUnavailable ?? 1, desired.length, Math.ceil));
  const isAvailable = (n: OnNode): boolean => n.pods.some((p) => available(p));
  const lost = old.filter((n) => !isAvailable(n));
  // One that is not available costs nothing to replace.
  const going = lost.flatMap((n) => (n.old ? [n.old] : []));
  const room = Math.max(0, most - lost.length);
  going.push(
    ...old
      .filter((n) => n.old && isAvailable(n))
      .slice(0, room)
      .map((n) => n.old!),
  );
  await Promise.all(going.map((pod) => deletePod(c, DaemonSets, set, pod)));
}

async function writeStatus(
  c: Context,
  seen: DaemonSet,
  hash: string,
  { collisions }: History,
  nodes: readonly OnNode[],
  available: (pod: Pod) => boolean,
): Promise<void> {
  const set = c.informer(DaemonSets).get(seen.metadata.namespace ?? '', seen.metadata.name);
  if (set?.metadata.uid !== seen.metadata.uid) return;
  const pods = c.informer(Pods).controlledBy(set.metadata.uid).filter(isActive);
  const on = (n: OnNode): Pod[] => pods.filter((p) => targetOf(p) === n.node.metadata.name);
  const wanted = nodes.filter((n) => n.run).map(on);
  const numberAvailable = wanted.filter((p) => p.some(available)).length;
  const status: DaemonSetStatus = {
    currentNumberScheduled: wanted.filter((p) => p.length > 0).length,
    numberMisscheduled: nodes.filter((n) => !n.run && on(n).length > 0).length,
    desiredNumberScheduled: wanted.length,
    numberReady: wanted.filter((p) => p.some(isReady)).length,
    observedGeneration: seen.metadata.generation ?? 0,
    ...counts({
      updatedNumberScheduled: wanted.filter((p) => p.some((x) => x.metadata.labels?.[HASH_LABEL] === hash)).length,
      numberAvailable,
      numberUnavailable: wanted.length - numberAvailable,
    }),
    ...((collisions > 0 || set.status?.collisionCount !== undefined) && { collisionCount: collisions }),
  };
  if (equal(status, set.status)) return;
  await c.client.updateStatus(DaemonSets, set, (o) => {
    o.status = status;
  });
}
