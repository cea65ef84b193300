import {
  ClusterKind,
  ClusterNodeKind,
  crdManifests,
  CustomResourceDefinitionKind,
  NamespaceKind,
  NodeKind,
  ServiceCIDRKind,
  SYSTEM_NAMESPACE,
} from '@kosmos/api';
import type { Config, KubeClient } from '@kosmos/kernel';
import { createKernel, type Kernel } from '@kosmos/kernel/runtime';
import { REAL, eventually, startTestApiServer, type TestApiServer } from '@kosmos/testing';
import { expect } from 'chai';
import { vxlan } from '../../src/index.ts';

/** Registered only where the server is the embedded one: it has faults, and a second one costs nothing. */
const itEmbedded: (title: string, fn: Mocha.AsyncFunc) => unknown = REAL ? () => {} : it;

const BY = { fieldManager: 'test', force: true };

const until = <T>(what: string, read: () => Promise<T>, holds: (value: T) => boolean): Promise<T> =>
  eventually(
    async () => {
      const value = await read();
      if (!holds(value)) throw new Error(`saw ${JSON.stringify(value)}`);
      return { value };
    },
    { timeoutMs: 20_000, message: what },
  ).then(({ value }) => value);

describe('the inventory', () => {
  let servers: readonly TestApiServer[] = [];
  let manager: Kernel;
  let config: Config;
  let host: KubeClient;
  let member: KubeClient;
  const record = (name: string) => host.get(ClusterNodeKind, name);
  const addNode = (name: string, spec: object, labels: object = {}) =>
    member.apply(NodeKind, { apiVersion: 'v1', kind: 'Node', metadata: { name, labels }, spec }, BY);
  const cluster = (name: string, more: object = {}) => ({
    apiVersion: 'kosmos.io/v1alpha1',
    kind: 'Cluster',
    metadata: { name },
    spec: { clusterLinkOptions: { ipFamily: 'ipv4', cni: 'k8s' } },
    ...more,
  });

  before(async function () {
    this.timeout(60_000);
    servers = await Promise.all([startTestApiServer(), startTestApiServer({ serviceCIDR: '10.97.0.0/16' })]);
    const [h, m] = servers.map((server) => ({ kubeconfig: server.kubeconfig }));
    config = { clusters: { host: h!, m1: m! }, plugins: [vxlan()], log: { level: 'silent' } };
    const cli = await createKernel({ config, role: 'cli' });
    host = cli.clusters.client('host');
    member = cli.clusters.client('m1');
    for (const manifest of crdManifests()) await host.apply(CustomResourceDefinitionKind, manifest, BY);
    await host.apply(NamespaceKind, { apiVersion: 'v1', kind: 'Namespace', metadata: { name: SYSTEM_NAMESPACE } }, BY);
    await until(
      'kinds served',
      async () =>
        host.list(ClusterKind).then(
          () => true,
          () => false,
        ),
      (served) => served,
    );
    await host.apply(ClusterKind, cluster('m1'), BY);
    await member.apply(
      ServiceCIDRKind,
      { apiVersion: 'networking.k8s.io/v1', kind: 'ServiceCIDR', metadata: { name: 'kubernetes' }, spec: { cidrs: ['10.97.0.0/16'] } },
      BY,
    );
    await addNode('n1', { podCIDR: '10.1.0.0/24', podCIDRs: ['10.1.0.0/24'] });
    await addNode('out', { podCIDRs: ['10.1.9.0/24'] }, { 'kosmos.io/exclude': 'true' });
    manager = await createKernel({ config, role: 'manager' });
    await manager.start();
  });
  after(async function () {
    this.timeout(30_000);
    await manager?.stop();
    await Promise.all(servers.map((server) => server.stop()));
  });

  it('makes a ClusterNode for each node that is not excluded', async () => {
    const made = await until(
      'made',
      () => record('m1-n1'),
      (found) => found !== undefined,
    );
    expect(made!.spec).to.deep.equal({ clusterName: 'm1', nodeName: 'n1', podCIDRs: ['10.1.0.0/24'] });
    expect(made!.metadata.labels).to.deep.equal({ 'kosmos.io/cluster': 'm1' });
    expect(await record('m1-out')).to.equal(undefined);
  }).timeout(30_000);

  it('writes the pod and service CIDRs to the Cluster', async () => {
    const found = await until(
      'CIDRs',
      () => host.get(ClusterKind, 'm1'),
      (c) => c?.status?.clusterLinkStatus?.serviceCIDRs !== undefined,
    );
    expect(found!.status!.clusterLinkStatus).to.deep.equal({ podCIDRs: ['10.1.0.0/24'], serviceCIDRs: ['10.97.0.0/16'] });
  }).timeout(30_000);

  it('leaves what the agent wrote, and writes nothing when nothing changed', async () => {
    await host.apply(
      ClusterNodeKind,
      {
        apiVersion: 'kosmos.io/v1alpha1',
        kind: 'ClusterNode',
        metadata: { name: 'm1-n1' },
        spec: { ip: '192.0.2.1', interfaceName: 'eth0' },
      },
      { ...BY, fieldManager: 'agent' },
    );
    await addNode('n2', { podCIDRs: ['10.1.2.0/24'] });
    await until(
      'second node',
      () => record('m1-n2'),
      (found) => found !== undefined,
    );
    // The condition that it had no interface yet, if it was written, is taken back.
    const settled = await until(
      'settled',
      () => record('m1-n1'),
      (found) => !found?.status?.conditions?.some((c) => c.status === 'True'),
    );
    expect(settled!.spec).to.include({ ip: '192.0.2.1', interfaceName: 'eth0', nodeName: 'n1' });
    const before = settled!.metadata.resourceVersion;
    await addNode('n3', { podCIDRs: ['10.1.3.0/24'] });
    await until(
      'third node',
      () => record('m1-n3'),
      (found) => found !== undefined,
    );
    expect((await record('m1-n1'))!.metadata.resourceVersion).to.equal(before);
  }).timeout(60_000);

  itEmbedded('writes for a new node what it is and what it changes, and no more', async function () {
    this.timeout(60_000);
    const { faults } = servers[0]!;
    if (!faults) throw new Error('the embedded server has faults');
    const told = (name: string) =>
      until(
        `${name} told`,
        () => record(name),
        (found) => found?.status?.conditions?.some((c) => c.type === 'NotInNetwork') === true,
      );
    const listed = (cidr: string) =>
      until(
        `${cidr} listed`,
        () => host.get(ClusterKind, 'm1'),
        (found) => found?.status?.clusterLinkStatus?.podCIDRs?.includes(cidr) === true,
      );
    await addNode('w1', { podCIDRs: ['10.1.13.0/24'] });
    await Promise.all([told('m1-w1'), listed('10.1.13.0/24')]);
    faults.resetRequests();
    await addNode('n1', { podCIDR: '10.1.0.0/24', podCIDRs: ['10.1.0.0/24'] }, { touched: 'true' });
    await addNode('w2', { podCIDRs: ['10.1.14.0/24'] });
    await Promise.all([told('m1-w2'), listed('10.1.14.0/24')]);
    const writes = ['clusters', 'clusternodes'].flatMap((plural) =>
      faults.requests({ plural }).filter(({ verb }) => !['get', 'list', 'watch'].includes(verb)),
    );
    const count = (plural: string) => writes.filter((w) => w.plural === plural).reduce((sum, w) => sum + w.count, 0);
    expect(count('clusters')).to.equal(1);
    // The ClusterNode, and that it has no interface yet.
    expect(count('clusternodes')).to.equal(2);
  });

  it('keeps the ClusterNodes of a member that is away, also when it starts anew', async function () {
    this.timeout(120_000);
    const names = async () => (await host.list(ClusterNodeKind)).map(({ metadata }) => metadata.name).sort();
    for (const name of ['k1', 'k2']) await addNode(name, { podCIDRs: [] });
    const before = await until('made', names, (found) => found.includes('m1-n1') && found.includes('m1-k1') && found.includes('m1-k2'));
    await servers[1]!.down();
    await until(
      'the manager knows that m1 is away',
      async () => manager.clusters.state('m1'),
      (state) => state !== 'live',
    );
    // What it knows of the member it keeps, against others too.
    await host.delete(ClusterNodeKind, 'm1-k1');
    await until('made again', names, (found) => found.includes('m1-k1'));
    await manager.stop();
    manager = await createKernel({ config, role: 'manager' });
    await manager.start();
    await host.apply(ClusterKind, cluster('late', { spec: { clusterLinkOptions: { ipFamily: 'late' } } }), BY);
    await until(
      'at work',
      () => host.get(ClusterKind, 'late'),
      (found) => found?.status?.conditions !== undefined,
    );
    expect(await names()).to.deep.equal(before);
    await servers[1]!.up();
    await member.delete(NodeKind, 'k1');
    await until('removed once its node is gone', names, (found) => !found.includes('m1-k1'));
  });

  it('says on the Cluster what the planner finds wrong', async () => {
    await host.apply(ClusterKind, cluster('odd', { spec: { clusterLinkOptions: { ipFamily: 'IPv4' } } }), BY);
    const told = await until(
      'told',
      () => host.get(ClusterKind, 'odd'),
      (c) => c?.status?.conditions?.some((x) => x.type === 'Malformed') === true,
    );
    expect(told!.status!.conditions!.find((c) => c.type === 'Malformed')!.message).to.equal(
      "spec.clusterLinkOptions.ipFamily: 'IPv4' is none of all, ipv4, ipv6",
    );
  }).timeout(30_000);

  it('removes the ClusterNode with its node, and all with their Cluster', async () => {
    await addNode('left', { podCIDRs: [] });
    await until(
      'made',
      () => record('m1-left'),
      (found) => found !== undefined,
    );
    await member.delete(NodeKind, 'left');
    await until(
      'removed',
      () => record('m1-left'),
      (found) => found === undefined,
    );
    expect(await record('m1-n1')).to.not.equal(undefined);
    await host.delete(ClusterKind, 'm1');
    await until(
      'all removed',
      () => host.list(ClusterNodeKind),
      (all) => all.length === 0,
    );
    await host.apply(ClusterKind, cluster('m1'), BY); // as the other tests need it
  }).timeout(60_000);
});
