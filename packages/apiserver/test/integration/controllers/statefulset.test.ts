import { expect } from 'chai';
import { Cluster, PODS, STATEFULSETS, template, type Obj } from './support.ts';

const CLAIMS = '/api/v1/namespaces/default/persistentvolumeclaims';

describe('StatefulSets', function () {
  this.timeout(60_000);
  let cluster: Cluster;
  beforeEach(async () => {
    cluster = await Cluster.start();
    await cluster.node('n1');
    await cluster.node('n2');
  });
  afterEach(() => cluster.stop());

  const set = (name: string, more: object = {}, held = false): object => ({
    metadata: { name },
    spec: {
      serviceName: name,
      replicas: 3,
      selector: { matchLabels: { app: name } },
      template: template(name, {}, held ? { labels: { app: name }, annotations: { 'test/hold': 'yes' } } : {}),
      ...more,
    },
  });
  const names = async (): Promise<string[]> => (await cluster.pods()).map((p) => p.metadata.name).sort();
  const status = async (name = 'db'): Promise<Obj> => (await cluster.get(`${STATEFULSETS}/${name}`)).status;
  const ready = (n: number): Promise<unknown> => cluster.until(`${n} are ready`, async () => (await status()).readyReplicas === n);

  it('make their pods one after the other, each when the one before is ready, with names of their own', async () => {
    await cluster.create(STATEFULSETS, set('db', {}, true));
    for (const n of [0, 1, 2]) {
      await cluster.until(`db-${n} is there`, async () => (await names()).includes(`db-${n}`));
      expect(await names(), 'no later one').to.have.lengthOf(n + 1);
      const pod = await cluster.until('it is bound', async () => {
        const found = await cluster.get(`${PODS}/db-${n}`);
        return found.spec.nodeName && found;
      });
      expect(pod.metadata.labels).to.include({
        'statefulset.kubernetes.io/pod-name': `db-${n}`,
        'apps.kubernetes.io/pod-index': String(n),
      });
      expect(pod.spec).to.include({ hostname: `db-${n}`, subdomain: 'db' });
      expect(pod.metadata, 'a node is no change of its spec').to.include({ generateName: 'db-', generation: 1 });
      await cluster.setPod('default', `db-${n}`, 'Running');
    }
    await ready(3);
    const s = await status();
    expect(s).to.include({ replicas: 3, currentReplicas: 3, updatedReplicas: 3, availableReplicas: 3, collisionCount: 0 });
    expect(s.currentRevision).to.equal(s.updateRevision);
    expect(await cluster.events('SuccessfulCreate')).to.include('Create Pod db-0 in StatefulSet db successful');
  });

  it('scale down from the last, and wait for what is not ready below', async () => {
    await cluster.create(STATEFULSETS, set('db'));
    await ready(3);
    await cluster.setPod('default', 'db-0', 'Running', false);
    await cluster.until('that is seen', async () => (await status()).readyReplicas === 2);
    await cluster.patch(`${STATEFULSETS}/db`, { spec: { replicas: 1 } });
    await cluster.until('the change is seen', async () => (await status()).observedGeneration === 2);
    expect(await names()).to.deep.equal(['db-0', 'db-1', 'db-2']);
    await cluster.setPod('default', 'db-0', 'Running');
    await cluster.until('one is left', async () => (await names()).join() === 'db-0');
  });

  it('with Parallel make all at once', async () => {
    await cluster.create(STATEFULSETS, set('db', { podManagementPolicy: 'Parallel' }, true));
    await cluster.until('all are there', async () => (await names()).length === 3);
    expect((await status()).readyReplicas).to.equal(undefined);
  });

  it('update from the last down to the partition; a lost pod below it comes back as it was', async () => {
    await cluster.create(STATEFULSETS, set('db', { updateStrategy: { type: 'RollingUpdate', rollingUpdate: { partition: 1 } } }));
    await ready(3);
    const images = async (): Promise<string> =>
      ((await cluster.pods()) as Obj[])
        .sort((a, b) => (a.metadata.name < b.metadata.name ? -1 : 1))
        .map((p) => p.spec.containers[0].image)
        .join();
    const change = (image: string): Promise<unknown> =>
      cluster.client.call(
        'PATCH',
        `${STATEFULSETS}/db`,
        { spec: { template: { spec: { containers: [{ name: 'c', image }] } } } },
        { 'content-type': 'application/strategic-merge-patch+json' },
      );
    await change('b');
    await cluster.until('two are new', async () => (await images()) === 'i,b,b');
    await ready(3);
    await cluster.delete(`${PODS}/db-0`);
    await cluster.until('it is back', async () => (await images()) === 'i,b,b');
    await ready(3);
    expect((await status()).updatedReplicas).to.equal(2);
    await cluster.patch(`${STATEFULSETS}/db`, { spec: { updateStrategy: { rollingUpdate: { partition: 0 } } } });
    await cluster.until('all are new', async () => (await images()) === 'b,b,b');
    await cluster.until(
      'the revision is the current one',
      async () => (await status()).currentRevision === (await status()).updateRevision,
    );
    const revisions: Obj[] = await cluster.get('/apis/apps/v1/namespaces/default/controllerrevisions');
    expect(revisions.map((r) => r.revision).sort()).to.deep.equal([1, 2]);
    expect(revisions[0].data.spec.template.$patch).to.equal('replace');
    await change('i');
    await cluster.until('the way back is a new revision of the old name', async () => (await images()) === 'i,i,i');
    const back: Obj[] = await cluster.get('/apis/apps/v1/namespaces/default/controllerrevisions');
    expect(back.map((r) => r.revision).sort()).to.deep.equal([2, 3]);
  });

  it('with OnDelete leave pods as they are until somebody deletes them', async () => {
    await cluster.create(STATEFULSETS, set('db', { updateStrategy: { type: 'OnDelete' } }));
    await ready(3);
    const body = { spec: { template: { metadata: { labels: { v: '2' } } } } };
    await cluster.patch(`${STATEFULSETS}/db`, body);
    await cluster.until('it is seen', async () => (await status()).observedGeneration === 2);
    await cluster.delete(`${PODS}/db-1`);
    await cluster.until('the new one is there', async () => (await cluster.pods('v=2')).length === 1);
    await ready(3);
    expect((await cluster.pods('v=2')).map((p) => p.metadata.name)).to.deep.equal(['db-1']);
  });

  it('give each pod claims that it finds again, kept or deleted as the policy says', async () => {
    const volumeClaimTemplates = [
      { metadata: { name: 'data' }, spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } } } },
    ];
    const persistentVolumeClaimRetentionPolicy = { whenDeleted: 'Delete', whenScaled: 'Delete' };
    await cluster.create(STATEFULSETS, set('db', { replicas: 2, volumeClaimTemplates, persistentVolumeClaimRetentionPolicy }));
    await ready(2);
    const before = await cluster.get(`${CLAIMS}/data-db-1`);
    expect(before.status.phase).to.equal('Bound');
    expect(before.metadata.labels).to.deep.equal({ app: 'db' });
    const node = (await cluster.get(`${PODS}/db-1`)).spec.nodeName;
    await cluster.delete(`${PODS}/db-1`);
    await ready(2);
    const pod = await cluster.until(
      'it is back',
      async () => (await cluster.get(`${PODS}/db-1`)).status.phase === 'Running' && cluster.get(`${PODS}/db-1`),
    );
    expect(pod.spec.volumes[0].persistentVolumeClaim.claimName).to.equal('data-db-1');
    expect(pod.spec.nodeName, 'where its volume is').to.equal(node);
    expect((await cluster.get(`${CLAIMS}/data-db-1`)).metadata.uid).to.equal(before.metadata.uid);
    await cluster.patch(`${STATEFULSETS}/db`, { spec: { replicas: 1 } });
    await cluster.until('its claim went', async () => ((await cluster.get(CLAIMS)) as Obj[]).length === 1);
    await cluster.delete(`${STATEFULSETS}/db`);
    await cluster.until('all went', async () => ((await cluster.get(CLAIMS)) as Obj[]).length === 0);
    await cluster.until('the volumes, too', async () => ((await cluster.get('/api/v1/persistentvolumes')) as Obj[]).length === 0);
  });
});
