import { type ChildProcess, spawn } from 'node:child_process';
import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { request } from 'node:https';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Faults, startApiServer } from '@kosmos/apiserver';
import { eventually } from './eventually.ts';

/** An API server of a test: the embedded one, or a real kube-apiserver. */
export interface TestApiServer {
  /** `https://127.0.0.1:port` */
  readonly url: string;
  /** Of an administrator, as text (YAML or JSON). */
  readonly kubeconfig: string;
  /** Only of the embedded server. */
  readonly faults: Faults | undefined;
  /** Takes it down; `up` brings it up again: same port, same objects. */
  down(): Promise<void>;
  up(): Promise<void>;
  /** Takes it down for good and removes what it kept. */
  stop(): Promise<void>;
}

export interface TestApiServerOptions {
  /** One IPv4 range for ClusterIPs. */
  readonly serviceCIDR?: string;
  /** Of a real server: pods run as a service account, which has to be there; by default it does not ask, as nobody makes them. */
  readonly serviceAccounts?: boolean;
}

/** The folder with `kube-apiserver` and `etcd`, as `setup-envtest use -p path` prints it; without it tests take the embedded server. */
export const REAL: string | undefined = process.env.KUBEBUILDER_ASSETS || undefined;
const START_MS = 60_000;

export function startTestApiServer(options: TestApiServerOptions = {}): Promise<TestApiServer> {
  return REAL ? startReal(REAL, options) : startEmbedded(options);
}

async function startEmbedded({ serviceCIDR }: TestApiServerOptions): Promise<TestApiServer> {
  const dataDir = mkdtempSync(join(tmpdir(), 'kosmos-api-'));
  const options = { dataDir, ...(serviceCIDR && { serviceCIDRs: [serviceCIDR] }) };
  let server = await startApiServer(options);
  const { port, url } = server;
  return {
    url,
    kubeconfig: server.kubeconfig(),
    get faults() {
      return server.faults;
    },
    down: () => server.stop(),
    async up() {
      server = await startApiServer({ ...options, port });
    },
    async stop() {
      await server.stop();
      rmSync(dataDir, { recursive: true, force: true });
    },
  };
}

/** kube-apiserver makes its certificate itself, for the address that it advertises, and writes it with its CA to --cert-dir. */
async function startReal(assets: string, { serviceCIDR = '10.0.0.0/24', serviceAccounts }: TestApiServerOptions): Promise<TestApiServer> {
  const folder = mkdtempSync(join(tmpdir(), 'kosmos-real-'));
  const file = (name: string, text: string) => {
    writeFileSync(join(folder, name), text, { mode: 0o600 });
    return join(folder, name);
  };
  const [port, client, peer] = [await freePort(), await freePort(), await freePort()];
  const token = randomBytes(16).toString('hex');
  const tokens = file('tokens.csv', `${token},admin,1,"system:masters"\n`);
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const key = file('service-accounts.key', privateKey.export({ type: 'pkcs1', format: 'pem' }).toString());
  const url = `https://127.0.0.1:${port}`;
  const certificates = () => readFileSync(join(folder, 'apiserver.crt'));
  const run = (name: string, args: string[]) => {
    const log = openSync(join(folder, `${name}.log`), 'a');
    return spawn(join(assets, name), args, { stdio: ['ignore', log, log] });
  };
  const etcd = run('etcd', [
    `--data-dir=${join(folder, 'etcd')}`,
    `--listen-client-urls=http://127.0.0.1:${client}`,
    `--advertise-client-urls=http://127.0.0.1:${client}`,
    `--listen-peer-urls=http://127.0.0.1:${peer}`,
    '--unsafe-no-fsync',
  ]);
  let server: ChildProcess | undefined;
  const up = async () => {
    server = run('kube-apiserver', [
      `--etcd-servers=http://127.0.0.1:${client}`,
      `--secure-port=${port}`,
      '--bind-address=127.0.0.1',
      '--advertise-address=127.0.0.1',
      // It may not announce a loopback address as that of the Service `kubernetes`, which nobody needs here.
      '--endpoint-reconciler-type=none',
      `--cert-dir=${folder}`,
      `--token-auth-file=${tokens}`,
      '--authorization-mode=RBAC',
      `--service-account-key-file=${key}`,
      `--service-account-signing-key-file=${key}`,
      '--service-account-issuer=https://kubernetes.default.svc',
      `--service-cluster-ip-range=${serviceCIDR}`,
      '--allow-privileged=true',
      ...(serviceAccounts ? [] : ['--disable-admission-plugins=ServiceAccount']),
    ]);
    await eventually(() => ready(url, certificates(), token), { timeoutMs: START_MS, message: `${url}/readyz answers` });
  };
  const stop = async () => {
    await ended(server);
    await ended(etcd);
    rmSync(folder, { recursive: true, force: true });
  };
  try {
    await up();
  } catch (error) {
    const logs = ['etcd', 'kube-apiserver'].map((name) => `${name}: ${lastLines(join(folder, `${name}.log`))}`).join('\n');
    await stop();
    throw new Error(`${(error as Error).message}\n${logs}`, { cause: error });
  }
  const cluster = { server: url, 'certificate-authority-data': certificates().toString('base64') };
  const kubeconfig = JSON.stringify({
    apiVersion: 'v1',
    kind: 'Config',
    'current-context': 'test',
    clusters: [{ name: 'test', cluster }],
    users: [{ name: 'test', user: { token } }],
    contexts: [{ name: 'test', context: { cluster: 'test', user: 'test' } }],
  });
  return { url, kubeconfig, faults: undefined, down: () => ended(server), up, stop };
}

function ready(url: string, ca: Buffer, token: string): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const headers = { authorization: `Bearer ${token}` };
    const asked = request(`${url}/readyz`, { ca, headers, agent: false, timeout: 2000 }, (answer) => {
      answer.resume();
      resolve(answer.statusCode === 200);
    });
    asked.on('timeout', () => asked.destroy(new Error('no answer within 2 s')));
    asked.on('error', reject);
    asked.end();
  });
}

function ended(child: ChildProcess | undefined): Promise<void> {
  return new Promise((resolve) => {
    if (!child?.pid || child.exitCode !== null || child.signalCode !== null) return resolve();
    child.once('exit', () => resolve());
    child.kill('SIGKILL');
  });
}

function lastLines(file: string): string {
  try {
    return readFileSync(file, 'utf8').split('\n').slice(-10).join('\n');
  } catch {
    return 'wrote nothing';
  }
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const probe = createServer().once('error', reject);
    probe.listen(0, '127.0.0.1', () => {
      const { port } = probe.address() as { port: number };
      probe.close(() => resolve(port));
    });
  });
}
