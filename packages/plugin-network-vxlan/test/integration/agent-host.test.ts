/** What an agent says where it cannot work: the kosmos command itself, on a machine without the tools or without the right. */
import { spawn } from 'node:child_process';
import { chmodSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { ClusterKind, ClusterNodeKind, crdManifests, CustomResourceDefinitionKind, NodeConfigKind } from '@kosmos/api';
import { type ApiServer, startApiServer } from '@kosmos/apiserver';
import type { KubeClient } from '@kosmos/kernel';
import { createKernel } from '@kosmos/kernel/runtime';
import { eventually, needs } from '@kosmos/testing';
import { expect } from 'chai';

const KOSMOS = resolve(import.meta.dirname, '../../../cli/bin/kosmos.js');
const MODULES = resolve(import.meta.dirname, '../../../../node_modules');
const BY = { fieldManager: 'test', force: true };
const CONFIG = `import { vxlan } from '@kosmos/plugin-network-vxlan';
export default { clusters: { host: { kubeconfigFile: 'kubeconfig' } }, plugins: [vxlan()] };
`;

/** A machine whose folders for administrators' tools are empty; further words are run there. */
const WITHOUT_SBIN = [
  'unshare',
  '--mount',
  'sh',
  '-c',
  'mount -t tmpfs none /usr/sbin && mount -t tmpfs none /usr/local/sbin && exec "$@"',
  'sh',
];
const AS_NOBODY = ['setpriv', '--reuid=65534', '--regid=65534', '--clear-groups', '--bounding-set=-all', '--inh-caps=-all'];

describe('an agent where it cannot work', () => {
  let server: ApiServer;
  let host: KubeClient;
  let folder: string;
  before(needs('root', 'ip', 'nft', 'unshare', 'setpriv'));
  before(async () => {
    server = await startApiServer();
    folder = mkdtempSync(join(tmpdir(), 'kosmos-agent-host-'));
    chmodSync(folder, 0o755);
    symlinkSync(MODULES, join(folder, 'node_modules'));
    writeFileSync(join(folder, 'kosmos.config.ts'), CONFIG);
    writeFileSync(join(folder, 'kubeconfig'), server.kubeconfig(), { mode: 0o644 });
    const kernel = await createKernel({
      config: { clusters: { host: { kubeconfig: server.kubeconfig() } }, plugins: [], log: { level: 'silent' } },
      role: 'cli',
    });
    host = kernel.clusters.client('host');
    for (const manifest of crdManifests()) await host.apply(CustomResourceDefinitionKind, manifest, BY);
    const cluster = { apiVersion: 'kosmos.io/v1alpha1', kind: 'Cluster', metadata: { name: 'c1' } };
    await eventually(() => host.apply(ClusterKind, cluster, BY).then(() => true), { message: 'Cluster is served' });
  });
  after(async () => {
    await server?.stop();
    if (folder) rmSync(folder, { recursive: true, force: true });
  });

  function agent(on: readonly string[], PATH: string): Promise<{ code: number | null; stderr: string; stdout: string }> {
    const words = [
      ...on,
      process.execPath,
      '--disable-warning=ExperimentalWarning',
      KOSMOS,
      'run',
      '--role',
      'agent',
      '--cluster',
      'c1',
      '--node',
      'n1',
    ];
    const [file, ...args] = [...words.slice(0, on.length), 'env', `PATH=${PATH}`, ...words.slice(on.length)];
    const child = spawn(file!, args, {
      cwd: folder,
      env: { PATH: process.env.PATH, HOME: '/nonexistent' },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let [stdout, stderr] = ['', ''];
    child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text));
    child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
    const deadline = setTimeout(() => child.kill('SIGKILL'), 15_000);
    return new Promise((settle, reject) => {
      child.once('error', reject);
      child.once('close', (code) => {
        clearTimeout(deadline);
        settle({ code, stdout, stderr });
      });
    });
  }

  const CASES: Readonly<Record<string, readonly [on: readonly string[], PATH: string, message: RegExp, next: RegExp]>> = {
    'ip is missing': [
      WITHOUT_SBIN,
      '',
      /The program 'ip' cannot be started \(ENOENT\)/,
      /Install iproute2, e\.g\. apt-get install iproute2\./,
    ],
    'nft is missing': [
      WITHOUT_SBIN,
      '/usr/bin',
      /The program 'nft' cannot be started \(ENOENT\)/,
      /Install nftables, e\.g\. apt-get install nftables\./,
    ],
    'it is not root': [AS_NOBODY, '/usr/bin', /nft .*Operation not permitted/, /Run as root, or with CAP_NET_ADMIN/],
  };
  for (const [name, [on, PATH, message, next]] of Object.entries(CASES)) {
    it(`ends with one message that says what to do when ${name}, and leaves nothing`, async () => {
      const { code, stderr } = await agent(on, PATH);

      expect(stderr).to.match(message).and.match(next);
      expect(code).to.equal(1);
      expect(stderr.match(/KOSMOS_E_\w+/g), stderr).to.deep.equal(['KOSMOS_E_HOST']);
      expect(stderr).to.not.match(/\.(?:ts|js):\d+/);
      expect(readdirSync(folder).sort()).to.deep.equal(['kosmos.config.ts', 'kubeconfig', 'node_modules']);
      expect([await host.list(ClusterNodeKind), await host.list(NodeConfigKind)]).to.deep.equal([[], []]);
    });
  }
});
