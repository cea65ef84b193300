/** How commands reach the processes of this machine: each `kosmos run` listens on a socket in one folder. */
import { mkdirSync, readdirSync, rmSync, statSync } from 'node:fs';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { KernelStatus } from '@kosmos/kernel/runtime';
import { fail } from '@kosmos/kernel/runtime';

const TIMEOUT_MS = 3000;

/** KOSMOS_RUN_DIR, or the usual place for sockets of this user. */
export function runDir(env: NodeJS.ProcessEnv = process.env): string {
  const uid = process.getuid?.() ?? 0;
  if (env.KOSMOS_RUN_DIR) return env.KOSMOS_RUN_DIR;
  if (uid === 0) return '/run/kosmos';
  return env.XDG_RUNTIME_DIR ? join(env.XDG_RUNTIME_DIR, 'kosmos') : join(tmpdir(), `kosmos-${uid}`);
}

/** Where a process of this role listens; undefined where the folder is somebody else's. */
export function controlSocket(role: string): string | undefined {
  const folder = runDir();
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    if (statSync(folder).uid !== process.getuid?.()) return undefined;
  } catch {
    return undefined; // e.g. a read-only file system
  }
  return join(folder, `${role}-${process.pid}.sock`);
}

export interface Answer {
  readonly status: number;
  readonly text: string;
}

export function ask(socketPath: string, path: string, how: { method?: string; body?: string } = {}): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const sent = request({ socketPath, path, method: how.method ?? 'GET', timeout: TIMEOUT_MS }, (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
      response.on('end', () => resolve({ status: response.statusCode ?? 0, text: text.trimEnd() })).on('error', reject);
    });
    sent.on('timeout', () => sent.destroy(new Error(`no answer within ${TIMEOUT_MS / 1000} s`)));
    sent.on('error', reject);
    sent.end(how.body);
  });
}

/** Sockets of the processes that run; what one that was killed left behind is removed. */
export async function sockets(): Promise<string[]> {
  const folder = runDir();
  let names: string[];
  try {
    names = readdirSync(folder).filter((name) => name.endsWith('.sock'));
  } catch {
    return [];
  }
  const found = await Promise.all(
    names.sort().map(async (name) => {
      const path = join(folder, name);
      try {
        await ask(path, '/healthz');
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'ECONNREFUSED') return path; // it hangs: that is worth telling
        rmSync(path, { force: true });
        return undefined;
      }
      return path;
    }),
  );
  return found.filter((path) => path !== undefined);
}

/** Of the processes of this machine, or of the one at an address; throws where there is none. */
export async function statuses(address: string | undefined): Promise<KernelStatus[]> {
  if (address !== undefined) return [await statusAt(address)];
  const found = await sockets();
  if (found.length === 0)
    throw fail('KOSMOS_E_NO_PROCESS', 'no kosmos process of this user runs on this machine', {
      where: runDir(),
      hint: 'Start one: kosmos run --role ROLE. Or name where it serves health: --address http://HOST:PORT. In a cluster: kubectl exec.',
    });
  return Promise.all(
    found.map(async (path) => {
      try {
        return JSON.parse((await ask(path, '/status')).text) as KernelStatus;
      } catch (error) {
        throw fail('KOSMOS_E_NO_PROCESS', `the process at ${path} does not answer: ${(error as Error).message}`, {
          where: path,
          hint: 'See its log; the number in the name is its process id.',
        });
      }
    }),
  );
}

async function statusAt(address: string): Promise<KernelStatus> {
  const hint = 'Give what the config has as `http`, e.g. --address http://127.0.0.1:9100.';
  try {
    const response = await fetch(new URL('/status', address), { signal: AbortSignal.timeout(TIMEOUT_MS) });
    if (!response.ok) throw new Error(`it answered ${response.status}`);
    return (await response.json()) as KernelStatus;
  } catch (error) {
    const { cause, message } = error as Error;
    const why = cause instanceof Error ? cause.message : message;
    throw fail('KOSMOS_E_NO_PROCESS', `no kosmos process answers at ${address}: ${why}`, { where: '--address', hint });
  }
}
