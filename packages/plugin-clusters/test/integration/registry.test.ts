import { ClusterKind, SecretKind } from '@kosmos/api';
import { type CommandContext, type Config, KosmosError } from '@kosmos/kernel';
import { createKernel, type Kernel } from '@kosmos/kernel/runtime';
import { eventually, startTestApiServer, type TestApiServer } from '@kosmos/testing';
import { expect } from 'chai';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Writable } from 'node:stream';
import { install } from '../../src/commands/install.ts';
import { clusters } from '../../src/index.ts';

const NEVER = new AbortController().signal;

describe('member clusters from Cluster objects', () => {
  let host: TestApiServer;
  let member: TestApiServer;
  let manager: Kernel;
  let cli: Kernel;
  const folder = mkdtempSync(join(tmpdir(), 'kosmos-clusters-'));
  const client = () => manager.clusters.client('host');
  const clusterNow = (name: string) => client().get(ClusterKind, name);

  before(async function () {
    this.timeout(60_000);
    [host, member] = await Promise.all([startTestApiServer(), startTestApiServer()]);
    writeFileSync(join(folder, 'member.kubeconfig'), member.kubeconfig);
    const config: Config = { clusters: { host: { kubeconfig: host.kubeconfig } }, plugins: [clusters()], log: { level: 'silent' } };
    cli = await createKernel({ config, role: 'cli' });
    await install(cli.clusters.client('host'), NEVER);
    manager = await createKernel({ config, role: 'manager' });
    await manager.start();
  });
  after(async function () {
    this.timeout(30_000);
    await manager?.stop();
    await cli?.stop();
    await Promise.all([host?.stop(), member?.stop()]);
    rmSync(folder, { recursive: true });
  });

  const command = async (path: string, args: string[], options: object) => {
    const found = cli.commands.find((c) => c.path.join(' ') === path)!;
    let out = '';
    const stdout = new Writable({
      write: (chunk, _, done) => {
        out += String(chunk);
        done();
      },
    });
    const context: CommandContext = {
      args,
      options: options as Record<string, unknown>,
      stdout,
      stderr: stdout,
      signal: NEVER,
      log: cli.log,
      clusters: cli.clusters,
      configFile: undefined,
    };
    await found.run(context);
    return out;
  };
  const joinOptions = { kubeconfig: join(folder, 'member.kubeconfig'), networkType: 'p2p', ipFamily: 'ipv4', cni: 'k8s' };

  it('moves a kubeconfig from the spec to a Secret, and says so', async function () {
    this.timeout(30_000);
    const kubeconfig = Buffer.from(member.kubeconfig).toString('base64');
    const object = { apiVersion: 'kosmos.io/v1alpha1', kind: 'Cluster', metadata: { name: 'clear' }, spec: { kubeconfig } };
    await client().apply(ClusterKind, object, { fieldManager: 'user' });
    const moved = await eventually(
      async () => {
        const cluster = await clusterNow('clear');
        expect(cluster?.spec?.kubeconfig).to.equal(undefined);
        return cluster;
      },
      { timeoutMs: 20_000 },
    );
    expect(moved.spec?.kubeconfigSecretRef).to.deep.equal({ name: 'kosmos-cluster-clear', namespace: 'kosmos-system' });
    expect(moved.status?.conditions?.find((c) => c.type === 'KubeconfigMoved')).to.include({ status: 'True', reason: 'InSecret' });
    const secret = await client().get(SecretKind, 'kosmos-cluster-clear', { namespace: 'kosmos-system' });
    expect(secret?.data?.['kubeconfig']).to.equal(kubeconfig);
    await client().delete(ClusterKind, 'clear');
    await eventually(() => !manager.clusters.members().includes('clear'), { message: 'it has left' });
  });

  it('joins a cluster by command, says that it is reachable, and takes it out again', async function () {
    this.timeout(60_000);
    expect(await command('join', ['m1'], { ...joinOptions, wait: true })).to.equal("Cluster 'm1' joined.\n");
    expect(manager.clusters.members()).to.include('m1');
    expect(await manager.clusters.client('m1').list(SecretKind, { namespace: 'default' })).to.be.an('array');
    await command('unjoin', ['m1'], {});
    await eventually(() => !manager.clusters.members().includes('m1'), { timeoutMs: 20_000, message: 'm1 has left the registry' });
    expect(await client().get(SecretKind, 'kosmos-cluster-m1', { namespace: 'kosmos-system' })).to.equal(undefined);
  });

  const says = (status: string, reason: string) =>
    eventually(
      async () => {
        const found = (await clusterNow('roamer'))?.status?.conditions?.find((c) => c.type === 'Reachable');
        expect(found).to.include({ status, reason });
        return found;
      },
      { timeoutMs: 30_000, message: `Reachable=${status}` },
    );

  it('says that a member is away, once, and that it is back', async function () {
    this.timeout(120_000);
    const kubeconfig = Buffer.from(member.kubeconfig).toString('base64');
    await client().apply(
      ClusterKind,
      { apiVersion: 'kosmos.io/v1alpha1', kind: 'Cluster', metadata: { name: 'roamer' }, spec: { kubeconfig } },
      { fieldManager: 'user' },
    );
    await says('True', 'Answers');
    await member.down();
    const away = await says('False', 'NoAnswer');
    expect(away.message).to.contain(`${member.url} does not answer: `);
    expect(manager.clusters.members()).to.include('roamer');
    host.faults?.resetRequests();
    const apply = (name: string, more: object) =>
      client().apply(
        ClusterKind,
        { apiVersion: 'kosmos.io/v1alpha1', kind: 'Cluster', metadata: { name, labels: { touched: 'true' } }, ...more },
        { fieldManager: 'toucher' },
      );
    // A change of the object lets it be looked at now; the new one is looked at after it.
    await apply('roamer', {});
    const touched = (await clusterNow('roamer'))!.metadata.resourceVersion;
    await apply('away', { spec: { kubeconfigSecretRef: { name: 'kosmos-cluster-roamer', namespace: 'kosmos-system' } } });
    await eventually(async () => (await clusterNow('away'))?.status?.conditions?.some((c) => c.type === 'Reachable'), {
      timeoutMs: 30_000,
      message: 'the new Cluster is looked at',
    });
    expect((await clusterNow('roamer'))!.metadata.resourceVersion).to.equal(touched);
    if (host.faults) expect(host.faults.count({ verb: 'patch', plural: 'clusters' }), "ours, and the new one's condition").to.equal(3);
    await member.up();
    await says('True', 'Answers');
  });

  const refused = async (args: string[], options: object, path = 'join') => {
    try {
      await command(path, args, options);
    } catch (error) {
      if (error instanceof KosmosError) return error.message;
      throw error;
    }
    return 'not refused';
  };

  it('refuses names, files and contexts that cannot be, before it writes anything', async () => {
    expect(await refused(['No_Name'], joinOptions)).to.match(/^'No_Name' cannot name a cluster; allowed: /);
    expect(await refused(['m2'], { ...joinOptions, kubeconfig: undefined })).to.equal('--kubeconfig FILE is missing.');
    expect(await refused(['m2'], { ...joinOptions, kubeconfig: join(folder, 'none') })).to.match(/none cannot be read: ENOENT/);
    expect(await refused(['m2'], { ...joinOptions, context: 'other' })).to.match(/has no context 'other'; it has: /);
    expect(await refused(['m2'], {}, 'unjoin')).to.equal("There is no cluster 'm2'.");
    expect(await clusterNow('m2')).to.equal(undefined);
  });
});
