import {
  ClusterKind,
  ClusterNodeKind,
  crdManifests,
  CustomResourceDefinitionKind,
  LeaseKind,
  NamespaceKind,
  NodeConfigKind,
  NodeKind,
  SYSTEM_NAMESPACE,
} from '@kosmos/api';
import type { Clock, Clusters, CommandContext, Config, KubeClient } from '@kosmos/kernel';
import { createKernel, type Kernel } from '@kosmos/kernel/runtime';
import { eventually, startTestApiServer, type TestApiServer } from '@kosmos/testing';
import { expect } from 'chai';
import { getGatewaysCommand } from '../../src/get.ts';
import { elector } from '../../src/index.ts';

const BY = { fieldManager: 'test', force: true };
const KOSMOS = 'kosmos.io/v1alpha1';

describe('the elector', function () {
  this.timeout(60_000);
  let servers: readonly TestApiServer[] = [];
  let manager: Kernel;
  let host: KubeClient;
  let member: KubeClient;
  /** The manager's clock is ahead by so much; what waits longer than half a second is due after that. */
  let time = 0;
  const systemAfter = (ms: number, fn: () => void) => {
    const timer = setTimeout(fn, ms);
    return () => clearTimeout(timer);
  };

  const setNode = async (
    name: string,
    { ready = true, unschedulable = false, label }: { ready?: boolean; unschedulable?: boolean; label?: string } = {},
  ) => {
    const labels = label === undefined ? {} : { 'kosmos.io/gateway': label };
    await member.apply(NodeKind, { apiVersion: 'v1', kind: 'Node', metadata: { name, labels }, spec: { unschedulable } }, BY);
    const status = { conditions: [{ type: 'Ready', status: ready ? 'True' : 'False', reason: 'Test', message: '' }] };
    await member.patch(NodeKind, name, { status }, { subresource: 'status' });
  };
  const addRecord = async (node: string) => {
    const name = `m1-${node}`;
    const spec = { clusterName: 'm1', nodeName: node, ip: `10.9.0.${node.slice(1)}`, interfaceName: 'eth0' };
    await host.apply(ClusterNodeKind, { apiVersion: KOSMOS, kind: 'ClusterNode', metadata: { name }, spec }, BY);
    await host.apply(NodeConfigKind, { apiVersion: KOSMOS, kind: 'NodeConfig', metadata: { name } }, BY);
    const status = { lastSyncTime: '2026-01-01T00:00:00Z' };
    await host.apply(
      NodeConfigKind,
      { apiVersion: KOSMOS, kind: 'NodeConfig', metadata: { name }, status },
      { ...BY, subresource: 'status' },
    );
  };
  /** The order on the Cluster, and who has the role. */
  const seen = async () => {
    const cluster = await host.get(ClusterKind, 'm1');
    const records = await host.list(ClusterNodeKind);
    return {
      order: cluster?.status?.clusterLinkStatus?.gateways ?? [],
      roles: records.filter(({ spec }) => spec?.roles?.includes('gateway')).map(({ metadata }) => metadata.name),
    };
  };
  const becomes = (...order: string[]) =>
    eventually(
      async () => {
        const now = await seen();
        if (now.order.join() !== order.join() || now.roles.join() !== [...order].sort().join())
          throw new Error(`saw ${JSON.stringify(now)}`);
        return true;
      },
      { timeoutMs: 20_000, message: `the gateways ${order.join()}` },
    );

  before(async () => {
    servers = await Promise.all([startTestApiServer(), startTestApiServer()]);
    const [h, m] = servers.map((server) => ({ kubeconfig: server.kubeconfig }));
    const config: Config = { clusters: { host: h!, m1: m! }, plugins: [elector({ candidates: 2 })], log: { level: 'silent' } };
    const cli = await createKernel({ config, role: 'cli' });
    host = cli.clusters.client('host');
    member = cli.clusters.client('m1');
    for (const manifest of crdManifests()) await host.apply(CustomResourceDefinitionKind, manifest, BY);
    await host.apply(NamespaceKind, { apiVersion: 'v1', kind: 'Namespace', metadata: { name: SYSTEM_NAMESPACE } }, BY);
    await eventually(() => Promise.all([host.list(ClusterKind), host.list(ClusterNodeKind), host.list(NodeConfigKind)]), {
      message: 'the kinds are served',
    });
    const spec = { clusterLinkOptions: { networkType: 'gateway', ipFamily: 'ipv4' } };
    await host.apply(ClusterKind, { apiVersion: KOSMOS, kind: 'Cluster', metadata: { name: 'm1' }, spec }, BY);
    for (const node of ['n1', 'n2', 'n3']) {
      await setNode(node);
      await addRecord(node);
    }
    const clock: Clock = { now: () => Date.now() + time, after: (ms, fn) => systemAfter(Math.min(ms, 500), fn) };
    manager = await createKernel({ config, role: 'manager', clock });
    await manager.start();
  });
  after(async () => {
    await manager?.stop();
    await Promise.all(servers.map((server) => server.stop()));
  });

  it('gives the role to as many nodes as it is told, and says their order', () => becomes('m1-n1', 'm1-n2'));

  it('shows their order', async () => {
    const get = async (output: string, args = ['m1']) => {
      let out = '';
      const stdout = { write: (text: string) => (out += text) } as unknown as NodeJS.WritableStream;
      const clusters = { client: () => host } as unknown as Clusters;
      const context = { args, options: { output }, clusters, stdout, signal: new AbortController().signal };
      expect(await getGatewaysCommand.run(context as unknown as CommandContext)).to.equal(0);
      return out;
    };
    const cells = (text: string) =>
      text
        .trimEnd()
        .split('\n')
        .map((line) => line.split(/ {3,}/));
    expect(cells(await get('table')).map((row) => row.slice(0, 4))).to.deep.equal([
      ['CLUSTER', 'ORDER', 'NODE', 'IP'],
      ['m1', '1', 'm1-n1', '10.9.0.1'],
      ['m1', '2', 'm1-n2', '10.9.0.2'],
    ]);
    const wide = cells(await get('wide'));
    expect(wide[0]).to.deep.equal(['CLUSTER', 'ORDER', 'NODE', 'IP', 'HEARTBEAT', 'INTERFACE', 'IP6', 'AGENT']);
    expect(wide[1]).to.have.length(8).and.to.include('eth0');
    const objects = JSON.parse(await get('json')) as object[];
    expect(objects).to.have.length(2);
    expect(objects[1]).to.include({ cluster: 'm1', order: 2, name: 'm1-n2', nodeName: 'n2', interfaceName: 'eth0', ip: '10.9.0.2' });
    expect(await get('json', [])).to.equal(await get('json'));
    const error = await get('table', ['nope']).catch((thrown: unknown) => thrown as Error);
    expect(error).to.include({ message: "There is no Cluster 'nope'.", hint: 'Name one of: m1.' });
  });

  it('moves on when the first is cordoned, and does not go back', async () => {
    await setNode('n1', { unschedulable: true });
    await becomes('m1-n2', 'm1-n3');
    await setNode('n1');
    await setNode('n3', { ready: false });
    await becomes('m1-n2', 'm1-n1');
    await setNode('n3');
  });

  it('prefers the node that the Cluster names, while it is able', async () => {
    const prefer = (name: string | null) =>
      host.patch(ClusterKind, 'm1', { metadata: { annotations: { 'kosmos.io/preferred-gateway': name } } });
    await prefer('m1-n3');
    await becomes('m1-n3', 'm1-n2');
    await prefer(null);
  });

  it('takes only labelled nodes where there are any', async () => {
    await setNode('n1', { label: 'true' });
    await becomes('m1-n1');
    await setNode('n1');
    await becomes('m1-n1', 'm1-n2');
  });

  it('keeps the other roles of a node', async () => {
    await host.patch(ClusterNodeKind, 'm1-n3', { spec: { roles: ['edge'] } });
    await setNode('n1', { ready: false });
    await becomes('m1-n2', 'm1-n3');
    expect((await host.get(ClusterNodeKind, 'm1-n3'))?.spec?.roles).to.deep.equal(['edge', 'gateway']);
    await setNode('n1');
    await host.patch(ClusterNodeKind, 'm1-n3', { spec: { roles: [] } });
    await becomes('m1-n2', 'm1-n3');
  });

  it('writes nothing to nodes that stay what they are', async () => {
    const version = async (name: string) => (await host.get(ClusterNodeKind, name))?.metadata.resourceVersion;
    const before = await version('m1-n2');
    await member.patch(NodeKind, 'n2', { metadata: { labels: { unrelated: 'x' } } });
    await setNode('n3', { unschedulable: true });
    await becomes('m1-n2', 'm1-n1');
    expect(await version('m1-n2')).to.equal(before);
    await setNode('n3');
  });

  it('does without a node whose agent renews its lease no more', async () => {
    const lease = {
      apiVersion: 'coordination.k8s.io/v1',
      kind: 'Lease',
      metadata: { name: 'gateway-m1-n2', namespace: SYSTEM_NAMESPACE, labels: { 'kosmos.io/gateway-of': 'm1' } },
    };
    await host.apply(
      LeaseKind,
      { ...lease, spec: { holderIdentity: 'x', leaseDurationSeconds: 40, renewTime: '2026-01-01T00:00:00.000000Z' } },
      BY,
    );
    await becomes('m1-n2', 'm1-n1'); // it was seen just now
    time += 60_000;
    // It counts from when it saw the lease, which on a busy machine is only now: then time has to go on once more.
    const goesOn = setInterval(() => (time += 60_000), 5000);
    await becomes('m1-n1', 'm1-n3').finally(() => clearInterval(goesOn));
  });
});
