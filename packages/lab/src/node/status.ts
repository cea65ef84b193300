import { containersOf, isSidecar } from '../kube.ts';
import type { Container, ContainerState, ContainerStatus, Pod, PodStatus } from '../kube.ts';
import { conditionsOf } from './conditions.ts';
import { IMAGE_HINT } from './images.ts';

/** What the node knows of one container of a pod. */
export interface ContainerRecord {
  readonly name: string;
  state: ContainerState;
  lastState: ContainerState;
  ready: boolean;
  /** It runs, and its startup probe and postStart hook have succeeded. */
  started: boolean;
  restarts: number;
  /** It has run at some time. */
  began: boolean;
}

export interface PodFacts {
  readonly hostIPs: readonly string[];
  /** None before the pod has its network. */
  readonly podIPs: readonly string[];
  /** Network and volumes are there. */
  readonly isPrepared: boolean;
  /** Ended by the node: why. */
  readonly failure?: { readonly reason: string; readonly message: string } | undefined;
  readonly now: string;
}

/** The status that follows from a pod's containers. The pod's own status gives the times of conditions that did not change. */
export function podStatus(pod: Pod, records: readonly ContainerRecord[], facts: PodFacts): PodStatus {
  const phase = facts.failure && !records.some((r) => r.state.running) ? 'Failed' : phaseOf(pod, records);
  const [hostIP, podIP] = [facts.hostIPs[0], facts.podIPs[0]];
  const list = (ips: readonly string[]) => ips.map((ip) => ({ ip }));
  const statuses = (containers: readonly Container[] = []) =>
    containers.flatMap((c) => {
      const record = records.find((r) => r.name === c.name);
      return record ? [containerStatus(pod, c, record)] : [];
    });
  return {
    phase,
    ...facts.failure,
    ...(pod.metadata.generation !== undefined && { observedGeneration: pod.metadata.generation }),
    conditions: conditionsOf(pod, phase, records, facts),
    ...(hostIP !== undefined && { hostIP, hostIPs: list(facts.hostIPs) }),
    ...(podIP !== undefined && { podIP, podIPs: list(facts.podIPs) }),
    startTime: pod.status?.startTime ?? facts.now,
    ...(pod.spec.initContainers?.length && { initContainerStatuses: statuses(pod.spec.initContainers) }),
    containerStatuses: statuses(pod.spec.containers),
  };
}

/** As in Kubernetes: by the init containers while they are not done, then by the others. */
export function phaseOf(pod: Pod, records: readonly ContainerRecord[]): PodStatus['phase'] {
  const policy = pod.spec.restartPolicy ?? 'Always';
  const recordOf = (c: Container) => records.find((r) => r.name === c.name);
  const running = containersOf(pod).some((c) => recordOf(c)?.state.running);
  const mains = pod.spec.containers.map(recordOf);
  const waits = (r: ContainerRecord | undefined) => !r || (r.state.waiting !== undefined && !r.lastState.terminated && !r.began);
  if (!mains.some((r) => r?.began)) {
    const inits = (pod.spec.initContainers ?? []).filter((c) => !isSidecar(c)).map((c) => recordOf(c)?.state.terminated);
    if (policy === 'Never' && inits.some((end) => end && end.exitCode !== 0)) return running ? 'Pending' : 'Failed';
    return 'Pending';
  }
  if (mains.some(waits)) return 'Pending';
  const ends = mains.map((r) => r?.state.terminated);
  if (policy === 'Always' || ends.some((end) => end === undefined)) return 'Running';
  const succeeded = ends.every((end) => end?.exitCode === 0);
  if (!succeeded && policy === 'OnFailure') return 'Running';
  // Sidecars end after the others, and the pod with them.
  return running ? 'Running' : succeeded ? 'Succeeded' : 'Failed';
}

/** Times in a status are whole seconds. */
export const seconds = (ms = Date.now()): string => new Date(ms).toISOString().replace(/\.\d+/, '');

export const isOver = (phase: string | undefined): boolean => phase === 'Succeeded' || phase === 'Failed';

export const containerID = (uid: string, name: string, restarts: number): string => `lab://${uid}/${name}/${restarts}`;

function containerStatus(pod: Pod, container: Container, c: ContainerRecord): ContainerStatus {
  const { requests } = container.resources ?? {};
  const { image = '' } = container;
  return {
    name: c.name,
    image,
    imageID: c.began ? `lab://${image}` : '',
    ...(c.began && { containerID: containerID(pod.metadata.uid, c.name, c.restarts) }),
    ready: c.ready,
    started: c.started,
    restartCount: c.restarts,
    state: c.state,
    lastState: c.lastState,
    ...(requests && { allocatedResources: requests }),
    ...(container.resources && Object.keys(container.resources).length > 0 && { resources: container.resources }),
    ...(container.volumeMounts?.length && {
      volumeMounts: container.volumeMounts.map(({ name, mountPath, readOnly }) => ({
        name,
        mountPath,
        ...(readOnly && { readOnly, recursiveReadOnly: 'Disabled' }),
      })),
    }),
  };
}

export const errImagePull = (image: string | undefined): ContainerState => ({
  waiting: { reason: 'ErrImagePull', message: `no image '${image ?? ''}': ${IMAGE_HINT}` },
});
