import { type Config, KubeError } from '@kosmos/kernel';
import { createKernel, type Kernel } from '@kosmos/kernel/runtime';
import { eventually, startTestApiServer, type TestApiServer } from '@kosmos/testing';
import { expect } from 'chai';
import { type Cluster, type ClusterNode, crdManifests, CustomResourceDefinitionKind } from '../../src/index.ts';

const BASE = '/apis/kosmos.io/v1alpha1';

describe('the kinds in an API server', function () {
  this.timeout(90_000);
  let server: TestApiServer;
  let kernel: Kernel;

  const create = async <T>(
    plural: string,
    kind: string,
    name: string,
    rest: object,
  ): Promise<{ status: number; body: T & { message?: string } }> => {
    const body = { apiVersion: 'kosmos.io/v1alpha1', kind, metadata: { name }, ...rest };
    try {
      return {
        status: 201,
        body: (await kernel.clusters.client('host').request('POST', `${BASE}/${plural}`, { body })) as T & { message?: string },
      };
    } catch (error) {
      if (!(error instanceof KubeError)) throw error;
      return { status: error.status, body: { message: error.message } as T & { message?: string } };
    }
  };

  before(async () => {
    server = await startTestApiServer();
    const config: Config = { clusters: { host: { kubeconfig: server.kubeconfig } }, plugins: [], log: { level: 'silent' } };
    kernel = await createKernel({ config, role: 'cli' });
    const host = kernel.clusters.client('host');
    for (const manifest of crdManifests()) await host.apply(CustomResourceDefinitionKind, manifest, { fieldManager: 'test', force: true });
    await eventually(() => host.request('GET', `${BASE}/nodeconfigs`), { timeoutMs: 30_000, message: 'the kinds are served' });
  });
  after(async () => {
    await kernel?.stop();
    await server?.stop();
  });

  it('fill in the defaults of the original', async () => {
    const { body } = await create<Cluster>('clusters', 'Cluster', 'minimal', { spec: { clusterLinkOptions: {} } });
    expect(body.spec).to.deep.equal({
      namespace: 'kosmos-system',
      clusterLinkOptions: {
        enable: true,
        cni: 'calico',
        networkType: 'p2p',
        ipFamily: 'all',
        useIPPool: false,
        localCIDRs: { ip: '210.0.0.0/8', ip6: '9480::/16' },
        bridgeCIDRs: { ip: '220.0.0.0/8', ip6: '9470::/16' },
        defaultNICName: '*',
      },
    });
  });

  it('refuse a network type that does not exist, and say what is allowed', async () => {
    const { status, body } = await create('clusters', 'Cluster', 'mesh', { spec: { clusterLinkOptions: { networkType: 'mesh' } } });
    expect([status, body.message]).to.satisfy(
      ([s, m]: [number, string]) => s === 422 && /networkType.*"mesh".*"p2p", "gateway"/.test(m),
      JSON.stringify(body),
    );
  });

  it('take what the original took: an unknown ipFamily, malformed CIDRs, a stated status', async () => {
    const { status, body } = await create<Cluster>('clusters', 'Cluster', 'odd', {
      spec: { clusterLinkOptions: { ipFamily: 'IPv4', bridgeCIDRs: { ip: 'x', ip6: 'y' } } },
      status: { clusterLinkStatus: { podCIDRs: ['10.0/8'], serviceCIDRs: [] } },
    });
    expect(status).to.equal(201);
    expect(body.status?.clusterLinkStatus?.podCIDRs).to.deep.equal(['10.0/8']);
  });

  it('drop fields that are not theirs and keep the status of a ClusterNode apart', async () => {
    const { body } = await create<ClusterNode>('clusternodes', 'ClusterNode', 'c-n', {
      spec: { clusterName: 'c', nodeName: 'n', unknown: 1 },
      status: { conditions: [{ type: 'A', status: 'True' }] },
    });
    expect(body.spec).to.deep.equal({ clusterName: 'c', nodeName: 'n' });
    expect(body.status).to.equal(undefined);
  });
});
