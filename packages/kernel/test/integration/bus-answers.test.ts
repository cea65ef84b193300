import { startTestApiServer, type TestApiServer } from '@kosmos/testing';
import { expect } from 'chai';
import type { KubeClient } from '../../src/index.ts';
import { createKernel, type Kernel } from '../../src/runtime.ts';

/** A kube-apiserver that is named by KUBEBUILDER_ASSETS ends an answer and resets its stream in one piece; the embedded server does not. */
describe('answers to many requests at once', function () {
  this.timeout(120_000);
  let server: TestApiServer;
  let kernel: Kernel;
  let client: KubeClient;

  before(async () => {
    server = await startTestApiServer();
    const config = { clusters: { host: { kubeconfig: server.kubeconfig } }, plugins: [], log: { level: 'silent' as const } };
    kernel = await createKernel({ config, role: 'cli' });
    client = kernel.clusters.client('host');
  });
  after(async () => {
    await kernel?.stop();
    await server?.stop();
  });

  it('are all read to their end', async () => {
    let next = 0;
    const ask = async () => {
      for (let i = (next += 1); i <= 2000; i = next += 1) {
        const body = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: `c-${i}` }, data: { text: 'x'.repeat(500) } };
        const answer = await client.request('POST', '/api/v1/namespaces/default/configmaps?dryRun=All', { body });
        expect((answer as typeof body).data.text).to.have.length(500);
      }
    };
    await Promise.all(Array.from({ length: 24 }, ask));
  });
});
