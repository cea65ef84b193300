import type { Resource } from '../kinds/resource.ts';
import type { JsonObject } from '../schema/schema.ts';
import type { ContainerUsage, NodeSummary, Usage } from './summary.ts';

export interface MetricsSource {
  nodes(): JsonObject[];
  pods(namespace: string): JsonObject[];
  /** What a node's kubelet measured; undefined where it does not answer. */
  summary(node: JsonObject): Promise<NodeSummary | undefined>;
}

const base = {
  group: 'metrics.k8s.io',
  version: 'v1beta1',
  singular: '',
  verbs: ['get', 'list'],
  subresources: [],
  schema: undefined,
  columns: [],
  storageVersion: 'v1beta1',
  generation: false,
  statusSubresource: false,
};

/** The kinds of metrics.k8s.io, which `kubectl top` reads: measured by the nodes when they are asked for, and not kept. */
export function metricsKinds(source: MetricsSource): Resource[] {
  return [
    {
      ...base,
      plural: 'nodes',
      kind: 'NodeMetrics',
      listKind: 'NodeMetricsList',
      namespaced: false,
      storage: 'nodes.metrics.k8s.io',
      computed: () => nodeMetrics(source),
    },
    {
      ...base,
      plural: 'pods',
      kind: 'PodMetrics',
      listKind: 'PodMetricsList',
      namespaced: true,
      storage: 'pods.metrics.k8s.io',
      computed: (namespace) => podMetrics(source, namespace),
    },
  ];
}

async function nodeMetrics(source: MetricsSource): Promise<JsonObject[]> {
  const found = await Promise.all(
    source.nodes().map(async (node) => {
      const summary = await source.summary(node);
      return summary ? [{ metadata: metadataOf(node), ...measured(summary.node), usage: usage(summary.node) }] : [];
    }),
  );
  return found.flat();
}

async function podMetrics(source: MetricsSource, namespace: string): Promise<JsonObject[]> {
  const pods = source.pods(namespace).filter((pod) => pod['spec']?.nodeName && pod['status']?.phase === 'Running');
  const wanted = new Set(pods.map((pod) => pod['spec'].nodeName as string));
  const nodes = source.nodes().filter((node) => wanted.has(node['metadata'].name));
  const summaries = await Promise.all(nodes.map((node) => source.summary(node)));
  const byUid = new Map(summaries.flatMap((s) => s?.pods ?? []).map((pod) => [pod.podRef.uid, pod]));
  return pods.flatMap((pod) => {
    const found = byUid.get(pod['metadata'].uid as string);
    const [first] = found?.containers ?? [];
    if (!found || !first) return [];
    const containers = found.containers.map((c: ContainerUsage) => ({ name: c.name, usage: usage(c) }));
    return [{ metadata: metadataOf(pod), ...measured(first), containers }];
  });
}

function metadataOf({ metadata: { name, namespace, labels } }: JsonObject): JsonObject {
  return {
    name,
    ...(namespace && { namespace }),
    creationTimestamp: new Date().toISOString().replace(/\.\d+/, ''),
    ...(labels && { labels }),
  };
}

const measured = ({ cpu, windowSeconds }: Usage): JsonObject => ({
  timestamp: cpu.time.replace(/\.\d+/, ''),
  window: `${windowSeconds.toFixed(3)}s`,
});

const usage = ({ cpu, memory }: Usage): JsonObject => ({
  cpu: `${cpu.usageNanoCores}n`,
  memory: `${Math.ceil(memory.workingSetBytes / 1024)}Ki`,
});
