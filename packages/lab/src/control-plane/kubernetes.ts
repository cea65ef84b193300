import { type ChildProcess, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { request } from 'node:https';
import { connect, createServer } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Certificate, certify, kubeconfigText, loadPki, type Pki } from '@kosmos/apiserver';
import { KUBELET_CLIENT } from '@kosmos/apiserver/streams';
import { hostOf } from '../cidr.ts';
import { labError, messageOf } from '../errors.ts';
import type { Binaries } from './binaries.ts';
import type { ControlPlaneConfig } from './config.ts';
import { type ControlPlane, LISTENER_FD, PORT } from './control-plane.ts';

/** The network namespace of a control plane is its own, so these are free. */
const ETCD = { client: 'http://127.0.0.1:2379', peer: 'http://127.0.0.1:2380' };
const READY_MS = 60_000;
const STOP_MS = 2000;
const YEAR_MS = 365 * 24 * 3600 * 1000;

/**
 * etcd, kube-apiserver and kube-controller-manager. One that ends by itself ends this process, which is started again. `aggregator`
 * is how servers of further APIs know kube-apiserver.
 */
export async function startKubernetes(config: ControlPlaneConfig, binaries: Binaries, aggregator: Certificate): Promise<ControlPlane> {
  const dir = join(config.data, 'kubernetes');
  const at = (name: string) => join(dir, name);
  mkdirSync(dir, { recursive: true, mode: 0o700 });
  const pki = loadPki(namesOf(config), dir);
  const client = certify(pki.caKey, { commonName: KUBELET_CLIENT, usage: 'client', until: Date.now() + YEAR_MS });
  for (const [name, { cert, key }] of Object.entries({ 'kubelet-client': client, aggregator })) {
    writeFileSync(at(`${name}.crt`), cert, { mode: 0o600 });
    writeFileSync(at(`${name}.key`), key, { mode: 0o600 });
  }
  writeFileSync(at('sa.pub'), pki.tokenPublicKey.export({ type: 'spki', format: 'pem' }));
  const token = adminToken(at('tokens.csv'));
  const url = `https://${config.address.includes(':') ? `[${config.address}]` : config.address}:${PORT}`;
  const kubeconfig = (server = url) => kubeconfigText({ name: `${config.lab}-${config.cluster}`, server, ca: pki.ca, token });
  writeFileSync(at('kubeconfig'), kubeconfig(), { mode: 0o600 });

  const running: ChildProcess[] = [];
  let stopping = false;
  const run = (file: string, flags: Readonly<Record<string, string>>) => {
    const child = spawn(
      file,
      Object.entries(flags).map(([flag, value]) => `--${flag}=${value}`),
      { stdio: ['ignore', 'inherit', 'inherit'] },
    );
    running.unshift(child);
    child.once('error', (error) => fail(`${file} cannot be run: ${error.message}`));
    child.once('exit', (code, signal) => fail(`${file} ended with ${signal ?? code}`));
  };
  const fail = (why: string) => {
    if (stopping) return;
    console.error(why);
    process.exit(1);
  };
  run(binaries.etcd, {
    'data-dir': at('etcd'),
    'listen-client-urls': ETCD.client,
    'advertise-client-urls': ETCD.client,
    'listen-peer-urls': ETCD.peer,
    'initial-advertise-peer-urls': ETCD.peer,
    'initial-cluster': `default=${ETCD.peer}`,
    'log-level': 'warn',
  });
  run(binaries.apiserver, {
    'etcd-servers': ETCD.client,
    'bind-address': config.otherAddresses.length > 0 || config.address.includes(':') ? '::' : '0.0.0.0',
    'secure-port': String(PORT),
    'advertise-address': config.address,
    'tls-cert-file': at('server.crt'),
    'tls-private-key-file': at('server.key'),
    'client-ca-file': at('ca.crt'),
    'token-auth-file': at('tokens.csv'),
    'authorization-mode': 'RBAC',
    'allow-privileged': 'true',
    'service-cluster-ip-range': config.serviceCIDRs.join(),
    'service-account-issuer': 'https://kubernetes.default.svc.cluster.local',
    'service-account-key-file': at('sa.pub'),
    'service-account-signing-key-file': at('sa.key'),
    'kubelet-certificate-authority': at('ca.crt'),
    'kubelet-client-certificate': at('kubelet-client.crt'),
    'kubelet-client-key': at('kubelet-client.key'),
    'kubelet-preferred-address-types': 'InternalIP',
    'proxy-client-cert-file': at('aggregator.crt'),
    'proxy-client-key-file': at('aggregator.key'),
  });
  await ready(url, pki, token);
  run(binaries.controllerManager, {
    kubeconfig: at('kubeconfig'),
    controllers: '*',
    'leader-elect': 'false',
    'allocate-node-cidrs': 'false',
    'service-account-private-key-file': at('sa.key'),
    'root-ca-file': at('ca.crt'),
    'cluster-signing-cert-file': at('ca.crt'),
    'cluster-signing-key-file': at('ca.key'),
  });
  // This machine's users come in by a listener outside of the control plane's namespace.
  const entrance = createServer((outside) => {
    const inside = connect(PORT, config.address);
    for (const [one, other] of [
      [outside, inside],
      [inside, outside],
    ] as const) {
      one.pipe(other);
      one.once('error', () => other.destroy());
    }
  }).listen({ fd: LISTENER_FD });
  return {
    ca: pki.ca,
    kubeconfig,
    certify: async (asked) => certify(pki.caKey, { until: Date.now() + YEAR_MS, ...asked }),
    async stop() {
      stopping = true;
      entrance.close();
      // etcd last, so that nobody misses it.
      for (const child of running) await ended(child);
    },
  };
}

/** Names and addresses by which clients know the API server; the first address of each range of services is the service `kubernetes`. */
function namesOf({ address, otherAddresses, serviceCIDRs }: ControlPlaneConfig): string[] {
  const service = ['kubernetes', 'kubernetes.default', 'kubernetes.default.svc', 'kubernetes.default.svc.cluster.local'];
  return [address, ...otherAddresses, '127.0.0.1', 'localhost', ...service, ...serviceCIDRs.map((cidr) => hostOf(cidr, 1))];
}

/** The same for as long as the cluster's data is kept. */
function adminToken(file: string): string {
  if (existsSync(file)) return readFileSync(file, 'utf8').split(',')[0] as string;
  const token = randomBytes(32).toString('hex');
  writeFileSync(file, `${token},kubernetes-admin,kubernetes-admin,"system:masters"\n`, { mode: 0o600 });
  return token;
}

async function ready(url: string, { ca }: Pki, token: string): Promise<void> {
  const deadline = Date.now() + READY_MS;
  for (;;) {
    const found = await answer(`${url}/readyz`, ca, token).catch(messageOf);
    if (found === 'ok') return;
    if (Date.now() > deadline)
      throw labError('KOSMOS_E_LAB_START', `kube-apiserver was not ready within ${READY_MS / 1000} s: ${found}`, { where: url });
    await sleep(100);
  }
}

function answer(url: string, ca: string, token: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const asked = request(url, { ca, agent: false, timeout: 2000, headers: { authorization: `Bearer ${token}` } }, (got) => {
      let text = '';
      got.setEncoding('utf8').on('data', (more: string) => (text += more));
      got.on('end', () => resolve(text));
    });
    asked.on('timeout', () => asked.destroy(new Error('no answer within 2 s')));
    asked.on('error', reject);
    asked.end();
  });
}

function ended(child: ChildProcess): Promise<void> {
  return new Promise((resolve) => {
    if (!child.pid || child.exitCode !== null || child.signalCode !== null) return resolve();
    const timer = setTimeout(() => child.kill('SIGKILL'), STOP_MS);
    child.once('exit', () => {
      clearTimeout(timer);
      resolve();
    });
    child.kill('SIGTERM');
  });
}
