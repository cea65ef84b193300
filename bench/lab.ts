/** What a lab takes: a Deployment that rolls out, the memory of its parts, and how soon a service follows its endpoints. */
import { spawn } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Kind, KObject } from '@kosmos/kernel';
import { type Lab, plainTopology, startLab } from '@kosmos/lab';
import { eventually } from '@kosmos/testing';
import { quantile, type Result } from './result.ts';

const PODS = 100;
const NODES = 10;
const CHANGES = 50;

interface Deployment extends KObject {
  readonly spec: object;
  readonly status?: { readonly readyReplicas?: number };
}
const Deployments: Kind<Deployment> = { group: 'apps', version: 'v1', kind: 'Deployment', plural: 'deployments', namespaced: true };
const Services: Kind<KObject & { spec: object }> = { group: '', version: 'v1', kind: 'Service', plural: 'services', namespaced: true };
const Slices: Kind<KObject & { endpoints: object[]; [field: string]: unknown }> = {
  group: 'discovery.k8s.io',
  version: 'v1',
  kind: 'EndpointSlice',
  plural: 'endpointslices',
  namespaced: true,
};

export async function run(): Promise<Result[]> {
  return withLab(1, NODES, async (lab, startMs) => [
    { name: `lab of 1 cluster with ${NODES} nodes: command to ready`, value: startMs / 1000, unit: 's' },
    ...(await memory(lab)),
    ...(await follow(lab)),
    ...(await rollOut(lab)),
  ]);
}

/** Starts a lab, says how long that took, and takes it down afterwards. */
export async function withLab(clusters: number, nodes: number, work: (lab: Lab, startMs: number) => Promise<Result[]>): Promise<Result[]> {
  const since = performance.now();
  const lab = await startLab({ name: 'bench', topology: plainTopology(clusters, nodes) });
  const startMs = performance.now() - since;
  try {
    return await work(lab, startMs);
  } finally {
    await lab.down();
  }
}

/** Resident memory in MiB of the processes whose name ends so. */
export async function rss(lab: Lab, ...ends: readonly string[]): Promise<number[]> {
  const { processes } = await lab.status();
  return processes.filter((p) => ends.some((e) => p.name.endsWith(e))).map((p) => (p.rss ?? 0) / 2 ** 20);
}
export const sum = (values: readonly number[]) => values.reduce((a, b) => a + b, 0);

async function memory(lab: Lab): Promise<Result[]> {
  return [
    {
      name: 'control plane: resident memory',
      value: sum(await rss(lab, '/apiserver', '/dns')),
      unit: 'MiB',
      note: 'API server and DNS server',
    },
    { name: 'node: resident memory, idle, p50', value: quantile(await rss(lab, '/kubelet'), 0.5), unit: 'MiB' },
  ];
}

async function rollOut(lab: Lab): Promise<Result[]> {
  const client = lab.client('c1');
  const before = sum(await rss(lab, '/kubelet', '/apiserver'));
  const metadata = { name: 'bench', namespace: 'default' };
  const template = { metadata: { labels: { app: 'bench' } }, spec: { containers: [{ name: 'main', image: 'lab/pause' }] } };
  const since = performance.now();
  const spec = { replicas: PODS, selector: { matchLabels: { app: 'bench' } }, template };
  await client.apply(Deployments, { apiVersion: 'apps/v1', kind: 'Deployment', metadata, spec }, { fieldManager: 'bench' });
  await eventually(async () => (await client.get(Deployments, 'bench', { namespace: 'default' }))?.status?.readyReplicas === PODS, {
    message: `${PODS} pods are ready`,
    timeoutMs: 180_000,
    intervalMs: 100,
  });
  const seconds = (performance.now() - since) / 1000;
  const grown = sum(await rss(lab, '/kubelet', '/apiserver')) - before;
  return [
    { name: `Deployment of ${PODS} pods on ${NODES} nodes: written to ready`, value: seconds, unit: 's', target: '<= 20' },
    {
      name: 'pod: resident memory',
      value: grown / PODS + containerMiB(),
      unit: 'MiB',
      note: 'growth of kubelets and API server, and its process',
    },
  ];
}

/** Mean of what the containers of image lab/pause have resident by themselves; proc(5): the pages of a file are others', too. */
function containerMiB(): number {
  const pids = readdirSync('/proc').filter((pid) => /^\d+$/.test(pid));
  const anonymous = pids.flatMap((pid) => {
    try {
      if (!readFileSync(`/proc/${pid}/cmdline`, 'utf8').startsWith('sleep\0infinity')) return [];
      return Number(/RssAnon:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0) / 1024;
    } catch {
      return []; // ended in between
    }
  });
  return anonymous.length === 0 ? 0 : sum(anonymous) / anonymous.length;
}

/** An endpoint comes and goes; `nft monitor` on a node tells when it is in the kernel. */
async function follow(lab: Lab): Promise<Result[]> {
  const client = lab.client('c1');
  const metadata = { name: 'follow', namespace: 'default' };
  const service = { apiVersion: 'v1', kind: 'Service', metadata, spec: { ports: [{ port: 80 }] } };
  await client.apply(Services, service, { fieldManager: 'bench' });
  const labels = { 'kubernetes.io/service-name': 'follow' };
  const write = (addresses: readonly string[]) =>
    client.apply(
      Slices,
      {
        apiVersion: 'discovery.k8s.io/v1',
        kind: 'EndpointSlice',
        metadata: { ...metadata, labels },
        addressType: 'IPv4',
        endpoints: addresses.map((a) => ({ addresses: [a] })),
        ports: [{ port: 8080, protocol: 'TCP' }],
      },
      { fieldManager: 'bench' },
    );
  const [file, ...args] = lab.command('c1/n10', ['nft', 'monitor']) as [string, ...string[]];
  const monitor = spawn(file, args, { stdio: ['ignore', 'pipe', 'ignore'] });
  const seen = new Map<string, number>();
  createInterface({ input: monitor.stdout }).on('line', (line) => {
    const added = /dnat to (10\.1\.9\.\d+)/.exec(line)?.[1];
    if (added && !seen.has(added)) seen.set(added, performance.now());
  });
  const times: number[] = [];
  try {
    await sleep(500); // nft monitor does not say when it listens
    for (let i = 1; i <= CHANGES; i += 1) {
      const ip = `10.1.9.${i}`;
      const written = performance.now();
      await write(['10.1.8.1', '10.1.8.2', ip]);
      await eventually(() => seen.has(ip), { message: `a rule for ${ip}`, intervalMs: 1 });
      times.push((seen.get(ip) as number) - written);
    }
  } finally {
    monitor.kill();
  }
  return [
    { name: 'EndpointSlice written to rules in the kernel of a node, p50', value: quantile(times, 0.5), unit: 'ms' },
    { name: 'EndpointSlice written to rules in the kernel of a node, p99', value: quantile(times, 0.99), unit: 'ms', target: '<= 2000' },
  ];
}
