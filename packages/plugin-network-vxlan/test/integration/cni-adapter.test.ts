import {
  ClusterKind,
  ClusterNodeKind,
  crdManifests,
  CustomResourceDefinitionKind,
  NamespaceKind,
  NodeKind,
  PodKind,
  SYSTEM_NAMESPACE,
} from '@kosmos/api';
import { type Config, definePlugin, part } from '@kosmos/kernel';
import { createKernel, type Kernel } from '@kosmos/kernel/runtime';
import { eventually, startTestApiServer, type TestApiServer } from '@kosmos/testing';
import { expect } from 'chai';
import { z } from 'zod';
import { CniAdapters } from '../../src/contracts.ts';
import { vxlan } from '../../src/index.ts';

const BY = { fieldManager: 'test', force: true };

/** Pods named `block-NODE` of the member stand for what a CNI keeps: their label `cidr` is the node's, with `_` for `/`. */
const blocks = definePlugin({
  name: 'blocks',
  version: '0.1.0',
  apiVersion: 1,
  kernel: '*',
  options: z.strictObject({}),
  parts: {
    manager: part()({
      provides: { adapters: CniAdapters },
      setup(ctx) {
        const pods = ctx.informer(PodKind, { clusters: 'members', namespace: 'default' });
        const cidrOf = (name: string) =>
          pods.get({ cluster: 'm1', namespace: 'default', name })?.metadata.labels?.['cidr']?.replace('_', '/');
        ctx.provide('adapters', {
          cnis: ['blocks'],
          sources: [pods],
          podCIDRs: () => ['10.50.7.0/16'],
          nodePodCIDRs(_, { metadata }) {
            const cidr = cidrOf(`block-${metadata.name}`);
            return cidr === undefined ? undefined : [cidr];
          },
          serviceCIDRs: () => ['10.60.0.0/16'],
        });
      },
    }),
  },
});

describe('a plugin that provides a CNI adapter', function () {
  this.timeout(90_000);
  let servers: readonly TestApiServer[] = [];
  let manager: Kernel;

  before(async () => {
    servers = await Promise.all([startTestApiServer(), startTestApiServer()]);
    const [host, m1] = servers.map(({ kubeconfig }) => ({ kubeconfig }));
    const config: Config = { clusters: { host: host!, m1: m1! }, plugins: [blocks(), vxlan()], log: { level: 'silent' } };
    const cli = await createKernel({ config, role: 'cli' });
    const client = cli.clusters.client('host');
    for (const manifest of crdManifests()) await client.apply(CustomResourceDefinitionKind, manifest, BY);
    await client.apply(NamespaceKind, { apiVersion: 'v1', kind: 'Namespace', metadata: { name: SYSTEM_NAMESPACE } }, BY);
    const cluster = { apiVersion: 'kosmos.io/v1alpha1', kind: 'Cluster', metadata: { name: 'm1' } };
    await eventually(() => client.apply(ClusterKind, { ...cluster, spec: { clusterLinkOptions: { cni: 'blocks' } } }, BY));
    await eventually(() => client.list(ClusterNodeKind));
    await cli.clusters
      .client('m1')
      .apply(NodeKind, { apiVersion: 'v1', kind: 'Node', metadata: { name: 'n1' }, spec: { podCIDRs: ['10.1.0.0/24'] } }, BY);
    await cli.stop();
    manager = await createKernel({ config, role: 'manager' });
    await manager.start();
  });
  after(async () => {
    await manager?.stop();
    await Promise.all(servers.map((server) => server.stop()));
  });

  it('says which CIDRs the cluster has', async () => {
    await eventually(async () => {
      const found = (await manager.clusters.client('host').get(ClusterKind, 'm1'))?.status?.clusterLinkStatus;
      expect(found).to.deep.equal({ podCIDRs: ['10.50.0.0/16'], serviceCIDRs: ['10.60.0.0/16'] });
      return true;
    });
  });

  it('says which CIDRs a node has; as long as it does not know, nothing is written', async () => {
    const host = manager.clusters.client('host');
    expect(await host.get(ClusterNodeKind, 'm1-n1')).to.equal(undefined);
    const containers = [{ name: 'c', image: 'none' }];
    const block = (cidr: string) => ({
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name: 'block-n1', namespace: 'default', labels: { cidr } },
      spec: { containers },
    });
    for (const cidr of ['10.50.3.0/26', '10.50.4.0/26']) {
      await manager.clusters.client('m1').apply(PodKind, block(cidr.replace('/', '_')), BY);
      await eventually(async () => {
        expect((await host.get(ClusterNodeKind, 'm1-n1'))?.spec?.podCIDRs).to.deep.equal([cidr]);
        return true;
      });
    }
  });
});
