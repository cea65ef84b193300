/** `kosmos check` as a user runs it, where the API servers of all clusters can be reached: beside the control plane of a lab. */
import { spawn } from 'node:child_process';
import { resolve } from 'node:path';
import type { Lab } from '@kosmos/lab';
import type { Kind, KObject } from '@kosmos/kernel';

export const CONFIG = resolve('examples/health/kosmos.config.ts');
const KOSMOS = resolve('packages/cli/bin/kosmos.js');
const DEADLINE_MS = 90_000;

export interface CheckRow {
  readonly from: string;
  readonly to: string;
  readonly kind: 'pod' | 'service' | 'host';
  readonly family: 4 | 6;
  readonly rttMs?: number;
  readonly lossPercent?: number;
  readonly mtu?: number;
  readonly sources: readonly string[];
  readonly asked: number;
  readonly failed: number;
  readonly samples: readonly {
    readonly problems: readonly string[];
    readonly skipped?: string;
    readonly source?: string;
    readonly explanation?: { readonly reason: string; readonly node?: string; readonly message: string; readonly fix: string };
  }[];
}
export interface CheckResult {
  readonly rows: readonly CheckRow[];
  readonly faults: readonly string[];
  readonly warnings: readonly string[];
}

export interface Running {
  /** To all of it, as a terminal does: what enters the lab's namespaces passes no signal on. */
  kill(signal: NodeJS.Signals): void;
  readonly done: Promise<{ readonly code: number; readonly stdout: string; readonly stderr: string }>;
}

export function startCheck(lab: Lab, ...args: string[]): Running {
  const env = ['env', `KOSMOS_HOST_KUBECONFIG=${lab.host.innerKubeconfig}`];
  const command = [...env, process.execPath, KOSMOS, 'check', '--config', CONFIG, ...args];
  const [file, ...words] = lab.command('c1/cp', command) as [string, ...string[]];
  const child = spawn(file, words, { stdio: ['ignore', 'pipe', 'pipe'], detached: true });
  const kill = (signal: NodeJS.Signals) => void process.kill(-child.pid!, signal);
  const deadline = setTimeout(() => kill('SIGKILL'), DEADLINE_MS);
  let [stdout, stderr] = ['', ''];
  child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
  const done = new Promise<{ code: number; stdout: string; stderr: string }>((settle, reject) => {
    child.once('error', reject);
    child.once('close', (code) => {
      clearTimeout(deadline);
      settle({ code: code ?? 128, stdout, stderr });
    });
  });
  return { kill, done };
}

/** What it found, as its JSON says. */
export async function check(lab: Lab, ...args: string[]): Promise<{ readonly code: number; readonly found: CheckResult }> {
  const { code, stdout, stderr } = await startCheck(lab, '-o', 'json', ...args).done;
  if (stdout === '') throw new Error(`kosmos check ended with ${code}: ${stderr}`);
  return { code, found: JSON.parse(stdout) as CheckResult };
}

/** `REASON NODE` of all failures. */
export function reasons({ rows }: CheckResult): string[] {
  const all = rows.flatMap(({ samples }) => samples.filter(({ problems }) => problems.length > 0));
  return [...new Set(all.map(({ explanation }) => [explanation?.reason ?? 'none', explanation?.node].filter(Boolean).join(' ')))].sort();
}

const Namespaces: Kind<KObject> = { group: '', version: 'v1', kind: 'Namespace', plural: 'namespaces', namespaced: false };

/** Namespaces of checks in all clusters, but for those that are being deleted. */
export async function leftovers(lab: Lab): Promise<string[]> {
  const all = await Promise.all(lab.clusters.map(({ name }) => lab.client(name).list(Namespaces, { labels: 'kosmos.io/check' })));
  return all.flat().flatMap(({ metadata }) => (metadata.deletionTimestamp ? [] : [metadata.name]));
}
