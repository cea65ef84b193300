import { readFileSync } from 'node:fs';
import { eventually, needs, startTestApiServer, type TestApiServer } from '@kosmos/testing';
import { expect } from 'chai';
import { parse } from 'yaml';
import { crdYaml } from '../../src/index.ts';
import { type Kubectl, kubectl } from '../support/kubectl.ts';

const fixture = (name: string) => readFileSync(new URL(`../fixtures/original/${name}.yaml`, import.meta.url), 'utf8');

describe('the kinds by kubectl', function () {
  this.timeout(90_000);
  let server: TestApiServer;
  let kube: Kubectl;

  const done = async (args: readonly string[], stdin?: string) => {
    const { code, out, err } = await kube(args, stdin);
    expect(code, `kubectl ${args.join(' ')}: ${err}`).to.equal(0);
    return out;
  };
  const columns = async (...args: string[]) => {
    const [head, ...rows] = (await done(['get', ...args])).trimEnd().split('\n');
    return [head!, ...rows].map((line) => line.trim().split(/ {2,}/));
  };

  before(needs('kubectl'));
  before(async () => {
    server = await startTestApiServer();
    kube = kubectl(server.kubeconfig);
    expect(await done(['apply', '-f', '-'], crdYaml())).to.match(/^(customresourcedefinition\.apiextensions\.k8s\.io\/\S+ created\n){3}$/);
    await eventually(() => done(['get', 'clusters,clusternodes,nodeconfigs', '--ignore-not-found']).then(() => true), {
      timeoutMs: 30_000,
      message: 'the kinds are served',
    });
  });
  after(async () => {
    kube?.remove();
    await server?.stop();
  });

  it('are unchanged when applied again, on the client and by the server', async () => {
    expect(await done(['apply', '-f', '-'], crdYaml())).to.match(/^(\S+ unchanged\n){3}$/);
    await done(['apply', '--server-side', '--force-conflicts', '-f', '-'], crdYaml());
  });

  it('show their columns and fill in defaults', async () => {
    const minimal = { apiVersion: 'kosmos.io/v1alpha1', kind: 'Cluster', metadata: { name: 'minimal' }, spec: { clusterLinkOptions: {} } };
    await done(['apply', '-f', '-'], JSON.stringify(minimal));
    expect(await columns('cluster', 'minimal')).to.deep.equal([
      ['NAME', 'NETWORK_TYPE', 'IP_FAMILY'],
      ['minimal', 'p2p', 'all'],
    ]);
    const node = { apiVersion: 'kosmos.io/v1alpha1', kind: 'ClusterNode', metadata: { name: 'm-n' } };
    const spec = { clusterName: 'm', nodeName: 'n', ip: '192.0.2.1', interfaceName: 'eth0', roles: ['gateway'] };
    await done(['apply', '-f', '-'], JSON.stringify({ ...node, spec }));
    expect(await columns('clusternode', 'm-n')).to.deep.equal([
      ['NAME', 'ROLES', 'INTERFACE', 'IP'],
      ['m-n', '["gateway"]', 'eth0', '192.0.2.1'],
    ]);
  });

  it('refuse a word that is none of the allowed, and say which are', async () => {
    const mesh = {
      apiVersion: 'kosmos.io/v1alpha1',
      kind: 'Cluster',
      metadata: { name: 'mesh' },
      spec: { clusterLinkOptions: { networkType: 'mesh' } },
    };
    const { code, err } = await kube(['apply', '-f', '-'], JSON.stringify(mesh));
    expect(code).to.equal(1);
    expect(err).to.match(/spec\.clusterLinkOptions\.networkType: Unsupported value: "mesh": supported values: "p2p", "gateway"/);
  });

  it('are explained', async () => {
    expect(await done(['explain', 'cluster.spec.clusterLinkOptions.networkType'])).to.match(
      /FIELD: networkType <string>\s+ENUM:\s+p2p\s+gateway/,
    );
  });

  for (const name of ['cluster', 'clusternode', 'nodeconfig']) {
    it(`take a ${name} of the Go original whole`, async () => {
      const original = parse(fixture(name));
      await done(['apply', '-f', '-'], fixture(name));
      const { metadata, spec, status } = JSON.parse(await done(['get', name, original.metadata.name, '-o', 'json']));
      expect(spec).to.deep.equal(original.spec);
      expect(status).to.deep.equal(original.status);
      expect(metadata.labels).to.deep.equal(original.metadata.labels);
      expect(metadata.annotations).to.include(original.metadata.annotations ?? {});
      expect(await done(['apply', '-f', '-'], fixture(name)), 'applied again').to.match(/ unchanged\n$/);
    });
  }
});
