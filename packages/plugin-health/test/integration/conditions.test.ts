import {
  ClusterKind,
  ClusterNodeKind,
  crdManifests,
  CustomResourceDefinitionKind,
  NamespaceKind,
  NodeConfigKind,
  SYSTEM_NAMESPACE,
} from '@kosmos/api';
import type { Config, Kind, KObject, KubeClient } from '@kosmos/kernel';
import { createKernel, type Kernel } from '@kosmos/kernel/runtime';
import { eventually, startTestApiServer, type TestApiServer } from '@kosmos/testing';
import { expect } from 'chai';
import { health } from '../../src/index.ts';

const BY = { fieldManager: 'test', force: true };
const KOSMOS = 'kosmos.io/v1alpha1';

interface Event extends KObject {
  readonly reason: string;
  readonly type: string;
  readonly involvedObject: { readonly kind: string; readonly name: string };
}
const Events: Kind<Event> = { group: '', version: 'v1', kind: 'Event', plural: 'events', namespaced: true };

describe('the conditions of clusters and nodes', function () {
  this.timeout(60_000);
  let server: TestApiServer;
  let manager: Kernel;
  let host: KubeClient;

  /** What the node's agent says of its tunnels. */
  const report = async (name: string, links: object[]) => {
    await host.apply(NodeConfigKind, { apiVersion: KOSMOS, kind: 'NodeConfig', metadata: { name } }, BY);
    const object = { apiVersion: KOSMOS, kind: 'NodeConfig', metadata: { name }, status: { links } };
    await host.apply(NodeConfigKind, object, { ...BY, subresource: 'status' });
  };
  const conditions = async () => {
    const all = [...(await host.list(ClusterKind)), ...(await host.list(ClusterNodeKind))];
    return Object.fromEntries(
      all.flatMap(({ metadata, status }) => {
        const found = status?.conditions?.find(({ type }) => type === 'NetworkDegraded');
        return found ? [[metadata.name, `${found.status} ${found.reason}`]] : [];
      }),
    );
  };
  const become = (wanted: Record<string, string>) =>
    eventually(
      async () => {
        const now = await conditions();
        expect(now).to.deep.equal(wanted);
        return true;
      },
      { timeoutMs: 20_000, message: `the conditions ${JSON.stringify(wanted)}` },
    );

  before(async () => {
    server = await startTestApiServer();
    const config: Config = { clusters: { host: { kubeconfig: server.kubeconfig } }, plugins: [health()], log: { level: 'silent' } };
    host = (await createKernel({ config: { ...config, plugins: [] }, role: 'cli' })).clusters.client('host');
    for (const crd of crdManifests()) await host.apply(CustomResourceDefinitionKind, crd, BY);
    await eventually(
      async () => {
        const all = await host.list(CustomResourceDefinitionKind);
        return all.length > 0 && all.every((crd) => crd.status?.conditions?.some((c) => c.type === 'Established' && c.status === 'True'));
      },
      { message: 'the CRDs', timeoutMs: 20_000 },
    );
    await host.apply(NamespaceKind, { apiVersion: 'v1', kind: 'Namespace', metadata: { name: SYSTEM_NAMESPACE } }, BY);
    for (const [cluster, networkType] of [
      ['m1', 'gateway'],
      ['m2', 'p2p'],
    ] as const) {
      await host.apply(
        ClusterKind,
        { apiVersion: KOSMOS, kind: 'Cluster', metadata: { name: cluster }, spec: { clusterLinkOptions: { enable: true, networkType } } },
        BY,
      );
      for (const node of ['n1', 'n2']) {
        const spec = { clusterName: cluster, nodeName: node, roles: node === 'n1' ? ['gateway'] : [] };
        await host.apply(ClusterNodeKind, { apiVersion: KOSMOS, kind: 'ClusterNode', metadata: { name: `${cluster}-${node}` }, spec }, BY);
      }
    }
    manager = await createKernel({ config, role: 'manager' });
    await manager.start();
  });
  after(async () => {
    await manager?.stop();
    await server?.stop();
  });

  it('are written when reports say that something is wrong, and when it is over; as long as nothing is wrong nothing is', async () => {
    await report('m2-n1', [{ cluster: 'm1', probed: 2, up: 2 }]);
    await report('m2-n2', [{ cluster: 'm1', probed: 2, up: 1, silent: ['m1-n2'] }]);
    await become({ m1: 'True NodesDegraded', 'm1-n2': 'True AgentSilent' });
    await report('m2-n2', [{ cluster: 'm1', probed: 2, up: 1, down: ['m1-n1'] }]);
    // Its only gateway.
    await become({ m1: 'True Disconnected', 'm1-n1': 'True NoAnswer', 'm1-n2': 'False Recovered' });
    await report('m2-n2', [{ cluster: 'm1', probed: 2, up: 2 }]);
    await become({ m1: 'False Recovered', 'm1-n1': 'False Recovered', 'm1-n2': 'False Recovered' });
  });

  it('are told as events, too', async () => {
    const told = async () =>
      (await host.list(Events)).map(({ type, reason, involvedObject: { kind, name } }) => `${kind} ${name} ${type} ${reason}`);
    await eventually(
      async () => {
        expect(await told()).to.include.members([
          'ClusterNode m1-n2 Warning AgentSilent',
          'Cluster m1 Warning Disconnected',
          'ClusterNode m1-n1 Warning NoAnswer',
          'Cluster m1 Normal Recovered',
        ]);
        return true;
      },
      { message: 'the events', timeoutMs: 10_000 },
    );
  });

  it('blame a node that hears nobody, and none of those that it does not hear', async () => {
    await report('m2-n1', [{ cluster: 'm1', probed: 2, up: 0, down: ['m1-n1', 'm1-n2'] }]);
    await become({
      m1: 'False Recovered',
      'm1-n1': 'False Recovered',
      'm1-n2': 'False Recovered',
      m2: 'True NodesDegraded',
      'm2-n1': 'True Isolated',
    });
  });

  it('write nothing again while more reports say the same', async () => {
    await report('m2-n2', [{ cluster: 'm1', probed: 2, up: 1, silent: ['m1-n1'] }]);
    const found = {
      m1: 'True NodesDegraded',
      'm1-n1': 'True AgentSilent',
      'm1-n2': 'False Recovered',
      m2: 'True NodesDegraded',
      'm2-n1': 'True Isolated',
    };
    await become(found);
    const version = async () => (await host.get(ClusterNodeKind, 'm1-n1'))?.metadata.resourceVersion;
    const before = await version();
    // The message would name another cluster now.
    await report('m1-n2', [
      { cluster: 'm1', probed: 1, up: 0, silent: ['m1-n1'] },
      { cluster: 'm2', probed: 2, up: 2, narrow: ['m2-n2'] },
    ]);
    await become({ ...found, 'm2-n2': 'True MtuTooSmall' });
    expect(await version()).to.equal(before);
  });
});
