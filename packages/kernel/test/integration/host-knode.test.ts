/** The knode skeleton against two API servers: the contract carries a plugin with clusters, informers, a gated controller and writers. */
import type { Config } from '@kosmos/kernel';
import { type Kernel, createKernel } from '@kosmos/kernel/runtime';
import { type ApiServer, startApiServer } from '@kosmos/apiserver';
import { eventually } from '@kosmos/testing';
import { expect } from 'chai';
import { memoryLog } from '../fixtures/host.ts';
import { PODS, type Pod, knode, knodeIdentity, knodePlacement, knodeStorage, knodeWhere } from '../fixtures/knode.ts';

describe('the knode skeleton', () => {
  let [host, member]: ApiServer[] = [];
  let kernel: Kernel | undefined;

  before(async () => {
    [host, member] = await Promise.all([startApiServer({ name: 'host' }), startApiServer({ name: 'a' })]);
    const access = (server: ApiServer | undefined) => ({ kubeconfig: server?.kubeconfig() ?? '' });
    const config: Config = {
      clusters: { host: access(host), a: access(member) },
      plugins: [knodeStorage(), knodeIdentity(), knodePlacement(), knodeWhere(), knode()],
    };
    kernel = await createKernel({ config, role: 'manager', log: memoryLog() });
    await kernel.start();
  });
  after(async () => {
    await kernel?.stop();
    await Promise.all([host?.stop(), member?.stop()]);
  });

  it('makes a pod that is bound to a virtual node in its member, and brings the status back', async () => {
    const clusters = kernel?.clusters;
    if (!clusters) throw new Error('no kernel');
    const spec = {
      nodeName: 'kosmos-a',
      serviceAccountName: 'web',
      containers: [{ name: 'web', image: 'web:1' }],
      volumes: [{ name: 'data', persistentVolumeClaim: { claimName: 'data' } }],
    };
    // An API server refuses pods of accounts that are not there.
    for (const [cluster, name] of [
      ['host', 'web'],
      ['a', 'host-web'],
    ] as const) {
      const body = { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name }, automountServiceAccountToken: false };
      await clusters.client(cluster).request('POST', '/api/v1/namespaces/default/serviceaccounts', { body });
    }
    await clusters
      .client('host')
      .request('POST', '/api/v1/namespaces/default/pods', { body: { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'web' }, spec } });
    const inMember = () => clusters.client('a').get<Pod>(PODS, 'web', { namespace: 'default' });
    const made = await eventually(inMember, { message: 'the pod in the member' });
    expect(made?.spec).to.deep.include({ serviceAccountName: 'host-web' });
    expect(made?.spec.nodeName).to.equal(undefined);
    expect(made?.spec.volumes?.[0]).to.deep.include({ persistentVolumeClaim: { claimName: 'data-a' } });

    await clusters
      .client('a')
      .patch(PODS, 'web', { status: { phase: 'Running', podIP: '10.9.0.7' } }, { namespace: 'default', subresource: 'status' });
    const inHost = () => clusters.client('host').get<Pod>(PODS, 'web', { namespace: 'default' });
    const told = await eventually(
      async () => {
        const pod = await inHost();
        return pod?.status?.phase === 'Running' && pod;
      },
      { message: 'the pod runs, as the host sees it' },
    );
    expect(told?.status).to.deep.include({ phase: 'Running', podIP: '10.9.0.7', message: 'runs in a' });
  });
});
