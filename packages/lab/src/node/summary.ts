import type { NodeConfig } from './config.ts';
import type { PodView } from './pod-view.ts';
import { mountNamespaceOf, netNamespaceOf } from './root/processes.ts';
import { Meter, type Measured, type Measurement } from './stats.ts';

const NODE = 'node';

/** Makes what Kubernetes' kubelets answer at /stats/summary, as far as there is something to measure. */
export function summarizer(config: NodeConfig, pods: () => readonly PodView[]): () => object {
  const meter = new Meter();
  const began = Date.now();
  // What runs in the node's network and on the machine's files: kubelet, agent and the like.
  const [mount, net] = [mountNamespaceOf('self'), netNamespaceOf('self')];
  const own: Measured = { key: NODE, startedAt: began, has: (p) => p.mount === mount && p.net === net };
  return () => {
    const all = pods();
    const containers = all.flatMap((pod) => pod.measured().map((m) => ({ ...m, key: keyOf(pod, m.name) })));
    const sets = containers.map(({ key, startedAt, namespace }): Measured => ({ key, startedAt, has: (p) => p.mount === namespace }));
    const seen = meter.measure([own, ...sets]);
    const pick = (key: string) => seen.get(key) as Measurement;
    const total = (of: (m: Measurement) => number) => [...seen.values()].reduce((sum, m) => sum + of(m), 0);
    const { cpu, memory, windowSeconds } = pick(NODE);
    return {
      node: {
        nodeName: config.node,
        startTime: new Date(began).toISOString(),
        cpu: { ...cpu, usageNanoCores: total((m) => m.cpu.usageNanoCores), usageCoreNanoSeconds: total((m) => m.cpu.usageCoreNanoSeconds) },
        memory: { ...memory, workingSetBytes: total((m) => m.memory.workingSetBytes), rssBytes: total((m) => m.memory.rssBytes) },
        windowSeconds,
      },
      pods: all
        .filter((pod) => pod.measured().length > 0)
        .map((pod) => ({
          podRef: { name: pod.name, namespace: pod.namespace, uid: pod.uid },
          containers: pod
            .measured()
            .filter(({ name }) => seen.has(keyOf(pod, name)))
            .map(({ name, startedAt }) => ({ name, startTime: new Date(startedAt).toISOString(), ...pick(keyOf(pod, name)) })),
        })),
    };
  };
}

const keyOf = (pod: PodView, container: string): string => `${pod.uid}/${container}`;
