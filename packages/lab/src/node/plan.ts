import { isSidecar, type Container, type Pod } from '../kube.ts';
import type { ContainerRecord } from './status.ts';

/** What is to run of a pod now. */
export interface Plan {
  /** Containers that are to run, in the order of their start. Each waits out its back-off by itself. */
  readonly run: readonly Container[];
  /** Nothing is to run any more: what still does, sidecars, is to end. */
  readonly over: boolean;
}

/** The end of a container's last run, also while it waits for the next. */
export const lastEnd = (entry: ContainerRecord) =>
  entry.state.terminated ?? (entry.state.waiting?.reason === 'CrashLoopBackOff' ? entry.lastState.terminated : undefined);

/** Whether a container that ended with this code is started again. */
export function restarts(pod: Pod, container: Container, exitCode: number): boolean {
  if (isSidecar(container)) return true;
  const policy = pod.spec.restartPolicy ?? 'Always';
  const isInit = pod.spec.initContainers?.includes(container) ?? false;
  if (policy === 'Never') return false;
  return exitCode !== 0 || (policy === 'Always' && !isInit);
}

/** Init containers one after the other, a sidecar until it has started, then all others at once. */
export function planOf(pod: Pod, records: readonly ContainerRecord[]): Plan {
  const { initContainers = [], containers } = pod.spec;
  const entryOf = (c: Container) => records.find((r) => r.name === c.name);
  const endedForGood = (c: Container) => {
    const entry = entryOf(c);
    const end = entry && lastEnd(entry);
    return end !== undefined && !restarts(pod, c, end.exitCode);
  };
  const initFailed = initContainers.some((c) => !isSidecar(c) && endedForGood(c) && entryOf(c)?.state.terminated?.exitCode !== 0);
  if (initFailed || containers.every(endedForGood)) return { run: [], over: true };
  const initialized = containers.some((c) => entryOf(c)?.began);
  const run: Container[] = [];
  for (const c of initContainers) {
    if (isSidecar(c)) {
      run.push(c);
      if (!initialized && !entryOf(c)?.started) return { run, over: false };
    } else if (!initialized && entryOf(c)?.state.terminated?.exitCode !== 0) {
      return { run: [...run, c], over: false };
    }
  }
  return { run: [...run, ...containers.filter((c) => !endedForGood(c))], over: false };
}
