import { expect } from 'chai';
import { cleanUp, eventually, needs, startTestLab, tempLabHome } from '@kosmos/testing';
import { topologyOf, type Lab } from '../../src/index.ts';
import { kubectl, podManifest } from './support.ts';

/** Asks the cluster's server for a name, by UDP or TCP; prints what dns.resolve gives, or its error, as JSON. */
const RESOLVE = `
  const [server, name, type] = process.argv.slice(1);
  const resolver = new (require('node:dns').promises.Resolver)({ timeout: 2000, tries: 2 });
  resolver.setServers([server.includes(':') ? '[' + server + ']' : server]);
  resolver.resolve(name, type).then((r) => console.log(JSON.stringify(r)), (e) => console.log(JSON.stringify(e.code)));
`;

describe('the DNS of a lab', function () {
  this.timeout(60_000);
  let lab: Lab;

  before(needs('lab', 'kubectl'));
  before(async () => {
    tempLabHome();
    lab = await startTestLab({ topology: topologyOf({ clusters: [{ families: 'dual', nodes: 1 }] }) });
    apply(podManifest('client', { image: 'lab/pause' }, { nodeName: 'n1' }));
    kubectl(lab, 'c1', ['wait', '--for=condition=Ready', 'pod/client', '--timeout=20s']);
  });
  after(cleanUp);

  const apply = (object: object) => kubectl(lab, 'c1', ['apply', '-f', '-'], object);
  const resolve = async (name: string, type = 'A', server = '10.201.0.10') =>
    JSON.parse(
      (await lab.exec('c1/client', [process.execPath, '-e', RESOLVE, server, name, type], { timeoutMs: 15_000 })).stdout,
    ) as unknown;
  const becomes = (name: string, expected: unknown) =>
    eventually(
      async () => {
        expect(await resolve(name)).to.deep.equal(expected);
        return true;
      },
      { message: name },
    );

  it('answers pods at the tenth address of the service network of each family', async () => {
    const kubernetes = kubectl(lab, 'c1', ['get', 'service', 'kubernetes', '-o', 'jsonpath={.spec.clusterIP}']);
    expect(await resolve('kubernetes.default.svc.cluster.local')).to.deep.equal([kubernetes]);
    expect(await resolve('kubernetes.default.svc.cluster.local', 'A', 'fd20:1::a')).to.deep.equal([kubernetes]);
    expect(await resolve('kube-dns.kube-system.svc.cluster.local', 'AAAA')).to.deep.equal(['fd20:1::a']);
    expect(await resolve('none.default.svc.cluster.local')).to.equal('ENOTFOUND');
    const [srv] = (await resolve('_dns._udp.kube-dns.kube-system.svc.cluster.local', 'SRV')) as object[];
    expect(srv).to.include({ name: 'kube-dns.kube-system.svc.cluster.local', port: 53, priority: 0, weight: 100 });
  });

  it('is what programs in pods ask, by short names first', () => {
    const inPod = (...argv: string[]) => kubectl(lab, 'c1', ['exec', 'client', '--', ...argv]);
    expect(inPod('cat', '/etc/resolv.conf')).to.match(
      /^search default\.svc\.cluster\.local svc\.cluster\.local cluster\.local.*\nnameserver 10\.201\.0\.10\n/,
    );
    expect(inPod('getent', 'ahostsv4', 'kubernetes')).to.match(/^10\.201\.0\.1 /);
    expect(inPod('getent', 'ahostsv6', 'kube-dns.kube-system')).to.match(/^fd20:1::a /);
  });

  it('follows services and endpoints, more of them than a datagram holds', async () => {
    apply({ apiVersion: 'v1', kind: 'Service', metadata: { name: 'many' }, spec: { clusterIP: 'None', ports: [{ port: 80 }] } });
    const addresses = Array.from({ length: 100 }, (_, i) => `10.1.9.${i + 2}`);
    const metadata = { name: 'many-1', labels: { 'kubernetes.io/service-name': 'many' } };
    const endpoints = addresses.map((a) => ({ addresses: [a], conditions: { ready: true } }));
    apply({
      apiVersion: 'discovery.k8s.io/v1',
      kind: 'EndpointSlice',
      metadata,
      addressType: 'IPv4',
      endpoints,
      ports: [{ port: 80, protocol: 'TCP' }],
    });
    await eventually(async () => {
      expect(await resolve('many.default.svc.cluster.local')).to.have.members(addresses);
      return true;
    });
  });

  it('gets stub zones by its Corefile, which is read again when it changes', async () => {
    await becomes('a.stub.example', 'EREFUSED');
    const corefile = kubectl(lab, 'c1', ['get', 'configmap', 'coredns', '-n', 'kube-system', '-o', 'jsonpath={.data.Corefile}']);
    const stub = 'stub.example:53 {\n    hosts {\n        192.0.2.7 a.stub.example\n    }\n}\n';
    const change = (text: string) =>
      kubectl(lab, 'c1', [
        'patch',
        'configmap',
        'coredns',
        '-n',
        'kube-system',
        '--type=merge',
        '-p',
        JSON.stringify({ data: { Corefile: text } }),
      ]);
    change(corefile + stub);
    await becomes('a.stub.example', ['192.0.2.7']);
    change(`${corefile}broken {`);
    change(corefile);
    await becomes('a.stub.example', 'EREFUSED');
    expect(await resolve('kube-dns.kube-system.svc.cluster.local')).to.deep.equal(['10.201.0.10']);
  });

  it('is there again when its process was killed, with the Corefile as it was left', async () => {
    await lab.kill('c1/dns');
    await becomes('kube-dns.kube-system.svc.cluster.local', ['10.201.0.10']);
  });
});
