import type { Pod } from '../kube.ts';
import type { ContainerEntry } from './record.ts';

/** As Kubernetes has it for a container whose end nobody could see. */
const UNKNOWN = { exitCode: 255, reason: 'Unknown' };

/**
 * What is known of a pod's containers after its node has lost all that ran, as by a boot: the pod begins anew, with its init
 * containers; where nothing of it may run twice, what ran has failed.
 */
export function afterLoss(pod: Pod, entries: readonly ContainerEntry[], now: string): void {
  const isOnce = pod.spec.restartPolicy === 'Never';
  for (const entry of entries) {
    const { running } = entry.state;
    const end = running ? { terminated: { ...UNKNOWN, startedAt: running.startedAt, finishedAt: now } } : entry.state;
    delete entry.process;
    entry.ready = false;
    entry.started = false;
    if (isOnce) {
      entry.state = end;
      continue;
    }
    if (end.terminated) entry.lastState = end;
    entry.state = { waiting: { reason: pod.spec.initContainers?.length ? 'PodInitializing' : 'ContainerCreating' } };
    entry.began = false;
  }
}
