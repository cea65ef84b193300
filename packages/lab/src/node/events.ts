import type { KubeClient, Logger } from '@kosmos/kernel';
import { messageOf } from '../errors.ts';
import type { Pod } from '../kube.ts';

export interface Events {
  /** Writes an event about a pod; one that cannot be written is only logged. */
  say(pod: Pod, type: 'Normal' | 'Warning', reason: string, message: string): void;
}

export function podEvents(client: KubeClient, node: string, log: Logger): Events {
  return {
    say: (pod, type, reason, message) => {
      const now = new Date().toISOString();
      const { name, uid, resourceVersion, namespace = 'default' } = pod.metadata;
      const body = {
        apiVersion: 'v1',
        kind: 'Event',
        metadata: { generateName: `${name}.`, namespace },
        involvedObject: { apiVersion: 'v1', kind: 'Pod', name, namespace, uid, resourceVersion },
        type,
        reason,
        message,
        source: { component: 'kubelet', host: node },
        reportingComponent: 'kubelet',
        reportingInstance: node,
        firstTimestamp: now,
        lastTimestamp: now,
        count: 1,
      };
      client
        .request('POST', `/api/v1/namespaces/${namespace}/events`, { body })
        .catch((error: unknown) => log.debug({ error: messageOf(error) }, 'event not written'));
    },
  };
}
