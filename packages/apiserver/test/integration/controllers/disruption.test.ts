import { expect } from 'chai';
import { needs } from '@kosmos/testing';
import { Cluster, DEPLOYMENTS, deployment, PODS, type Obj } from './support.ts';

const BUDGETS = '/apis/policy/v1/namespaces/default/poddisruptionbudgets';

describe('Disruption budgets', function () {
  this.timeout(60_000);
  let cluster: Cluster;
  before(needs('kubectl'));
  beforeEach(async () => {
    cluster = await Cluster.start();
    await cluster.node('n1');
    await cluster.node('n2');
  });
  afterEach(() => cluster.stop());

  const budget = (spec: object): Promise<Obj> =>
    cluster.create(BUDGETS, { metadata: { name: 'b' }, spec: { selector: { matchLabels: { app: 'web' } }, ...spec } });
  const status = (what: string, test: (s: Obj) => boolean): Promise<Obj> =>
    cluster.until(what, async () => {
      const { status: s } = await cluster.get(`${BUDGETS}/b`);
      return test(s) && s;
    });
  const evict = (name: string): Promise<{ status: number; body: Obj; headers: Obj }> =>
    cluster.client.call('POST', `${PODS}/${name}/eviction`, {
      apiVersion: 'policy/v1',
      kind: 'Eviction',
      metadata: { name, namespace: 'default' },
    });
  const web = async (replicas: number): Promise<void> => {
    await cluster.create(DEPLOYMENTS, deployment('web', replicas));
    await cluster.kubectl('rollout status deployment web --timeout=20s');
  };

  it('count what may go, and refuse more', async () => {
    await web(3);
    await budget({ maxUnavailable: 1 });
    const s = await status('one may go', (x) => x.disruptionsAllowed === 1);
    expect(s).to.include({ currentHealthy: 3, desiredHealthy: 2, expectedPods: 3, observedGeneration: 1 });
    expect(s.conditions[0]).to.include({ type: 'DisruptionAllowed', status: 'True', reason: 'SufficientPods' });
    // What takes the place of the first finds no node.
    for (const n of ['n1', 'n2']) await cluster.kubectl(`cordon ${n}`);
    const [a, b] = await cluster.pods();
    await cluster.patch(`${PODS}/${a.metadata.name}`, { metadata: { annotations: { 'test/hold': 'yes' } } });
    expect((await evict(a.metadata.name)).status).to.equal(201);
    const going = await cluster.get(`${PODS}/${a.metadata.name}`);
    expect(going.status.conditions.at(-1)).to.include({ type: 'DisruptionTarget', status: 'True', reason: 'EvictionByEvictionAPI' });
    expect(going.metadata.deletionTimestamp).to.be.a('string');
    await status('the budget is spent', (x) => x.currentHealthy === 2 && x.disruptionsAllowed === 0 && !x.disruptedPods);
    const refused = await evict(b.metadata.name);
    expect(refused.status).to.equal(429);
    expect(refused.body).to.deep.include({
      reason: 'TooManyRequests',
      message: "Cannot evict pod as it would violate the pod's disruption budget.",
    });
    expect(refused.body.details.causes[0]).to.include({
      reason: 'DisruptionBudget',
      message: 'The disruption budget b needs 2 healthy pods and has 2 currently',
    });
  });

  it('make kubectl drain wait for replacements, and let it end', async () => {
    await web(4);
    await budget({ minAvailable: '75%' });
    await status('one may go', (s) => s.disruptionsAllowed === 1);
    const from = (await cluster.client.call('GET', PODS)).body.metadata.resourceVersion;
    const said = await cluster.kubectl('drain n1 --timeout=60s');
    expect(said).to.contain('node/n1 drained');
    const places = (await cluster.pods()).filter((p) => !p.metadata.deletionTimestamp).map((p) => p.spec.nodeName);
    expect(new Set(places)).to.deep.equal(new Set(['n2']));
    const { lines } = await cluster.client.watch(`${BUDGETS}?watch=1&resourceVersion=${from}`, { ms: 1000 });
    const healthy = lines.map((l) => (JSON.parse(l) as Obj).object.status.currentHealthy);
    expect(Math.min(...healthy)).to.be.at.least(3);
  });

  it('do not hold pods that are unhealthy anyway, and not at all where that is asked for', async () => {
    await web(2);
    await budget({ minAvailable: 2, unhealthyPodEvictionPolicy: 'AlwaysAllow' });
    await status('it is counted', (s) => s.currentHealthy === 2);
    const [a, b] = await cluster.pods();
    await cluster.setPod('default', a.metadata.name, 'Running', false);
    await status('that is seen', (s) => s.currentHealthy === 1);
    expect((await evict(b.metadata.name)).status).to.equal(429);
    expect((await evict(a.metadata.name)).status).to.equal(201);
  });

  it('say so when they cannot be counted', async () => {
    await cluster.create(PODS, { metadata: { name: 'p', labels: { app: 'web' } }, spec: { containers: [{ name: 'c', image: 'i' }] } });
    await budget({ maxUnavailable: 1 });
    const s = await status('it failed', (x) => x.conditions?.[0]?.reason === 'SyncFailed');
    expect(s.conditions[0].message).to.equal('found no controller ref for pod "p"');
    expect(s.disruptionsAllowed).to.equal(0);
  });
});
