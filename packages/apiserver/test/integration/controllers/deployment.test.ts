import { expect } from 'chai';
import { needs } from '@kosmos/testing';
import { Cluster, deployment, DEPLOYMENTS, ownedBy, PODS, REPLICASETS, TestClock, type Obj } from './support.ts';

describe('Deployments', function () {
  this.timeout(60_000);
  let cluster: Cluster;
  before(needs('kubectl'));
  beforeEach(async () => {
    cluster = await Cluster.start();
    await cluster.node('n1');
    await cluster.node('n2');
  });
  afterEach(() => cluster.stop());

  const sets = async (): Promise<Obj[]> => ((await cluster.get(REPLICASETS)) as Obj[]).sort((a, b) => revision(a) - revision(b));
  const revision = (o: Obj): number => Number(o.metadata.annotations['deployment.kubernetes.io/revision']);
  const condition = (o: Obj, type: string): Obj => o.status?.conditions?.find((c: Obj) => c.type === type);

  it('roll out, roll on to another template and back, with kubectl as the judge', async () => {
    await cluster.kubectl('create deployment web --image a --replicas 3');
    expect(await cluster.kubectl('rollout status deployment web --timeout=20s')).to.contain('successfully rolled out');
    await cluster.kubectl('set image deployment/web a=b');
    await cluster.kubectl('rollout status deployment web --timeout=20s');
    expect(await cluster.kubectl('rollout history deployment web')).to.match(/1 +<none>\n2 +<none>/);
    await cluster.kubectl('rollout undo deployment web');
    await cluster.kubectl('rollout status deployment web --timeout=20s');
    expect(await cluster.kubectl('get deployment web -o jsonpath={.spec.template.spec.containers[0].image}')).to.equal('a');
    const [old, now] = await sets();
    expect([old.spec.replicas, now.spec.replicas, revision(old), revision(now)]).to.deep.equal([0, 3, 2, 3]);
    expect(now.metadata.annotations['deployment.kubernetes.io/revision-history']).to.equal('1');
    expect(now.spec.selector.matchLabels).to.deep.equal({ app: 'web', 'pod-template-hash': now.metadata.labels['pod-template-hash'] });
    expect(now.metadata.name).to.equal(`web-${now.metadata.labels['pod-template-hash']}`);
    const web = await cluster.get(`${DEPLOYMENTS}/web`);
    expect(condition(web, 'Progressing')).to.include({
      status: 'True',
      reason: 'NewReplicaSetAvailable',
      message: `ReplicaSet "${now.metadata.name}" has successfully progressed.`,
    });
    expect(condition(web, 'Available')).to.include({ status: 'True', reason: 'MinimumReplicasAvailable' });
    expect(web.status).to.include({ replicas: 3, updatedReplicas: 3, readyReplicas: 3, availableReplicas: 3 });
    expect(web.status).not.to.have.property('unavailableReplicas');
    expect(web.metadata.managedFields.map((m: Obj) => [m.manager, m.subresource])).to.deep.include(['kube-controller-manager', 'status']);
  });

  it('never have more than the surge, nor fewer available than allowed, at any time of a roll-out', async () => {
    await cluster.create(
      DEPLOYMENTS,
      deployment('web', 6, { strategy: { type: 'RollingUpdate', rollingUpdate: { maxSurge: 2, maxUnavailable: 1 } } }),
    );
    await cluster.kubectl('rollout status deployment web --timeout=20s');
    const from = (await cluster.client.call('GET', PODS)).body.metadata.resourceVersion;
    await cluster.kubectl('set image deployment/web c=b');
    await cluster.kubectl('rollout status deployment web --timeout=20s');
    const changes = await cluster.client.watch(`${PODS}?watch=1&resourceVersion=${from}`, { ms: 1500 });
    let [most, least] = [0, 6];
    let old = 6;
    const named = new Map<string, { active: boolean; ready: boolean }>();
    for (const line of changes.lines) {
      const { type, object } = JSON.parse(line) as Obj;
      if (!named.has(object.metadata.name) && type !== 'ADDED') old -= 1;
      const ready = object.status.conditions?.some((c: Obj) => c.type === 'Ready' && c.status === 'True') ?? false;
      named.set(object.metadata.name, { active: type !== 'DELETED' && !object.metadata.deletionTimestamp, ready });
      const all = [...named.values()].filter((p) => p.active);
      most = Math.max(most, old + all.length);
      least = Math.min(least, old + all.filter((p) => p.ready).length);
    }
    expect(most, 'pods at once').to.be.at.most(8).and.at.least(7);
    expect(least, 'ready at once').to.be.at.least(5);
  });

  it('scale in proportion while they roll out, pause, and go on', async () => {
    await cluster.create(DEPLOYMENTS, deployment('web', 4));
    await cluster.kubectl('rollout status deployment web --timeout=20s');
    await cluster.kubectl('rollout pause deployment web');
    const paused = await cluster.until('the pause is noted', async () => {
      const found = condition(await cluster.get(`${DEPLOYMENTS}/web`), 'Progressing');
      return found?.reason === 'DeploymentPaused' && found;
    });
    expect(paused).to.include({ status: 'Unknown', message: 'Deployment is paused' });
    await cluster.kubectl('set image deployment/web c=b');
    await cluster.kubectl('scale deployment web --replicas 8');
    await cluster.until('the old pods are 8', async () => (await sets()).length === 1 && (await sets())[0].status.readyReplicas === 8);
    await cluster.kubectl('rollout resume deployment web');
    await cluster.kubectl('rollout status deployment web --timeout=20s');
    expect((await sets()).map((s) => s.spec.replicas)).to.deep.equal([0, 8]);
  });

  it('with Recreate wait until the last old pod is gone', async () => {
    await cluster.create(DEPLOYMENTS, deployment('web', 2, { strategy: { type: 'Recreate' } }));
    await cluster.kubectl('rollout status deployment web --timeout=20s');
    const [pod] = await cluster.pods();
    await cluster.patch(`${PODS}/${pod.metadata.name}`, { metadata: { finalizers: ['test/hold'] } });
    await cluster.kubectl('set image deployment/web c=b');
    await cluster.until('one old pod is left', async () => (await cluster.pods()).length === 1);
    expect(await sets()).to.have.lengthOf(1);
    await cluster.patch(`${PODS}/${pod.metadata.name}`, { metadata: { finalizers: null } });
    await cluster.kubectl('rollout status deployment web --timeout=20s');
    expect((await sets()).map((s) => s.spec.replicas)).to.deep.equal([0, 2]);
  });

  it('keep as many old ReplicaSets as the limit says', async () => {
    await cluster.create(DEPLOYMENTS, deployment('web', 1, { revisionHistoryLimit: 1 }));
    for (const image of ['b', 'c', 'd']) {
      await cluster.kubectl(`set image deployment/web c=${image}`);
      await cluster.kubectl('rollout status deployment web --timeout=20s');
    }
    await cluster.until('two ReplicaSets are left', async () => (await sets()).map(revision).join() === '3,4');
  });
});

describe('Deployments that do not get on', function () {
  this.timeout(60_000);

  it('are late after their deadline, and say so', async () => {
    const clock = new TestClock();
    const cluster = await Cluster.start({ clock, kubelets: false });
    try {
      await cluster.create(DEPLOYMENTS, deployment('web', 1, { progressDeadlineSeconds: 30 }));
      const progressing = async (): Promise<Obj> =>
        (await cluster.get(`${DEPLOYMENTS}/web`)).status?.conditions?.find((c: Obj) => c.type === 'Progressing');
      await cluster.until('the pod is there', async () => (await cluster.get(`${DEPLOYMENTS}/web`)).status?.replicas === 1);
      clock.advance(32);
      const late = await cluster.until('it is late', async () => {
        const found = await progressing();
        return found.status === 'False' && found;
      });
      expect(late.reason).to.equal('ProgressDeadlineExceeded');
      expect(late.message).to.match(/^ReplicaSet "web-.*" has timed out progressing\.$/);
    } finally {
      await cluster.stop();
    }
  });
});

describe('ReplicaSets', function () {
  this.timeout(60_000);
  let cluster: Cluster;
  before(async () => {
    cluster = await Cluster.start();
    await cluster.node('n1');
  });
  after(() => cluster.stop());

  it('adopt pods that match, let go of those that no longer do, and delete unready ones first', async () => {
    const orphan = await cluster.create(PODS, {
      metadata: { name: 'orphan', labels: { app: 'a' } },
      spec: { containers: [{ name: 'c', image: 'i' }] },
    });
    const set = await cluster.create(REPLICASETS, deployment('a', 3));
    await cluster.until('three run', async () => (await cluster.get(`${REPLICASETS}/a`)).status.readyReplicas === 3);
    const adopted = await cluster.get(`${PODS}/orphan`);
    expect(adopted.metadata.uid).to.equal(orphan.metadata.uid);
    expect(adopted.metadata.ownerReferences).to.deep.equal([
      { apiVersion: 'apps/v1', kind: 'ReplicaSet', name: 'a', uid: set.metadata.uid, controller: true, blockOwnerDeletion: true },
    ]);
    await cluster.patch(`${PODS}/orphan`, { metadata: { labels: { app: 'other' } } });
    await cluster.until('it is let go', async () => !(await cluster.get(`${PODS}/orphan`)).metadata.ownerReferences);
    await cluster.until('another took its place', async () => (await cluster.get(`${REPLICASETS}/a`)).status.readyReplicas === 3);
    const [first] = await cluster.pods('app=a');
    await cluster.setPod('default', first.metadata.name, 'Running', false);
    await cluster.patch(`${REPLICASETS}/a`, { spec: { replicas: 2 } });
    await cluster.until('two are left', async () => (await cluster.pods('app=a')).length === 2);
    expect((await cluster.pods('app=a')).map((p) => p.metadata.name)).not.to.include(first.metadata.name);
    await cluster.delete(`${PODS}/orphan`, { gracePeriodSeconds: 0 });
    await cluster.create(PODS, { metadata: { name: 'late', labels: { app: 'a' } }, spec: { containers: [{ name: 'c', image: 'i' }] } });
    await cluster.until('one that comes later is one too many', async () => (await cluster.pods('app=a')).length === 2);
  });

  it('say in their status why pods cannot be made, and make them when they can', async () => {
    const set = deployment('b', 1) as Obj;
    set.spec.template.metadata.finalizers = ['not a finalizer'];
    await cluster.create(REPLICASETS, set);
    const failure = await cluster.until('it failed', async () => (await cluster.get(`${REPLICASETS}/b`)).status?.conditions?.[0]);
    expect(failure).to.include({ type: 'ReplicaFailure', status: 'True', reason: 'FailedCreate' });
    expect(failure.message).to.match(/metadata\.finalizers\[0\]/);
    // It is tried again and again, each time under another name.
    expect(await cluster.events('FailedCreate')).to.include(`Error creating: ${failure.message}`);
    await cluster.patch(`${REPLICASETS}/b`, { spec: { template: { metadata: { finalizers: null } } } });
    const { status } = await cluster.until('it runs', async () => {
      const found = await cluster.get(`${REPLICASETS}/b`);
      return found.status.readyReplicas === 1 && found;
    });
    expect(status).not.to.have.property('conditions');
  });

  it('count as owner only of pods whose reference is theirs', async () => {
    const set = await cluster.create(REPLICASETS, deployment('c', 0));
    const foreign = await cluster.create(PODS, {
      metadata: { name: 'foreign', labels: { app: 'c' }, ...ownedBy(set, 'ReplicaSet', 'apps/v1', { controller: true }) },
      spec: { containers: [{ name: 'c', image: 'i' }] },
    });
    await cluster.until('it is deleted as one too many', async () => (await cluster.pods('app=c')).length === 0);
    expect(foreign.metadata.uid).to.be.a('string');
  });
});
