import { request } from 'node:https';
import { expect } from 'chai';
import { startApiServer, type ApiServer } from '../../src/index.ts';
import { KUBELET_CLIENT, serveNodeStreams, type NodeStreams, type StreamServer } from '../../src/streams/index.ts';
import { Client } from './client.ts';

const METRICS = '/apis/metrics.k8s.io/v1beta1';
const MERGE = { 'content-type': 'application/merge-patch+json' };
const usage = (cores: number, bytes: number) => ({
  cpu: { time: '2026-01-01T00:00:00.500Z', usageNanoCores: cores * 1e9 },
  memory: { workingSetBytes: bytes },
  windowSeconds: 15,
});

describe('metrics', function () {
  this.timeout(20_000);
  let server: ApiServer;
  let admin: Client;
  let node: StreamServer;
  let port: number;

  before(async () => {
    server = await startApiServer({ metrics: true });
    admin = new Client(server);
    const { cert, key } = await server.issueCertificate({ commonName: 'system:node:n1', names: ['127.0.0.1'], usage: 'server' });
    const pods: object[] = [];
    const streams = { summary: () => ({ node: usage(0.25, 2 ** 20), pods }) } as unknown as NodeStreams;
    node = await serveNodeStreams({ host: '127.0.0.1', port: 0, cert, key, ca: server.ca, client: KUBELET_CLIENT, streams });
    ({ port } = node);
    for (const [name, at] of [
      ['n1', port],
      ['away', 1],
    ] as const) {
      await admin.call('POST', '/api/v1/nodes', { metadata: { name, labels: { name } } });
      const status = { addresses: [{ type: 'InternalIP', address: '127.0.0.1' }], daemonEndpoints: { kubeletEndpoint: { Port: at } } };
      await admin.call('PATCH', `/api/v1/nodes/${name}/status`, { status }, MERGE);
    }
    for (const name of ['web', 'idle']) {
      const spec = { nodeName: 'n1', containers: [{ name: 'c', image: 'x' }] };
      const { body } = await admin.call('POST', '/api/v1/namespaces/default/pods', { metadata: { name, labels: { app: name } }, spec });
      await admin.call('PATCH', `/api/v1/namespaces/default/pods/${name}/status`, { status: { phase: 'Running' } }, MERGE);
      pods.push({ podRef: { uid: body.metadata.uid }, containers: [{ name: 'c', ...usage(0.001, 4096) }] });
    }
  });
  after(async () => {
    await node?.close();
    await server.stop();
  });

  it('of nodes are what their kubelets measured; a node that does not answer has none', async () => {
    const { body } = await admin.call('GET', `${METRICS}/nodes`);
    expect(body.kind).to.equal('NodeMetricsList');
    expect(body.items.map((i: { metadata: { name: string } }) => i.metadata.name)).to.deep.equal(['n1']);
    expect(body.items[0]).to.deep.include({
      timestamp: '2026-01-01T00:00:00Z',
      window: '15.000s',
      usage: { cpu: '250000000n', memory: '1024Ki' },
    });
    expect((await admin.call('GET', `${METRICS}/nodes/n1`)).body.usage.memory).to.equal('1024Ki');
    expect((await admin.call('GET', `${METRICS}/nodes/away`)).status).to.equal(404);
  });

  it('of pods can be selected by namespace and labels', async () => {
    const names = async (path: string) =>
      (await admin.call('GET', `${METRICS}/${path}`)).body.items.map((i: { metadata: { name: string } }) => i.metadata.name);
    expect(await names('pods')).to.have.members(['web', 'idle']);
    expect(await names('namespaces/default/pods?labelSelector=app%3Dweb')).to.deep.equal(['web']);
    expect(await names('namespaces/kube-system/pods')).to.deep.equal([]);
    const { body } = await admin.call('GET', `${METRICS}/namespaces/default/pods/web`);
    expect(body.containers).to.deep.equal([{ name: 'c', usage: { cpu: '1000000n', memory: '4Ki' } }]);
  });

  it('are shown by discovery, cannot be written, and are for those who may read them', async () => {
    const { body } = await admin.call('GET', METRICS);
    expect(body.resources.map((r: { name: string; verbs: string[] }) => `${r.name} ${r.verbs.join()}`)).to.deep.equal([
      'nodes get,list',
      'pods get,list',
    ]);
    expect((await admin.call('DELETE', `${METRICS}/nodes/n1`)).status).to.equal(405);
    expect((await new Client(server, server.issueToken('alice', [])).call('GET', `${METRICS}/nodes`)).status).to.equal(403);
  });

  it('are not served unless they are asked for', async () => {
    const plain = await startApiServer();
    const { status } = await new Client(plain).call('GET', METRICS);
    await plain.stop();
    expect(status).to.equal(404);
  });

  it('are given by a node to the API server only', async () => {
    const { cert, key } = await server.issueCertificate({ commonName: 'alice', usage: 'client' });
    const status = await new Promise((resolve, reject) => {
      const req = request({ host: '127.0.0.1', port, path: '/stats/summary', ca: server.ca, cert, key, agent: false }, (res) => {
        res.resume();
        resolve(res.statusCode);
      });
      req.on('error', reject);
      req.end();
    });
    expect(status).to.equal(403);
  });
});
