import { spawn } from 'node:child_process';
import { closeSync, openSync, rmSync } from 'node:fs';
import { createServer, type AddressInfo, type Server } from 'node:net';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { KosmosError, KosmosErrors } from '@kosmos/kernel';
import { keepIn, resume } from './data.ts';
import { takeDown } from './down.ts';
import { isCode, labError, messageOf } from './errors.ts';
import { isolated, nodeCommand, probe, toolEnv } from './isolate.ts';
import { claimDir, labDir, livingProcess, paths, readRecord, writeRecord, type LabRecord } from './state.ts';
import { lastLines } from './supervisor/processes.ts';
import type { Topology } from './topology.ts';
import { plainTopology } from './topology-file.ts';

/** A line of the supervisor: a step done, the end, or what went wrong. */
export type Progress =
  | { readonly step: string; readonly ms: number }
  | { readonly ready: true }
  | { readonly error: { code: string; message: string; where?: string; hint?: string } };

export interface UpOptions {
  readonly name: string;
  /** Default: what it was on its data, else two clusters of two nodes. */
  readonly topology?: Topology | undefined;
  /** An absolute path. What clusters keep is there, and outlives the lab; one that was killed has it from before. */
  readonly data?: string | undefined;
  /** Runs Kosmos too: the config's absolute path and the `kosmos` command as an argument vector. */
  readonly kosmos?: { readonly config: string; readonly command: readonly string[] } | undefined;
  readonly onStep?: ((step: string, ms: number) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Starts the lab's supervisor, which lives on by itself, and waits until the lab is ready. Cleans first what a lab of this
 * name left that was killed. Throws KOSMOS_E_LAB_RUNNING when it runs already; leaves nothing behind when it fails or `signal` aborts.
 */
export async function up(options: UpOptions): Promise<LabRecord> {
  const { userNamespace } = await probe();
  const dir = labDir(options.name);
  const { data = readRecord(dir)?.data } = options;
  if (!claimDir(dir)) {
    if (livingProcess(paths(dir).init) || livingProcess(paths(dir).launcher)) {
      throw labError('KOSMOS_E_LAB_RUNNING', `the lab '${options.name}' runs already`, {
        where: dir,
        hint: `kosmos lab status ${options.name}, kosmos lab down ${options.name}, or give the new one another name`,
      });
    }
    await takeDown(dir);
    if (!claimDir(dir))
      throw labError('KOSMOS_E_LAB_RUNNING', `the lab '${options.name}' is being started by another process`, { where: dir });
  }
  let servers: Server[] = [];
  try {
    const before = data === undefined ? undefined : resume(data, options.topology);
    const wanted = before?.topology ?? options.topology ?? plainTopology(2, 2);
    const kosmos = options.kosmos ?? before?.kosmos;
    servers = await listenAll(wanted);
    const ports = servers.map((s) => (s.address() as AddressInfo).port);
    const topology = { ...wanted, clusters: wanted.clusters.map((c, i) => ({ ...c, port: ports[i] as number })) };
    if (data !== undefined) keepIn(dir, data, topology);
    writeRecord(dir, { name: options.name, topology, userNamespace, ...(data !== undefined && { data }), ...(kosmos && { kosmos }) });
    await supervise(dir, userNamespace, servers, options);
    rmSync(paths(dir).launcher, { force: true });
    return readRecord(dir) as LabRecord;
  } catch (error) {
    await takeDown(dir);
    throw error;
  } finally {
    for (const server of servers) server.close();
  }
}

/**
 * A socket keeps the network namespace that it was made in: so these are made here, outside, and inherited by the
 * supervisor, which gives them to the API servers. All that cannot be had is reported at once.
 */
async function listenAll(topology: Topology): Promise<Server[]> {
  const results = await Promise.allSettled(topology.clusters.map((c) => listen(c.name, c.port)));
  const failed = results.flatMap((r) => (r.status === 'rejected' ? [r.reason as KosmosError] : []));
  const servers = results.flatMap((r) => (r.status === 'fulfilled' ? [r.value] : []));
  if (failed.length === 0) return servers;
  for (const server of servers) server.close();
  throw failed.length === 1 ? failed[0] : new KosmosErrors(failed);
}

function listen(cluster: string, port: number): Promise<Server> {
  const server = createServer((connection) => connection.destroy());
  return new Promise((resolve, reject) => {
    server.once('error', (cause) => {
      const why = isCode(cause, 'EADDRINUSE') ? 'is in use' : `cannot be listened on: ${messageOf(cause)}`;
      reject(
        labError('KOSMOS_E_LAB_PORT', `port ${port} on 127.0.0.1, for the API server of ${cluster}, ${why}`, {
          where: `clusters[name=${cluster}].port`,
          hint: 'name another one, or none to have a free one picked',
          cause,
        }),
      );
    });
    server.listen({ host: '127.0.0.1', port }, () => resolve(server));
  });
}

async function supervise(dir: string, userNamespace: boolean, servers: readonly Server[], options: UpOptions): Promise<void> {
  const at = paths(dir);
  const logFile = `${dir}/supervisor.log`;
  const log = openSync(logFile, 'a');
  const [file, ...args] = isolated(userNamespace, at.init, nodeCommand('./supervisor/main', dir)) as [string, ...string[]];
  // Node has no public name for a socket's descriptor.
  // oxlint-disable-next-line no-underscore-dangle
  const listeners = servers.map((s) => (s as Server & { _handle: { fd: number } })._handle.fd);
  // The lab's processes run the same code, and half of what they do at the start is to compile it.
  const caches = process.env.XDG_CACHE_HOME || join(homedir(), '.cache');
  const env = { ...toolEnv(), NODE_COMPILE_CACHE: process.env.NODE_COMPILE_CACHE ?? join(caches, 'kosmos-lab') };
  const child = spawn(file, args, { detached: true, cwd: '/', env, stdio: ['ignore', log, log, 'pipe', ...listeners] });
  closeSync(log);
  child.unref();
  for (const server of servers) server.close();
  const abort = () => child.stdio[3]?.destroy(new Error('interrupted'));
  options.signal?.addEventListener('abort', abort);
  try {
    await Promise.race([
      followed(child.stdio[3] as Readable, logFile, options.onStep),
      new Promise<never>((_, reject) =>
        child.once('error', (cause) => reject(labError('KOSMOS_E_LAB_SYSTEM', `${file} cannot be run: ${cause.message}`, { cause }))),
      ),
    ]);
  } finally {
    options.signal?.removeEventListener('abort', abort);
    child.stdio[3]?.destroy();
  }
  options.signal?.throwIfAborted();
}

async function followed(stream: Readable, logFile: string, onStep: UpOptions['onStep']): Promise<void> {
  let broken: Error | undefined;
  stream.on('error', (error) => (broken = error));
  for await (const text of createInterface({ input: stream })) {
    const line = JSON.parse(text) as Progress;
    if ('ready' in line) return;
    if ('error' in line) throw new KosmosError(line.error.code, line.error.message, line.error);
    onStep?.(line.step, line.ms);
  }
  if (broken) throw labError('KOSMOS_E_LAB_START', `the lab was not started: ${broken.message}`);
  throw labError('KOSMOS_E_LAB_START', `the lab's supervisor ended before the lab was ready; it last said:\n${lastLines(logFile, 10)}`);
}
