/** Service accounts as `kosmos rbac` prints them, made by kubectl; and who has their tokens. */
import { execFile, spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import type { KubeClient } from '@kosmos/kernel';
import { createKernel } from '@kosmos/kernel/runtime';
import { onCleanUp } from '@kosmos/testing';
import { parse } from 'yaml';

const KOSMOS = resolve('packages/cli/bin/kosmos.js');

/** What `kosmos ARGS` prints; without a config file it runs the plugins of the preset. */
export async function kosmos(args: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<string> {
  const argv = ['--conditions=@kosmos/source', KOSMOS, ...args];
  return (await promisify(execFile)(process.execPath, argv, { cwd: tmpdir(), env: { ...process.env, ...env } })).stdout;
}

/** `kubectl apply -f -`. @throws what kubectl says */
export async function apply(kubeconfig: string, manifests: string): Promise<void> {
  const home = mkdtempSync(join(tmpdir(), 'kosmos-kubectl-'));
  try {
    writeFileSync(join(home, 'config'), kubeconfig, { mode: 0o600 });
    const env = { PATH: process.env.PATH, HOME: home, KUBECONFIG: join(home, 'config') };
    const child = spawn('kubectl', ['apply', '-f', '-'], { env, stdio: ['pipe', 'ignore', 'pipe'] });
    let said = '';
    child.stderr.setEncoding('utf8').on('data', (text: string) => (said += text));
    child.stdin.end(manifests);
    const code = await new Promise((done) => child.once('close', done));
    if (code !== 0) throw new Error(`kubectl apply ended with ${code}: ${said}`);
  } finally {
    rmSync(home, { recursive: true, force: true });
  }
}

/** The kubeconfig of another user of the same server, by a token of the service account. */
export async function kubeconfigOf(admin: { readonly client: KubeClient; readonly kubeconfig: string }, account: string): Promise<string> {
  const path = `/api/v1/namespaces/kosmos-system/serviceaccounts/${account}/token`;
  const body = { apiVersion: 'authentication.k8s.io/v1', kind: 'TokenRequest', spec: {} };
  const { status } = (await admin.client.request('POST', path, { body })) as { status: { token: string } };
  const config = parse(admin.kubeconfig) as { users: { name: string }[] };
  return JSON.stringify({ ...config, users: config.users.map(({ name }) => ({ name, user: { token: status.token } })) });
}

/** A client of one server, until `cleanUp`. */
export async function clientOf(kubeconfig: string): Promise<KubeClient> {
  const kernel = await createKernel({ config: { clusters: { host: { kubeconfig } }, plugins: [] }, role: 'cli', logLevel: 'silent' });
  onCleanUp(() => kernel.stop());
  return kernel.clusters.client('host');
}
