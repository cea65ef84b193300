import type { Informer, KubeClient, Logger } from '@kosmos/kernel';
import { messageOf } from '../errors.ts';
import { isReady, type Node, type Pod } from '../kube.ts';

const RETRY_MS = 500;

/** The next Ready node in turn that a pod's nodeSelector allows; `turn` counts the pods bound so far. */
export function chooseNode(pod: Pod, nodes: readonly Node[], turn: number): Node | undefined {
  const fitting = nodes
    .filter((n) => isReady(n) && n.spec?.unschedulable !== true && n.metadata.deletionTimestamp === undefined)
    .filter((n) => Object.entries(pod.spec.nodeSelector ?? {}).every(([key, value]) => n.metadata.labels?.[key] === value))
    .sort((a, b) => (a.metadata.name < b.metadata.name ? -1 : 1));
  return fitting[turn % fitting.length];
}

/** Binds pods that have no node to Ready nodes, one after the other. */
export function startBinder(o: { client: KubeClient; pods: Informer<Pod>; nodes: Informer<Node>; log: Logger; signal: AbortSignal }): void {
  const waiting = new Map<string, Pod>();
  const keyOf = (pod: Pod) => `${pod.metadata.namespace}/${pod.metadata.name}`;
  let turn = 0;
  let busy = false;
  const bindAll = async () => {
    if (busy) return;
    busy = true;
    try {
      for (const [key, pod] of waiting) {
        const node = chooseNode(pod, [...o.nodes.list()], turn);
        if (!node) continue; // a change of a node comes back here
        await bind(o.client, pod, node.metadata.name, o.signal);
        waiting.delete(key);
        turn += 1;
      }
    } catch (error) {
      if (o.signal.aborted) return;
      o.log.warn({ error: messageOf(error) }, 'pod not bound, will be tried again');
      setTimeout(() => void bindAll(), RETRY_MS).unref();
    } finally {
      busy = false;
    }
  };
  const see = (pod: Pod) => {
    if (pod.spec.nodeName !== undefined && pod.spec.nodeName !== '') waiting.delete(keyOf(pod));
    else if (pod.metadata.deletionTimestamp === undefined) waiting.set(keyOf(pod), pod);
    void bindAll();
  };
  o.pods.on({ add: see, update: see, remove: (pod) => waiting.delete(keyOf(pod)) });
  o.nodes.on({ add: () => void bindAll(), update: () => void bindAll() });
}

async function bind(client: KubeClient, pod: Pod, node: string, signal: AbortSignal): Promise<void> {
  const { name, namespace, uid } = pod.metadata;
  const body = {
    apiVersion: 'v1',
    kind: 'Binding',
    metadata: { name, namespace, uid },
    target: { apiVersion: 'v1', kind: 'Node', name: node },
  };
  await client.request('POST', `/api/v1/namespaces/${namespace}/pods/${name}/binding`, { body, signal }).catch((error: unknown) => {
    const status = (error as { status?: number }).status;
    if (status !== 404 && status !== 409) throw error; // gone, or bound by someone else
  });
}
