import type { KubeClient, Logger } from '@kosmos/kernel';
import { messageOf } from '../errors.ts';
import { containersOf, type Pod } from '../kube.ts';

type EventType = 'Normal' | 'Warning';

/** One that cannot be written is only logged. */
export interface Events {
  /** Writes an event about a pod, or a container of it. */
  say(pod: Pod, type: EventType, reason: string, message: string, container?: string): void;
  /** Writes an event about the node. */
  sayOfNode(reason: string, message: string): void;
}

interface InvolvedObject {
  readonly apiVersion?: string;
  readonly kind: string;
  readonly name: string;
  readonly namespace?: string;
  readonly uid: string;
  readonly resourceVersion?: string | undefined;
  readonly fieldPath?: string;
}

interface Known {
  readonly name: string;
  readonly written: Promise<unknown>;
  count: number;
}

/** So many events are counted up instead of written anew. */
const KEPT = 500;

/** Events in the name of the node's kubelet. What was said before is counted, not said again. */
export function kubeletEvents(client: KubeClient, node: string, log: Logger): Events {
  const known = new Map<string, Known>();
  const send = (method: string, path: string, body: object, contentType?: string) =>
    client
      .request(method, path, { body, ...(contentType && { contentType }) })
      .catch((error: unknown) => log.debug({ error: messageOf(error) }, 'event not written'));
  const write = (type: EventType, reason: string, message: string, involvedObject: InvolvedObject) => {
    const ms = Date.now();
    const now = new Date(ms).toISOString().replace(/\.\d+/, '');
    const { name, namespace = 'default', uid, fieldPath } = involvedObject;
    const path = `/api/v1/namespaces/${namespace}/events`;
    const key = JSON.stringify([uid, reason, message, fieldPath]);
    const before = known.get(key);
    if (before) {
      before.count += 1;
      const patch = { count: before.count, lastTimestamp: now };
      void before.written.then(() => send('PATCH', `${path}/${before.name}`, patch, 'application/merge-patch+json'));
      return;
    }
    // By their names they are in the order of time, also beside those of controllers.
    const event = `${name}.${(BigInt(ms) * 1_000_000n + (process.hrtime.bigint() % 1_000_000n)).toString(16)}`;
    const body = {
      apiVersion: 'v1',
      kind: 'Event',
      metadata: { name: event, namespace },
      involvedObject,
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
  };
  return {
    say: (pod, type, reason, message, container) => {
      const { name, uid, resourceVersion, namespace = 'default' } = pod.metadata;
      const list = pod.spec.initContainers?.some((c) => c.name === container) ? 'initContainers' : 'containers';
      const isKnown = containersOf(pod).some((c) => c.name === container);
      const fieldPath = isKnown ? { fieldPath: `spec.${list}{${container}}` } : {};
      write(type, reason, message, { apiVersion: 'v1', kind: 'Pod', name, namespace, uid, resourceVersion, ...fieldPath });
    },
    // Kubelets give the node's name for its uid, and kubectl looks for it.
    sayOfNode: (reason, message) => write('Normal', reason, message, { kind: 'Node', name: node, uid: node }),
  };
}
