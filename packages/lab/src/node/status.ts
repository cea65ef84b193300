import { IMAGE_HINT } from './images.ts';
import type { Condition, ContainerState, ContainerStatus, Pod, PodStatus } from '../kube.ts';

/** What the node knows of one container of a pod. */
export interface ContainerRecord {
  readonly name: string;
  state: ContainerState;
  lastState: ContainerState;
  ready: boolean;
  restarts: number;
}

/** The status that follows from a pod's containers. `old` gives the times of conditions that did not change. */
export function podStatus(
  pod: Pod,
  containers: readonly ContainerRecord[],
  at: { readonly hostIPs: readonly string[]; readonly podIPs: readonly string[]; readonly now: string },
): PodStatus {
  const phase = phaseOf(pod, containers);
  const done = phase === 'Succeeded' || phase === 'Failed';
  const ready = !done && containers.length > 0 && containers.every((c) => c.ready);
  const unready = containers.filter((c) => !c.ready).map((c) => c.name);
  const why = done
    ? { reason: 'PodCompleted' }
    : ready
      ? {}
      : { reason: 'ContainersNotReady', message: `containers with unready status: [${unready.join(' ')}]` };
  const yes = (value: boolean) => (value ? 'True' : 'False');
  const conditions: Condition[] = [
    { type: 'PodScheduled', status: 'True' },
    { type: 'Initialized', status: 'True' },
    { type: 'ContainersReady', status: yes(ready), ...why },
    { type: 'Ready', status: yes(ready), ...why },
  ];
  return {
    phase,
    conditions: conditions.map((c) => ({ ...c, lastTransitionTime: transition(pod.status?.conditions ?? [], c, at.now) })),
    hostIP: at.hostIPs[0] ?? '',
    hostIPs: at.hostIPs.map((ip) => ({ ip })),
    ...(at.podIPs[0] !== undefined && { podIP: at.podIPs[0], podIPs: at.podIPs.map((ip) => ({ ip })) }),
    startTime: pod.status?.startTime ?? at.now,
    containerStatuses: containers.map((c) => containerStatus(pod, c)),
  };
}

function phaseOf(pod: Pod, containers: readonly ContainerRecord[]): PodStatus['phase'] {
  const policy = pod.spec.restartPolicy ?? 'Always';
  const ended = containers.map((c) => c.state.terminated);
  if (containers.length > 0 && ended.every((t) => t !== undefined) && policy !== 'Always') {
    if (ended.every((t) => t?.exitCode === 0)) return 'Succeeded';
    if (policy === 'Never') return 'Failed';
  }
  const begun = (c: ContainerRecord) =>
    c.state.running !== undefined || c.state.terminated !== undefined || c.restarts > 0 || c.lastState.terminated !== undefined;
  return containers.length > 0 && containers.every(begun) ? 'Running' : 'Pending';
}

function containerStatus(pod: Pod, c: ContainerRecord): ContainerStatus {
  const image = pod.spec.containers.find((x) => x.name === c.name)?.image ?? '';
  return {
    name: c.name,
    image,
    imageID: '',
    containerID: `lab://${pod.metadata.uid}/${c.name}/${c.restarts}`,
    ready: c.ready,
    started: c.state.running !== undefined,
    restartCount: c.restarts,
    state: c.state,
    lastState: c.lastState,
  };
}

function transition(old: readonly Condition[], c: Condition, now: string): string {
  const before = old.find((o) => o.type === c.type);
  return before?.status === c.status && before.lastTransitionTime !== undefined ? before.lastTransitionTime : now;
}

export const errImagePull = (image: string | undefined): ContainerState => ({
  waiting: { reason: 'ErrImagePull', message: `no image '${image ?? ''}': ${IMAGE_HINT}` },
});
