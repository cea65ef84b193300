/**
 * One informer of all pods in a process of its own, told by IPC what to do: what it costs to have them, and what updates cost.
 * `kosmos`, `kosmos-transform` (what a scheduler keeps of a pod) or `client-node`; `idle` does nothing, to tell how busy the machine is.
 */
import { setFlagsFromString } from 'node:v8';
import type { Informer, KObject, Kind } from '@kosmos/kernel';
import { watchBlocks } from './loop-blocks.ts';
import { quantile } from './result.ts';

interface Pod extends KObject {
  readonly spec?: { readonly nodeName?: string; readonly containers?: readonly { readonly resources?: unknown }[] };
  readonly status?: { readonly phase?: string };
}
const Pods: Kind<Pod> = { group: '', version: 'v1', kind: 'Pod', plural: 'pods', namespaced: true };
type Updated = (annotations: Readonly<Record<string, string>> | undefined) => void;

const [mode = '', kubeconfig = ''] = process.argv.slice(2);
const gc = globalThis.gc as () => void;
// As bin/kosmos.js does for `kosmos run`, and as early.
if (mode.startsWith('kosmos')) setFlagsFromString('--semi-space-growth-factor=1');

/** What a scheduler reads: where it is, whose it is, what it asks for. */
const slim = (o: Pod): Pod => ({
  metadata: {
    name: o.metadata.name,
    ...(o.metadata.namespace === undefined ? {} : { namespace: o.metadata.namespace }),
    uid: o.metadata.uid,
    resourceVersion: o.metadata.resourceVersion,
    ...(o.metadata.labels ? { labels: o.metadata.labels } : {}),
    ...(o.metadata.annotations ? { annotations: o.metadata.annotations } : {}),
  },
  spec: {
    ...(o.spec?.nodeName ? { nodeName: o.spec.nodeName } : {}),
    containers: o.spec?.containers?.map((c) => ({ resources: c.resources })) ?? [],
  },
  status: o.status?.phase ? { phase: o.status.phase } : {},
});

async function kosmos(transformed: boolean, updated: Updated) {
  const { createEngine, createLogger, noMetrics, systemClock } = await import('@kosmos/kernel/runtime');
  const log = createLogger({ level: 'warn' });
  const self = { role: 'manager', cluster: 'host', instance: 'bench' } as const;
  const engine = createEngine({
    self,
    log,
    clock: systemClock,
    metrics: noMetrics,
    health: { ready: () => {} },
    access: { host: { kubeconfig } },
  });
  const informer: Informer<Pod> = engine
    .forPlugin('bench', log)
    .informer(Pods, transformed ? { transform: { id: 'slim', apply: slim } } : {});
  informer.on({ update: (object) => updated(object.metadata.annotations) });
  return async () => {
    await engine.startInformers(AbortSignal.timeout(300_000));
    return () => [...informer.list()].length;
  };
}

async function clientNode(updated: Updated) {
  const { KubeConfig, CoreV1Api, makeInformer } = await import('@kubernetes/client-node');
  const config = new KubeConfig();
  config.loadFromString(kubeconfig);
  const api = config.makeApiClient(CoreV1Api);
  const informer = makeInformer(config, '/api/v1/pods', () => api.listPodForAllNamespaces());
  informer.on('update', (object) => updated(object.metadata?.annotations));
  informer.on('error', (error) => console.error(error));
  return async () => {
    await informer.start();
    return () => informer.list().length;
  };
}

let lags: number[] = [];
let updates = 0;
const updated: Updated = (annotations) => {
  updates += 1;
  const at = annotations?.['bench/at'];
  if (at !== undefined) lags.push(performance.timeOrigin + performance.now() - Number(at));
};
const idle = async () => () => Promise.resolve(() => 0);
const start =
  mode === 'idle' ? await idle() : mode === 'client-node' ? await clientNode(updated) : await kosmos(mode === 'kosmos-transform', updated);
gc();
const before = process.memoryUsage().heapUsed;
let blocks = watchBlocks();
const cpu = process.cpuUsage();
const since = performance.now();
const count = await start();
const syncedMs = performance.now() - since;
const { user, system } = process.cpuUsage(cpu);
const longest = blocks.longest();
blocks.stop();
const { rss } = process.memoryUsage();
await new Promise((resolve) => setTimeout(resolve, 200));
gc();
gc();
const heap = process.memoryUsage().heapUsed - before;
process.send?.({ objects: count(), syncedMs, cpuMs: (user + system) / 1000, blocks: longest, heap, rss });

let busy = process.cpuUsage();
process.on('message', (message) => {
  if (message === 'begin' || message === 'begin, with blocks') {
    [lags, updates, busy] = [[], 0, process.cpuUsage()];
    // To look for them costs CPU time, too.
    if (message !== 'begin') blocks = watchBlocks();
    process.send?.('begun');
  } else if (message === 'report') {
    const used = process.cpuUsage(busy);
    const cpuMs = (used.user + used.system) / 1000;
    process.send?.({ updates, cpuMs, p50: quantile(lags, 0.5), p99: quantile(lags, 0.99), blocks: blocks.longest() });
  } else process.exit(0);
});
