/** The informer bus next to the informer of client-node (and client-go): first list, memory, updates. */
import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { KubeClient } from '@kosmos/kernel';
import { REAL } from '@kosmos/testing';
import { NAMESPACES, PODS, namespaceOf, pod, podName } from './bus-pod.ts';
import { type Mode, type Synced, end, informer, report, told } from './bus-process.ts';
import { type BenchServer, clientOf, each, startServer } from './bus-server.ts';
import { quantile, type Result } from './result.ts';

const ROUNDS = 3;
const UPDATES = 10_000;

export async function run(): Promise<Result[]> {
  const server = await startServer();
  const { client, close } = clientOf(server.kubeconfig);
  try {
    await fill(client);
    return [...(await first(server)), ...clientGo(server), ...(await updates(server, client))];
  } finally {
    await close();
    await server.stop();
  }
}

async function fill(client: KubeClient): Promise<void> {
  for (let i = 0; i < NAMESPACES; i += 1) {
    const name = `bench-${i}`;
    await client.request('POST', '/api/v1/namespaces', { body: { apiVersion: 'v1', kind: 'Namespace', metadata: { name } } });
    const account = { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name: 'default' } };
    await client.request('POST', `/api/v1/namespaces/${name}/serviceaccounts`, { body: account });
  }
  await each(PODS, 24, (i) => client.request('POST', `/api/v1/namespaces/${namespaceOf(i)}/pods`, { body: pod(i) }));
}

const median = (values: readonly number[]) => quantile(values, 0.5);

/** The informers take turns, so that a machine that gets slower does so for all. */
async function first(server: BenchServer): Promise<Result[]> {
  const runs: Record<Mode, Synced[]> = { 'client-node': [], kosmos: [], 'kosmos-transform': [] };
  const { child: idle } = await informer('idle', server);
  idle.send('begin, with blocks');
  await once(idle, 'message');
  for (let i = 0; i < ROUNDS; i += 1) {
    for (const mode of ['client-node', 'kosmos', 'kosmos-transform'] as const) {
      const { child, synced } = await informer(mode, server);
      await end(child);
      if (synced.objects !== PODS) throw new Error(`${mode} has ${synced.objects} of ${PODS} pods`);
      runs[mode].push(synced);
    }
  }
  const { blocks: nothing } = await report(idle, 0);
  await end(idle);
  const of = (mode: Mode, value: (run: Synced) => number) => median(runs[mode].map(value));
  const ratio = (mode: Mode, value: (run: Synced) => number) => of(mode, value) / of('client-node', value);
  const seconds = (run: Synced) => run.syncedMs / 1000;
  const perObject = (run: Synced) => run.heap / PODS / 1024;
  const results: Result[] = (['client-node', 'kosmos', 'kosmos-transform'] as const).flatMap((mode) => [
    {
      name: `${mode}: time to synced`,
      value: of(mode, seconds),
      unit: 's',
      note: `${PODS} pods, median of ${ROUNDS}; CPU ${(of(mode, (r) => r.cpuMs) / 1000).toFixed(2)} s`,
    },
    {
      name: `${mode}: heap per object`,
      value: of(mode, perObject),
      unit: 'KiB',
      note: `heap ${(of(mode, (r) => r.heap) / 2 ** 20).toFixed(0)} MiB, RSS ${(of(mode, (r) => r.rss) / 2 ** 20).toFixed(0)} MiB`,
    },
    {
      name: `${mode}: longest block of the event loop`,
      value: of(mode, (r) => r.blocks.ownMs),
      unit: 'ms',
      ...(mode === 'client-node' ? {} : { target: '<= 10' }),
      note: told(
        { ownMs: of(mode, (r) => r.blocks.ownMs), wallMs: of(mode, (r) => r.blocks.wallMs), gcMs: of(mode, (r) => r.blocks.gcMs) },
        nothing,
      ),
    },
  ]);
  return [
    ...results,
    { name: 'time to synced, of that of client-node', value: ratio('kosmos', seconds), unit: '', target: REAL ? '<= 0.7' : '<= 0.5' },
    { name: 'heap, of that of client-node', value: ratio('kosmos', perObject), unit: '', target: '<= 0.5' },
    { name: 'heap with a transform, of that of client-node', value: ratio('kosmos-transform', perObject), unit: '', target: '<= 0.25' },
  ];
}

/** client-go, where there is a binary: called with --kubeconfig FILE, it prints {"syncedMs": N, "heap": bytes} once it has all pods, and ends. */
function clientGo(server: BenchServer): Result[] {
  const binary = process.env.CLIENT_GO_BENCH;
  if (!binary) return [];
  const folder = mkdtempSync(join(tmpdir(), 'bench-go-'));
  const file = join(folder, 'kubeconfig');
  writeFileSync(file, server.kubeconfig, { mode: 0o600 });
  try {
    const { stdout, status, stderr } = spawnSync(binary, ['--kubeconfig', file], { encoding: 'utf8' });
    if (status !== 0) throw new Error(`${binary} ended with ${status}: ${stderr}`);
    const { syncedMs, heap } = JSON.parse(stdout.trim().split('\n').at(-1) ?? '') as { syncedMs: number; heap: number };
    return [
      { name: 'client-go: time to synced', value: syncedMs / 1000, unit: 's' },
      { name: 'client-go: heap per object', value: heap / PODS / 1024, unit: 'KiB' },
    ];
  } finally {
    rmSync(folder, { recursive: true });
  }
}

async function updates(server: BenchServer, client: KubeClient): Promise<Result[]> {
  const results: Result[] = [];
  for (const mode of ['client-node', 'kosmos'] as const) {
    const { child } = await informer(mode, server);
    const patch = (i: number) => {
      const n = (i * 37) % PODS;
      const path = `/api/v1/namespaces/${namespaceOf(n)}/pods/${podName(n)}`;
      const body = `{"metadata":{"annotations":{"bench/at":"${performance.timeOrigin + performance.now()}"}}}`;
      return client.request('PATCH', path, { body, contentType: 'application/merge-patch+json' });
    };
    child.send('begin');
    await once(child, 'message');
    await each(UPDATES, 16, patch);
    const busy = await report(child, UPDATES);
    await end(child);
    const note = `${busy.updates} of ${UPDATES} heard`;
    results.push({ name: `${mode}: CPU per 10,000 updates`, value: (busy.cpuMs * 10_000) / busy.updates, unit: 'ms', note });
  }
  return results;
}
