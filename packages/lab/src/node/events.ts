import type { KubeClient, Logger } from '@kosmos/kernel';
import { messageOf } from '../errors.ts';
import { containersOf, type Pod } from '../kube.ts';

export interface Events {
  /** Writes an event about a pod, or a container of it; one that cannot be written is only logged. */
  say(pod: Pod, type: 'Normal' | 'Warning', reason: string, message: string, container?: string): void;
}

interface Known {
  readonly name: string;
  readonly written: Promise<unknown>;
  count: number;
}

/** So many events are counted up instead of written anew. */
const KEPT = 500;

/** Events in the name of the node's kubelet. What was said before is counted, not said again. */
export function podEvents(client: KubeClient, node: string, log: Logger): Events {
  const known = new Map<string, Known>();
  const send = (method: string, path: string, body: object, contentType?: string) =>
    client
      .request(method, path, { body, ...(contentType && { contentType }) })
      .catch((error: unknown) => log.debug({ error: messageOf(error) }, 'event not written'));
  return {
    say: (pod, type, reason, message, container) => {
      const now = new Date().toISOString().replace(/\.\d+/, '');
      const { name, uid, resourceVersion, namespace = 'default' } = pod.metadata;
      const path = `/api/v1/namespaces/${namespace}/events`;
      const key = JSON.stringify([uid, reason, message, container]);
      const before = known.get(key);
      if (before) {
        before.count += 1;
        const patch = { count: before.count, lastTimestamp: now };
        void before.written.then(() => send('PATCH', `${path}/${before.name}`, patch, 'application/merge-patch+json'));
        return;
      }
      const list = pod.spec.initContainers?.some((c) => c.name === container) ? 'initContainers' : 'containers';
      const isKnown = containersOf(pod).some((c) => c.name === container);
      const event = `${name}.${process.hrtime.bigint().toString(16)}`;
      const body = {
        apiVersion: 'v1',
        kind: 'Event',
        metadata: { name: event, namespace },
        involvedObject: {
          apiVersion: 'v1',
          kind: 'Pod',
          name,
          namespace,
          uid,
          resourceVersion,
          ...(isKnown && { fieldPath: `spec.${list}{${container}}` }),
        },
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
      if (known.size >= KEPT) known.delete(known.keys().next().value as string);
      known.set(key, { name: event, count: 1, written: send('POST', path, body) });
    },
  };
}
