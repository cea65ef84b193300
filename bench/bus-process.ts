/** An informer in a process of its own, for the benchmarks of the bus. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import type { Blocks } from './loop-blocks.ts';
import type { BenchServer } from './bus-server.ts';

export type Mode = 'client-node' | 'kosmos' | 'kosmos-transform';
/** `idle` does nothing: what holds it up is the machine. */
export type Process = Mode | 'idle';
export interface Synced {
  readonly objects: number;
  readonly syncedMs: number;
  readonly cpuMs: number;
  readonly blocks: Blocks;
  readonly heap: number;
  readonly rss: number;
}
export interface Updated {
  readonly updates: number;
  readonly cpuMs: number;
  readonly p50: number;
  readonly p99: number;
  readonly blocks: Blocks;
}

/** Starts an informer in a process of its own; resolves with what it says once it has all pods. */
export async function informer(
  mode: Process,
  server: Pick<BenchServer, 'kubeconfig'>,
): Promise<{ readonly child: ChildProcess; readonly synced: Synced }> {
  const args = [
    '--conditions=@kosmos/source',
    '--disable-warning=ExperimentalWarning',
    '--expose-gc',
    'bench/bus-client.ts',
    mode,
    server.kubeconfig,
  ];
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
  const [synced] = (await once(child, 'message')) as [Synced];
  return { child, synced };
}

export async function end(child: ChildProcess): Promise<void> {
  const ended = once(child, 'exit');
  child.send('end');
  await ended;
}

/** Waits until so many updates were heard, or no more come. */
export async function report(child: ChildProcess, wanted: number): Promise<Updated> {
  for (let last = -1; ;) {
    await new Promise((resolve) => setTimeout(resolve, 1500));
    child.send('report');
    const [told] = (await once(child, 'message')) as [Updated];
    if (told.updates >= wanted || told.updates === last) return told;
    last = told.updates;
  }
}

/** What held up a process, beside one that did nothing. */
export function told({ ownMs, wallMs, gcMs }: Blocks, idle: Blocks): string {
  const parts = [`longest block ${ownMs.toFixed(1)} ms, by the clock ${wallMs.toFixed(1)} ms`, `garbage collection ${gcMs.toFixed(1)} ms`];
  return `${parts.join(', ')}; of a process that does nothing ${idle.wallMs.toFixed(1)} ms`;
}
