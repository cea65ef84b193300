import { expect } from 'chai';
import { Cluster, PODS, SERVICES, type Obj } from './support.ts';

const SLICES = '/apis/discovery.k8s.io/v1/namespaces/default/endpointslices';
const ENDPOINTS = '/api/v1/namespaces/default/endpoints';

describe('Endpoints of services', function () {
  this.timeout(60_000);
  let cluster: Cluster;
  beforeEach(async () => {
    cluster = await Cluster.start();
    await cluster.node('n1', { labels: { 'topology.kubernetes.io/zone': 'z1' } });
  });
  afterEach(() => cluster.stop());

  const pod = (name: string, more: object = {}, port = 80): Promise<Obj> =>
    cluster.create(PODS, {
      metadata: { name, labels: { app: 'web' } },
      spec: { containers: [{ name: 'c', image: 'i', ports: [{ name: 'http', containerPort: port }] }], ...more },
    });
  const service = (name: string, spec: object = {}): Promise<Obj> =>
    cluster.create(SERVICES, {
      metadata: { name, labels: { own: 'yes' } },
      spec: { selector: { app: 'web' }, ports: [{ port: 80, targetPort: 'http' }], ...spec },
    });
  const slices = async (name: string): Promise<Obj[]> => cluster.get(`${SLICES}?labelSelector=kubernetes.io/service-name%3D${name}`);
  const endpoints = async (name: string): Promise<Obj[]> => (await slices(name)).flatMap((s) => s.endpoints ?? []);
  const ready = (name: string, n: number): Promise<Obj[]> =>
    cluster.until(`${n} endpoints of ${name} are ready`, async () => {
      const found = await endpoints(name);
      return found.filter((e) => e.conditions.ready).length === n && found;
    });

  it('are the pods that it selects, as long as they are ready, in slices and in the older form', async () => {
    await service('web');
    await pod('a');
    await pod('b');
    const found = await ready('web', 2);
    const a = found.find((e) => e.targetRef.name === 'a')!;
    const { status } = await cluster.get(`${PODS}/a`);
    expect(a).to.deep.include({
      addresses: [status.podIP],
      nodeName: 'n1',
      zone: 'z1',
      conditions: { ready: true, serving: true, terminating: false },
    });
    const [slice] = await slices('web');
    expect(slice.ports).to.deep.equal([{ name: '', port: 80, protocol: 'TCP' }]);
    expect(slice.metadata.labels).to.deep.equal({
      own: 'yes',
      'kubernetes.io/service-name': 'web',
      'endpointslice.kubernetes.io/managed-by': 'endpointslice-controller.k8s.io',
    });
    expect(slice.metadata.ownerReferences[0]).to.include({ kind: 'Service', name: 'web', controller: true });
    await cluster.setPod('default', 'b', 'Running', false);
    await ready('web', 1);
    const old = await cluster.until('the older form follows', async () => {
      const [subset] = (await cluster.get(`${ENDPOINTS}/web`)).subsets ?? [];
      return subset?.notReadyAddresses?.length === 1 && subset;
    });
    expect(old.addresses).to.deep.equal([{ ip: status.podIP, nodeName: 'n1', targetRef: a.targetRef }]);
    expect(old.ports).to.deep.equal([{ port: 80, protocol: 'TCP' }]);
    for (const name of ['a', 'b']) await cluster.delete(`${PODS}/${name}?gracePeriodSeconds=0`);
    const empty = await cluster.until('it has no endpoints', async () => {
      const [only] = await slices('web');
      return (only?.endpoints ?? []).length === 0 && only;
    });
    expect(empty.metadata.name, 'the same slice').to.equal(slice.metadata.name);
    await cluster.delete(`${SERVICES}/web`);
    await cluster.until('both go with the service', async () => (await slices('web')).length === 0);
    await cluster.until('both go with the service', async () => (await cluster.client.call('GET', `${ENDPOINTS}/web`)).status === 404);
  });

  it('say of a pod that ends that it still serves, and do not show one that has ended', async () => {
    await service('web');
    await pod('a');
    await pod('b');
    await ready('web', 2);
    await cluster.patch(`${PODS}/a`, { metadata: { annotations: { 'test/hold': 'yes' } } });
    await cluster.delete(`${PODS}/a`);
    const found = await cluster.until('it ends', async () => (await endpoints('web')).find((e) => e.conditions.terminating));
    expect(found.conditions).to.deep.equal({ ready: false, serving: true, terminating: true });
    await cluster.setPod('default', 'b', 'Succeeded', false);
    await cluster.until('the other is not shown', async () => (await endpoints('web')).length === 1);
    await cluster.delete(`${PODS}/a`, { gracePeriodSeconds: 0 });
    await cluster.until(
      'a slice without endpoints is left',
      async () => (await slices('web')).length === 1 && (await endpoints('web')).length === 0,
    );
  });

  it('of a headless service have host names, also before they are ready where it publishes them', async () => {
    await service('db', { clusterIP: 'None', publishNotReadyAddresses: true });
    await pod('a', { hostname: 'a', subdomain: 'db' });
    await ready('db', 1);
    await cluster.setPod('default', 'a', 'Running', false);
    const found = await cluster.until('it does not serve', async () => (await endpoints('db')).find((e) => !e.conditions.serving));
    expect(found).to.deep.include({ hostname: 'a', conditions: { ready: true, serving: false, terminating: false } });
    expect((await slices('db'))[0].metadata.labels).to.include({ 'service.kubernetes.io/headless': '' });
  });

  it('of both families are in a slice each, and of different named ports too', async () => {
    await service('both', { clusterIP: 'None', ipFamilies: ['IPv4', 'IPv6'], ipFamilyPolicy: 'PreferDualStack' });
    await pod('a');
    await pod('b', {}, 81);
    await ready('both', 2);
    const { podIP } = (await cluster.get(`${PODS}/a`)).status;
    await cluster.patch(`${PODS}/a/status`, { status: { podIPs: [{ ip: podIP }, { ip: 'fd00::a' }] } });
    const found = await cluster.until('three slices', async () => (await slices('both')).length === 3 && slices('both'));
    expect(found.map((s) => [s.addressType, s.ports?.[0]?.port, s.endpoints.length]).sort()).to.deep.equal([
      ['IPv4', 80, 1],
      ['IPv4', 81, 1],
      ['IPv6', 80, 1],
    ]);
  });

  it('keep at most a hundred in a slice, and change only the slice of the one that changed', async () => {
    await service('many');
    await Promise.all(Array.from({ length: 105 }, (_, i) => pod(`p${i}`)));
    await ready('many', 105);
    const before = await slices('many');
    expect(before.map((s) => s.endpoints.length).sort()).to.deep.equal([100, 5].sort());
    const small = before.find((s) => s.endpoints.length === 5)!;
    await cluster.setPod('default', small.endpoints[0].targetRef.name, 'Running', false);
    await ready('many', 104);
    const after = await slices('many');
    const version = (list: Obj[], name: string): string => list.find((s) => s.metadata.name === name)!.metadata.resourceVersion;
    const large = before.find((s) => s !== small)!.metadata.name;
    expect(version(after, large)).to.equal(version(before, large));
    expect(version(after, small.metadata.name)).not.to.equal(version(before, small.metadata.name));
  });

  it('that somebody wrote for a service without a selector are mirrored into slices', async () => {
    await cluster.create(SERVICES, { metadata: { name: 'ext' }, spec: { ports: [{ port: 80 }] } });
    const subsets = [
      { addresses: [{ ip: '192.0.2.1' }, { ip: '2001:db8::1' }], notReadyAddresses: [{ ip: '192.0.2.2' }], ports: [{ port: 8080 }] },
    ];
    await cluster.create(ENDPOINTS, { metadata: { name: 'ext' }, subsets });
    const found = await cluster.until('they are mirrored', async () => (await slices('ext')).length === 2 && slices('ext'));
    const v4 = found.find((s) => s.addressType === 'IPv4')!;
    expect(v4.endpoints.map((e: Obj) => [e.addresses[0], e.conditions.ready])).to.deep.equal([
      ['192.0.2.1', true],
      ['192.0.2.2', false],
    ]);
    expect(v4.metadata.labels['endpointslice.kubernetes.io/managed-by']).to.equal('endpointslicemirroring-controller.k8s.io');
    await cluster.delete(`${ENDPOINTS}/ext`);
    await cluster.until('they go', async () => (await slices('ext')).length === 0);
  });

  it('hint at their own zone, or node, where the service asks for traffic from there', async () => {
    await service('near', { trafficDistribution: 'PreferSameNode' });
    await pod('a');
    const [found] = await ready('near', 1);
    expect(found!.hints).to.deep.equal({ forZones: [{ name: 'z1' }], forNodes: [{ name: 'n1' }] });
  });
});
