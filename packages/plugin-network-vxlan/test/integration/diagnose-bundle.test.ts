import { existsSync, globSync, mkdirSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { Writable } from 'node:stream';
import {
  ClusterKind,
  ClusterNodeKind,
  crdManifests,
  CustomResourceDefinitionKind,
  NamespaceKind,
  NodeConfigKind,
  PodKind,
  SecretKind,
} from '@kosmos/api';
import type { KubeClient } from '@kosmos/kernel';
import { createKernel, type Kernel } from '@kosmos/kernel/runtime';
import { cleanUp, eventually, onCleanUp, REAL, startTestApiServer, type TestApiServer, tempDir } from '@kosmos/testing';
import { expect } from 'chai';
import { extract } from 'tar';
import { parse } from 'yaml';
import { vxlan } from '../../src/index.ts';
import { fleet } from '../support/fleet.ts';

/** Registered only where the server is the embedded one, which has faults. */
const itEmbedded: (title: string, fn: Mocha.AsyncFunc) => unknown = REAL ? () => {} : it;

const SECRET = 's3cr3t-w0rd-of-nobody';
const BY = { fieldManager: 'test', force: true };
const SYSTEM = 'kosmos-system';

describe('kosmos diagnose bundle', function () {
  this.timeout(60_000);
  let server: TestApiServer;
  let cli: Kernel;
  let host: KubeClient;
  let folder: string;

  const kernelOf = async (kubeconfig: string) => {
    const config = { clusters: { host: { kubeconfig } }, plugins: [vxlan()], log: { level: 'silent' as const } };
    const kernel = await createKernel({ config, role: 'cli' });
    onCleanUp(() => kernel.stop());
    return kernel;
  };
  before(async () => {
    server = await startTestApiServer();
    onCleanUp(() => server.stop());
    folder = tempDir();
    cli = await kernelOf(server.kubeconfig);
    host = cli.clusters.client('host');
    for (const manifest of crdManifests()) await host.apply(CustomResourceDefinitionKind, manifest, BY);
    await host.apply(NamespaceKind, { metadata: { name: SYSTEM } }, BY);
    const { clusters, nodes } = fleet(2, 2);
    const kubeconfig = Buffer.from(`kind: Config\nusers: [{ user: { token: ${SECRET} } }]\n${'#'.repeat(40)}`).toString('base64');
    const annotations = { 'kubectl.kubernetes.io/last-applied-configuration': SECRET };
    for (const { metadata, spec, status } of clusters)
      await eventually(
        () => host.apply(ClusterKind, { metadata: { name: metadata.name, annotations }, spec: { ...spec, kubeconfig }, status }, BY),
        { message: 'Clusters are served' },
      );
    for (const { metadata, spec } of nodes)
      await eventually(() => host.apply(ClusterNodeKind, { metadata: { name: metadata.name }, spec }, BY), { message: 'ClusterNodes too' });
    const name = 'c00-n000';
    await eventually(() => host.apply(NodeConfigKind, { metadata: { name } }, BY), { message: 'NodeConfigs too' });
    const lastTransitionTime = '2026-01-01T00:00:00Z';
    const condition = { type: 'Applied', status: 'False', reason: 'Refused', message: `token=${SECRET}`, lastTransitionTime };
    await host.apply(NodeConfigKind, { metadata: { name }, status: { conditions: [condition] } }, { ...BY, subresource: 'status' });
    await host.apply(SecretKind, { metadata: { name: 's', namespace: SYSTEM }, stringData: { kubeconfig: SECRET } }, BY);
    const event = {
      metadata: { name: 'e', namespace: 'default' },
      involvedObject: { kind: 'NodeConfig', apiVersion: 'kosmos.io/v1alpha1', name },
      reason: 'NoAnswer',
      message: `Bearer ${SECRET}`,
      type: 'Warning',
    };
    await host.request('POST', '/api/v1/namespaces/default/events', { body: event });
    await host.request('POST', `/api/v1/namespaces/${SYSTEM}/serviceaccounts`, { body: { metadata: { name: 'default' } } });
    const containers = [{ name: 'manager', image: 'kosmos', env: [{ name: 'KUBECONFIG_TEXT', value: SECRET }] }];
    await host.apply(
      PodKind,
      { metadata: { name: 'manager', namespace: SYSTEM }, spec: { automountServiceAccountToken: false, containers } },
      BY,
    );
  });
  after(cleanUp);

  const bundle = async (args: readonly string[] = [], { kernel = cli, file = join(folder, 'b.tar.gz') } = {}) => {
    const command = kernel.commands.find(({ path }) => path.join(' ') === 'diagnose bundle')!;
    const said = { stdout: '', stderr: '' };
    const sink = (to: keyof typeof said) => new Writable({ write: (chunk, _, done) => ((said[to] += String(chunk)), done()) });
    const code = await command.run({
      args,
      options: { output: file },
      stdout: sink('stdout'),
      stderr: sink('stderr'),
      signal: new AbortController().signal,
      log: kernel.log,
      clusters: kernel.clusters,
      configFile: undefined,
    });
    const cwd = tempDir();
    await extract({ file, cwd });
    const [top = ''] = readdirSync(cwd);
    const files = globSync('**/*', { cwd: join(cwd, top) }).filter((path) => statSync(join(cwd, top, path)).isFile());
    return { code, ...said, files: files.sort(), read: (path: string) => readFileSync(join(cwd, top, path), 'utf8') };
  };
  const GENERAL = ['clusters.yaml', 'conditions.txt', 'crds.yaml', 'events.yaml', 'leases.yaml', 'pods.yaml', 'version.yaml'].map(
    (f) => `host/${f}`,
  );

  it('holds what the host cluster says of every node, and no secrets', async () => {
    const { code, stderr, stdout, files, read } = await bundle();
    expect({ code, stderr }).to.deep.equal({ code: 0, stderr: '' });
    expect(stdout).to.equal(`${join(folder, 'b.tar.gz')}: 4 nodes\n`);
    const ofNodes = ['c00-n000', 'c00-n001', 'c01-n000', 'c01-n001'].flatMap((n) => [
      `nodes/${n}/clusternode.yaml`,
      `nodes/${n}/plan.json`,
    ]);
    const more = ['nodes/c00-n000/nodeconfig.yaml', 'nodes/c00-n000/events.yaml', 'bundle.yaml'];
    expect(files).to.have.members([...GENERAL, ...ofNodes, ...more]);
    const plan = JSON.parse(read('nodes/c00-n000/plan.json')) as { routes: object[] };
    expect(plan.routes).to.deep.include({ cidr: '10.1.0.0/24', gw: '220.168.1.1', dev: 'vx-bridge' });
    expect(parse(read('nodes/c00-n000/nodeconfig.yaml')).status.conditions[0]).to.include({ type: 'Applied', message: 'token=<redacted>' });
    expect(parse(read('nodes/c00-n000/events.yaml'))[0]).to.include({ reason: 'NoAnswer' });
    expect(parse(read('host/pods.yaml'))[0].metadata.name).to.equal('manager');
    expect(parse(read('host/crds.yaml')).map((crd: { metadata: { name: string } }) => crd.metadata.name)).to.include('clusters.kosmos.io');
    for (const file of files) {
      expect(read(file), file).to.not.include(SECRET);
      expect(read(file), file).to.not.include(Buffer.from(`token: ${SECRET}`).toString('base64').slice(4, 24));
      expect(read(file), file).to.not.include('managedFields');
    }
    expect(statSync(join(folder, 'b.tar.gz')).mode & 0o777).to.equal(0o600);
  });

  it('holds only the nodes that are asked for, and says which there are not', async () => {
    const { code, files, stderr, read } = await bundle(['c01-n000', 'nobody']);
    expect(files.filter((file) => file.startsWith('nodes/'))).to.deep.equal([
      'nodes/c01-n000/clusternode.yaml',
      'nodes/c01-n000/plan.json',
    ]);
    expect({ code, stderr }).to.deep.equal({ code: 3, stderr: 'Not in the bundle: node nobody: there is no such ClusterNode\n' });
    expect(read('failures.txt')).to.equal('node nobody: there is no such ClusterNode\n');
  });

  it('holds what may be read, says what may not, and its exit code does too', async () => {
    await host.request('POST', `/api/v1/namespaces/${SYSTEM}/serviceaccounts`, { body: { metadata: { name: 'reader' } } });
    const rbac = '/apis/rbac.authorization.k8s.io/v1';
    const rules = [{ apiGroups: ['kosmos.io'], resources: ['clusters', 'clusternodes'], verbs: ['list'] }];
    await host.request('POST', `${rbac}/clusterroles`, { body: { metadata: { name: 'reader' }, rules } });
    const roleRef = { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'reader' };
    const subjects = [{ kind: 'ServiceAccount', name: 'reader', namespace: SYSTEM }];
    await host.request('POST', `${rbac}/clusterrolebindings`, { body: { metadata: { name: 'reader' }, roleRef, subjects } });
    const { status } = (await host.request('POST', `/api/v1/namespaces/${SYSTEM}/serviceaccounts/reader/token`, {
      body: { spec: {} },
    })) as {
      status: { token: string };
    };
    const config = parse(server.kubeconfig) as { users: { name: string }[] };
    const users = config.users.map(({ name }) => ({ name, user: { token: status.token } }));
    const kernel = await kernelOf(JSON.stringify({ ...config, users }));
    await eventually(
      () =>
        kernel.clusters
          .client('host')
          .list(ClusterKind)
          .then(() => true),
      { message: 'the rights count' },
    );
    const { code, stderr, stdout, files, read } = await bundle([], { kernel });
    expect(code).to.equal(3);
    expect(files)
      .to.include.members(['host/clusters.yaml', 'nodes/c00-n000/plan.json', 'failures.txt'])
      .and.to.not.include('host/pods.yaml');
    for (const text of [stderr, read('failures.txt')]) {
      expect(text).to.match(
        /NodeConfigs: nodeconfigs\.kosmos\.io is forbidden: User "system:serviceaccount:kosmos-system:reader" cannot list/,
      );
      expect(text.match(/is forbidden/g)).to.have.length(7);
    }
    expect(stdout).to.match(/: 4 nodes; 7 things could not be read\n$/);
  });

  it('leaves nothing where it cannot write', async () => {
    const file = join(folder, 'none', 'b.tar.gz');
    const error = await bundle([], { file }).catch((thrown: unknown) => thrown as Error);
    expect(String(error)).to.include(`${file} cannot be written: `);
    const taken = join(folder, 'taken');
    mkdirSync(taken);
    expect(String(await bundle([], { file: taken }).catch((thrown: unknown) => thrown))).to.include('cannot be written');
    expect(existsSync(`${taken}.part`)).to.equal(false);
  });

  itEmbedded('says after a second what it reads', async () => {
    const stop = server.faults!.add({ plural: 'clusternodes', verb: 'list', delay: 1200 });
    const { code, stderr } = await bundle();
    stop();
    expect(code).to.equal(0);
    expect(stderr).to.match(/^Reading NodeConfigs\n(.*\n)*Node c01-n001 \(4 of 4\)\nPacking\n$/);
  });
});
