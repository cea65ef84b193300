import { ApiError } from '../../http/errors.ts';
import { equal } from '../../schema/schema.ts';
import { conditionOf, withCondition } from '../conditions.ts';
import type { Context, Controller } from '../context.ts';
import { Claims, keyOf, Nodes, Pods, splitKey, Volumes, type Pod } from '../kube.ts';
import { isFinished, isTerminating } from '../pods.ts';
import { refusal, type Refusal } from './filters.ts';
import { nodeStates, type NodeState } from './nodes.ts';
import { podAffinity } from './pod-affinity.ts';
import { best } from './score.ts';
import { spread } from './spread.ts';
import { podVolumes, type PodVolumes } from './volumes.ts';

const NAME = 'default-scheduler';

/** Puts pods on nodes that can take them. */
export const scheduler: Controller = {
  name: 'scheduler',
  component: NAME,
  writer: 'kube-scheduler',
  start(c) {
    const state: State = { assumed: new Map(), waiting: new Set() };
    const queue = c.queue((key) => schedule(c, state, key), 50);
    const again = (): void => {
      for (const key of state.waiting) queue.add(key);
      state.waiting.clear();
    };
    c.informer(Pods).on((now, before) => {
      const key = keyOf((now ?? before)!);
      if (!now || now.spec.nodeName) {
        state.waiting.delete(key);
        state.assumed.delete(key);
      }
      if (now && isOurs(now) && !equal({ ...now, status: 0, metadata: 0 }, { ...before, status: 0, metadata: 0 })) queue.add(key);
      // What leaves a node, or comes to one, may make place for others.
      const held = (pod: Pod | undefined): boolean => Boolean(pod?.spec.nodeName) && !isFinished(pod!);
      if (held(before) !== held(now) || !equal(now?.metadata.labels, before?.metadata.labels)) again();
    });
    c.informer(Nodes).on((now, before) => {
      const relevant = (n = now): unknown => [n?.metadata.labels, n?.spec, n?.status?.allocatable];
      if (!equal(relevant(now), relevant(before))) again();
    });
    c.informer(Claims).on(again);
    c.informer(Volumes).on(again);
  },
};

interface State {
  /** Pods that are being bound, by key, with their node, until the informer knows it. */
  readonly assumed: Map<string, { pod: Pod; node: string }>;
  /** Keys of pods for which there was no node. */
  readonly waiting: Set<string>;
}

const isOurs = (pod: Pod): boolean =>
  !pod.spec.nodeName &&
  !isTerminating(pod) &&
  !isFinished(pod) &&
  (pod.spec.schedulerName ?? NAME) === NAME &&
  !pod.spec.schedulingGates?.length;

async function schedule(c: Context, state: State, key: string): Promise<void> {
  const pod = c.informer(Pods).get(...splitKey(key));
  if (!pod || !isOurs(pod) || state.assumed.has(key)) return;
  const volumes = podVolumes(c, pod);
  const choice = choose(c, pod, volumes, nodeStates(c, state.assumed.values()));
  if (typeof choice === 'string') {
    state.waiting.add(key);
    await refuse(c, pod, choice);
    return;
  }
  const node = choice.node.metadata.name;
  state.assumed.set(key, { pod, node });
  try {
    if (!(await volumes.prepare(choice.node))) {
      // It comes back when they are bound.
      state.assumed.delete(key);
      state.waiting.add(key);
      return;
    }
    await c.client.bind(pod, node);
  } catch (error) {
    state.assumed.delete(key);
    // Gone, or bound by somebody else.
    if (error instanceof ApiError && (error.code === 404 || error.code === 409)) return;
    throw error;
  }
  c.event(Pods, pod, 'Normal', 'Scheduled', `Successfully assigned ${key} to ${node}`);
}

/** The node for a pod, or why there is none. */
function choose(c: Context, pod: Pod, volumes: PodVolumes, states: ReadonlyMap<string, NodeState>): NodeState | string {
  if (states.size === 0) return 'no nodes available to schedule pods';
  const all = [...states.values()];
  if (volumes.blocked !== undefined) {
    const victims = `preemption: 0/${all.length} nodes are available: ${all.length} Preemption is not helpful for scheduling.`;
    return `0/${all.length} nodes are available: ${volumes.blocked}. ${victims}`;
  }
  const affinity = podAffinity(c, pod, all);
  const spreading = spread(pod, all);
  const refusals: Refusal[] = [];
  const fitting = all.filter((s) => {
    const alone = refusal(pod, s);
    const found = alone ?? unreachable(volumes.refusal(s.node)) ?? inCompany(spreading.refusal(s) ?? affinity.refusal(s));
    if (found) refusals.push(found);
    return !found;
  });
  return fitting.length > 0 ? best(pod, fitting, affinity, spreading) : explain(refusals);
}

const unreachable = (reason: string | undefined): Refusal | undefined =>
  reason === undefined ? undefined : { reasons: [reason], final: true };

const inCompany = (reason: string | undefined): Refusal | undefined =>
  reason === undefined ? undefined : { reasons: [reason], final: /missing required label|pod affinity rules/.test(reason) };

/** In kube-scheduler's words. */
function explain(refusals: readonly Refusal[]): string {
  const total = refusals.length;
  const tally = (reasons: readonly string[]): string => {
    const counts = new Map<string, number>();
    for (const r of reasons) counts.set(r, (counts.get(r) ?? 0) + 1);
    return [...counts]
      .map(([r, n]) => `${n} ${r}`)
      .sort()
      .join(', ');
  };
  const victims = refusals.map((r) =>
    r.final ? 'Preemption is not helpful for scheduling' : 'No preemption victims found for incoming pod',
  );
  return `0/${total} nodes are available: ${tally(refusals.flatMap((r) => r.reasons))}. preemption: 0/${total} nodes are available: ${tally(victims)}.`;
}

async function refuse(c: Context, pod: Pod, message: string): Promise<void> {
  if (conditionOf(pod.status?.conditions, 'PodScheduled')?.message !== message)
    await c.client.modify(
      Pods,
      pod,
      (o) => {
        const condition = {
          type: 'PodScheduled',
          status: 'False' as const,
          lastProbeTime: null,
          lastTransitionTime: c.timestamp(),
          reason: 'Unschedulable',
          message,
        };
        o.status = { ...o.status, conditions: withCondition(o.status?.conditions, condition) };
      },
      'status',
    );
  c.event(Pods, pod, 'Warning', 'FailedScheduling', message);
}
