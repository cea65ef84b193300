/** The API server that the bus is measured against, in a process of its own: embedded, or real where KUBEBUILDER_ASSETS is set. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { REAL, startTestApiServer } from '@kosmos/testing';
import { createEngine, createLogger, noMetrics, systemClock } from '@kosmos/kernel/runtime';
import type { KubeClient } from '@kosmos/kernel';

export interface BenchServer {
  readonly kubeconfig: string;
  /** Ends it at once, and starts it again with what it kept; resolves when it serves. */
  restart(): Promise<void>;
  stop(): Promise<void>;
}

/** `kept`: the embedded one has its objects on disk, and so after a restart too. */
export async function startServer(kept = false): Promise<BenchServer> {
  if (REAL) {
    const server = await startTestApiServer();
    return { kubeconfig: server.kubeconfig, restart: () => server.down().then(() => server.up()), stop: () => server.stop() };
  }
  const folder = mkdtempSync(join(tmpdir(), 'bench-bus-'));
  const start = async (port: string) => {
    const args = ['packages/apiserver/bin/kosmos-apiserver.js', '--port', port, ...(kept ? ['--data', folder] : [])];
    const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
    const [line] = (await once(child.stdout, 'data')) as [Buffer];
    return { child, kubeconfig: readFileSync(line.toString().trim(), 'utf8') };
  };
  let { child, kubeconfig } = await start('0');
  const port = /server: ['"]?https:\/\/[^:]+:(\d+)/.exec(kubeconfig)?.[1] ?? '0';
  const end = async () => {
    const ended = once(child, 'exit');
    child.kill('SIGKILL');
    await ended;
  };
  return {
    kubeconfig,
    restart: async () => {
      await end();
      ({ child } = await start(port));
    },
    stop: async () => {
      await end();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** A client for what the benchmark writes. */
export function clientOf(kubeconfig: string): { readonly client: KubeClient; close(): Promise<void> } {
  const engine = createEngine({
    self: { role: 'cli', cluster: 'host', instance: 'bench' },
    log: createLogger({ level: 'silent' }),
    clock: systemClock,
    metrics: noMetrics,
    health: { ready: () => {} },
    access: { host: { kubeconfig } },
  });
  return { client: engine.clusters.client('host'), close: () => engine.stop(AbortSignal.timeout(5000)) };
}

/** Runs `work` for 0 to `count`, so many at once. */
export async function each(count: number, atOnce: number, work: (i: number) => Promise<unknown>): Promise<void> {
  let next = 0;
  await Promise.all(
    Array.from({ length: atOnce }, async () => {
      while (next < count) await work(next++);
    }),
  );
}
