import { expect } from 'chai';
import { configMap, MAPS } from '../client.ts';
import { Cluster, DEPLOYMENTS, deployment, ownedBy, REPLICASETS, type Obj } from './support.ts';

describe('Garbage', function () {
  this.timeout(60_000);
  let cluster: Cluster;
  before(async () => {
    cluster = await Cluster.start();
    await cluster.node('n1');
  });
  after(() => cluster.stop());

  const map = (name: string, metadata: object = {}): Promise<Obj> =>
    cluster.create(MAPS, configMap(name, {}, metadata as Record<string, unknown>));
  const gone = (path: string): Promise<unknown> =>
    cluster.until(`${path} is gone`, async () => (await cluster.client.call('GET', path)).status === 404);
  const owned = (owner: Obj, more: object = {}): object => ownedBy(owner, 'ConfigMap', 'v1', more);

  it('is what has lost its last owner, and nothing that has another', async () => {
    const [a, b] = [await map('a'), await map('b')];
    await map('of-a', owned(a));
    await map('of-both', { ownerReferences: [...(owned(a) as Obj).ownerReferences, ...(owned(b) as Obj).ownerReferences] });
    await cluster.delete(`${MAPS}/a`);
    await gone(`${MAPS}/of-a`);
    const left = await cluster.until('the other reference is left', async () => {
      const found = await cluster.get(`${MAPS}/of-both`);
      return found.metadata.ownerReferences.length === 1 && found;
    });
    expect(left.metadata.ownerReferences[0].name).to.equal('b');
    await cluster.delete(`${MAPS}/b`);
    await gone(`${MAPS}/of-both`);
  });

  it('is also what is made for an owner that is not there, or is another of its name', async () => {
    const a = await map('c');
    await map('of-old', owned({ metadata: { ...a.metadata, uid: '00000000-0000-0000-0000-000000000000' } }));
    await gone(`${MAPS}/of-old`);
    await map('of-new', owned(a));
    await map('of-unknown', { ownerReferences: [{ apiVersion: 'example.com/v1', kind: 'Unknown', name: 'x', uid: 'x' }] });
    await cluster.delete(`${MAPS}/c`);
    await gone(`${MAPS}/of-new`);
    expect((await cluster.get(`${MAPS}/of-unknown`)).metadata.name, 'of an unknown kind it cannot be told').to.equal('of-unknown');
  });

  it('goes before its owner with Foreground, where it blocks it', async () => {
    const a = await map('d');
    await map('blocking', { ...owned(a, { blockOwnerDeletion: true }), finalizers: ['test/hold'] });
    await map('free', owned(a));
    await cluster.delete(`${MAPS}/d`, { propagationPolicy: 'Foreground' });
    await gone(`${MAPS}/free`);
    await cluster.until('the other is being deleted', async () => (await cluster.get(`${MAPS}/blocking`)).metadata.deletionTimestamp);
    expect((await cluster.get(`${MAPS}/d`)).metadata.finalizers).to.deep.equal(['foregroundDeletion']);
    await cluster.patch(`${MAPS}/blocking`, { metadata: { finalizers: null } });
    await gone(`${MAPS}/d`);
  });

  it('is nothing that its owner is to leave behind', async () => {
    const a = await map('e');
    await map('of-e', owned(a));
    await cluster.delete(`${MAPS}/e`, { propagationPolicy: 'Orphan' });
    await gone(`${MAPS}/e`);
    expect((await cluster.get(`${MAPS}/of-e`)).metadata).not.to.have.property('ownerReferences');
  });

  it('of a Deployment goes with it, or stays and is adopted by the next', async () => {
    await cluster.create(DEPLOYMENTS, deployment('web', 2));
    await cluster.kubectl('rollout status deployment web --timeout=20s');
    const [set] = await cluster.get(REPLICASETS);
    await cluster.kubectl('delete deployment web --cascade=orphan');
    expect((await cluster.get(`${REPLICASETS}/${set.metadata.name}`)).metadata).not.to.have.property('ownerReferences');
    await cluster.create(DEPLOYMENTS, deployment('web', 2));
    await cluster.kubectl('rollout status deployment web --timeout=20s');
    expect((await cluster.get(REPLICASETS)).map((s: Obj) => s.metadata.uid)).to.deep.equal([set.metadata.uid]);
    await cluster.kubectl('delete deployment web --cascade=foreground --timeout=20s');
    expect(await cluster.get(REPLICASETS)).to.deep.equal([]);
    expect(await cluster.pods('app=web')).to.deep.equal([]);
  });

  it('of custom kinds is collected as any other', async () => {
    await cluster.create('/apis/apiextensions.k8s.io/v1/customresourcedefinitions', {
      metadata: { name: 'gears.gc.example.com' },
      spec: {
        group: 'gc.example.com',
        scope: 'Namespaced',
        names: { plural: 'gears', kind: 'Gear' },
        versions: [
          {
            name: 'v1',
            served: true,
            storage: true,
            schema: { openAPIV3Schema: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true } },
          },
        ],
      },
    });
    const gears = '/apis/gc.example.com/v1/namespaces/default/gears';
    const gear = await cluster.until('it is served', async () => {
      const { status, body } = await cluster.client.call('POST', gears, {
        apiVersion: 'gc.example.com/v1',
        kind: 'Gear',
        metadata: { name: 'g' },
      });
      return status === 201 && body;
    });
    await map('of-gear', ownedBy(gear, 'Gear', 'gc.example.com/v1'));
    const small = {
      apiVersion: 'gc.example.com/v1',
      kind: 'Gear',
      metadata: { name: 'small', ...ownedBy(gear, 'Gear', 'gc.example.com/v1') },
    };
    await cluster.create(gears, small);
    await cluster.delete(`${gears}/g`);
    await gone(`${MAPS}/of-gear`);
    await gone(`${gears}/small`);
  });
});

describe('Namespaces', function () {
  this.timeout(60_000);
  let cluster: Cluster;
  before(async () => {
    cluster = await Cluster.start();
    await cluster.node('n1');
  });
  after(() => cluster.stop());

  it('have an account and the root certificate, which come back when they are deleted or changed', async () => {
    await cluster.create('/api/v1/namespaces', { metadata: { name: 'new' } });
    const of = '/api/v1/namespaces/new';
    const there = (path: string): Promise<Obj> =>
      cluster.until(`${path} is there`, async () => {
        const { status, body } = await cluster.client.call('GET', path);
        return status === 200 && body;
      });
    const account = await there(`${of}/serviceaccounts/default`);
    expect((await there(`${of}/configmaps/kube-root-ca.crt`)).data['ca.crt']).to.equal(cluster.client.server.ca);
    await cluster.delete(`${of}/serviceaccounts/default`);
    await cluster.until(
      'another is there',
      async () => (await there(`${of}/serviceaccounts/default`)).metadata.uid !== account.metadata.uid,
    );
    await cluster.patch(`${of}/configmaps/kube-root-ca.crt`, { data: { 'ca.crt': 'bad' } });
    await cluster.until(
      'it is mended',
      async () => (await there(`${of}/configmaps/kube-root-ca.crt`)).data['ca.crt'] === cluster.client.server.ca,
    );
  });

  it('that are deleted say what they wait for, and go when it is gone', async () => {
    await cluster.create('/api/v1/namespaces', { metadata: { name: 'old' } });
    const maps = '/api/v1/namespaces/old/configmaps';
    await cluster.create(maps, configMap('held', {}, { finalizers: ['test/hold'] }));
    await cluster.create(maps, configMap('free'));
    await cluster.delete('/api/v1/namespaces/old');
    const conditions = await cluster.until('it says why', async () => (await cluster.get('/api/v1/namespaces/old')).status.conditions);
    const of = (type: string): Obj => conditions.find((c: Obj) => c.type === type);
    expect(of('NamespaceContentRemaining')).to.include({
      status: 'True',
      reason: 'SomeResourcesRemain',
      message: 'Some resources are remaining: configmaps. has 1 resource instances',
    });
    expect(of('NamespaceFinalizersRemaining').message).to.equal(
      'Some content in the namespace has finalizers remaining: test/hold in 1 resource instances',
    );
    await cluster.patch(`${maps}/held`, { metadata: { finalizers: null } });
    await cluster.until('it is gone', async () => (await cluster.client.call('GET', '/api/v1/namespaces/old')).status === 404);
  });
});
