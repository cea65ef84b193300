import { expect } from 'chai';
import { Cluster, PODS, type Obj } from './support.ts';

for (const outside of [false, true])
  describe(`The scheduler${outside ? ', with those controllers outside of the API server' : ''}`, function () {
    this.timeout(60_000);
    let cluster: Cluster;
    beforeEach(async () => {
      cluster = await Cluster.start({ outside });
    });
    afterEach(() => cluster.stop());

    const nodes = async (...zones: string[]): Promise<void> => {
      for (const [i, zone] of zones.entries()) await cluster.node(`n${i + 1}`, { labels: { zone } });
      await cluster.until('they are schedulable', async () => ((await cluster.get('/api/v1/nodes')) as Obj[]).every((n) => !n.spec.taints));
    };
    const pod = (name: string, spec: object = {}, labels: object = { app: 'a' }): Promise<Obj> =>
      cluster.create(PODS, { metadata: { name, labels }, spec: { containers: [{ name: 'c', image: 'i' }], ...spec } });
    const place = (name: string): Promise<string> =>
      cluster.until(`${name} is bound`, async () => (await cluster.get(`${PODS}/${name}`)).spec.nodeName);
    const refused = (name: string): Promise<string> =>
      cluster.until(`${name} is refused`, async () => {
        const c = (await cluster.get(`${PODS}/${name}`)).status.conditions?.find((x: Obj) => x.type === 'PodScheduled');
        return c?.status === 'False' && c.reason === 'Unschedulable' && c.message;
      });
    const requests = (cpu: string): object => ({ containers: [{ name: 'c', image: 'i', resources: { requests: { cpu } } }] });
    const term = (app: string, topologyKey: string): object => ({ labelSelector: { matchLabels: { app } }, topologyKey });

    it('spreads pods evenly, and tells of it', async () => {
      await nodes('a', 'a', 'b');
      await Promise.all(Array.from({ length: 9 }, (_, i) => pod(`p${i}`)));
      const places = await Promise.all(Array.from({ length: 9 }, (_, i) => place(`p${i}`)));
      expect(places.sort().join()).to.equal('n1,n1,n1,n2,n2,n2,n3,n3,n3');
      const bound = await cluster.get(`${PODS}/p0`);
      expect(bound.status.conditions[0]).to.include({ type: 'PodScheduled', status: 'True' });
      expect(await cluster.events('Scheduled')).to.include(`Successfully assigned default/p0 to ${bound.spec.nodeName}`);
    });

    it('says why no node will do in the words of Kubernetes, and tries again when something changed', async () => {
      await pod('early');
      expect(await refused('early')).to.equal('no nodes available to schedule pods');
      await nodes('a', 'b', 'c');
      await place('early');
      await cluster.patch('/api/v1/nodes/n1', { spec: { taints: [{ key: 'k', value: 'v', effect: 'NoSchedule' }] } });
      await cluster.patch('/api/v1/nodes/n2', { spec: { unschedulable: true } });
      await cluster.until('it is cordoned', async () => (await cluster.get('/api/v1/nodes/n2')).spec.taints);
      await pod('big', requests('5'));
      expect(await refused('big')).to.equal(
        '0/3 nodes are available: 1 Insufficient cpu, 1 node(s) had untolerated taint {k: v}, 1 node(s) were unschedulable. preemption: 0/3 nodes are available: 3 Preemption is not helpful for scheduling.',
      );
      expect(await cluster.events('FailedScheduling')).to.include(await refused('big'));
      await cluster.nodeStatus('n3', 'True', { cpu: '8', memory: '8Gi', pods: '110' });
      expect(await place('big')).to.equal('n3');
      await pod('next', requests('4'));
      expect(await refused('next'))
        .to.contain('1 Insufficient cpu')
        .and.contain('1 No preemption victims found for incoming pod');
      await cluster.delete(`${PODS}/big`);
      expect(await place('next')).to.equal('n3');
    });

    it('follows selectors, affinity and tolerations', async () => {
      await nodes('a', 'b', 'c');
      await cluster.patch('/api/v1/nodes/n3', { spec: { taints: [{ key: 'k', effect: 'NoSchedule' }] } });
      const affinity = (operator: string, values: string[]): object => ({
        nodeAffinity: {
          requiredDuringSchedulingIgnoredDuringExecution: {
            nodeSelectorTerms: [{ matchExpressions: [{ key: 'zone', operator, values }] }],
          },
        },
      });
      await pod('s', { nodeSelector: { zone: 'b' } });
      await pod('r', { affinity: affinity('NotIn', ['b']) });
      await pod('t', { nodeSelector: { zone: 'c' }, tolerations: [{ key: 'k', operator: 'Exists' }] });
      const preferred = {
        nodeAffinity: {
          preferredDuringSchedulingIgnoredDuringExecution: [
            { weight: 100, preference: { matchExpressions: [{ key: 'zone', operator: 'In', values: ['b'] }] } },
          ],
        },
      };
      await pod('p', { affinity: preferred });
      expect(await Promise.all(['s', 'r', 't', 'p'].map(place))).to.deep.equal(['n2', 'n1', 'n3', 'n2']);
    });

    it('keeps pods together and apart', async () => {
      await nodes('a', 'a', 'b');
      const required = (kind: string, t: object): object => ({
        affinity: { [kind]: { requiredDuringSchedulingIgnoredDuringExecution: [t] } },
      });
      await pod('db', { nodeSelector: { zone: 'b' } }, { app: 'db' });
      await place('db');
      await pod('near', required('podAffinity', term('db', 'zone')), { app: 'near' });
      expect(await place('near')).to.equal('n3');
      await pod('self', required('podAffinity', term('self', 'zone')), { app: 'self' });
      await place('self');
      const alone = required('podAntiAffinity', term('alone', 'zone'));
      for (const name of ['x', 'y']) await pod(name, alone, { app: 'alone' });
      expect(new Set((await Promise.all(['x', 'y'].map(place))).map((n) => (n === 'n3' ? 'b' : 'a')))).to.deep.equal(new Set(['a', 'b']));
      await pod('z', alone, { app: 'alone' });
      expect(await refused('z')).to.contain("3 node(s) didn't match pod anti-affinity rules");
      await pod('plain', {}, { app: 'alone' });
      expect(await refused('plain'), 'those that are there mind, too').to.contain(
        "3 node(s) didn't satisfy existing pods anti-affinity rules",
      );
    });

    it('holds to topology spread constraints', async () => {
      await nodes('a', 'a', 'b');
      const topologySpreadConstraints = [
        { maxSkew: 1, topologyKey: 'zone', whenUnsatisfiable: 'DoNotSchedule', labelSelector: { matchLabels: { app: 'a' } } },
      ];
      for (let i = 0; i < 4; i += 1) {
        await pod(`p${i}`, { topologySpreadConstraints });
        await place(`p${i}`);
      }
      const places = await Promise.all([0, 1, 2, 3].map((i) => place(`p${i}`)));
      expect(places.filter((n) => n === 'n3')).to.have.lengthOf(2);
      await pod('last', { topologySpreadConstraints, nodeSelector: { zone: 'b' } });
      await place('last');
      await cluster.patch('/api/v1/nodes/n3', { spec: { unschedulable: true } });
      await cluster.until('it is cordoned', async () => (await cluster.get('/api/v1/nodes/n3')).spec.taints);
      await pod('one', { topologySpreadConstraints });
      await place('one');
    });

    it('gives a host port once a node, and leaves pods of other schedulers and gated ones alone', async () => {
      await nodes('a');
      const port = { containers: [{ name: 'c', image: 'i', ports: [{ containerPort: 80, hostPort: 80 }] }] };
      await pod('p1', port);
      await place('p1');
      await pod('p2', port);
      expect(await refused('p2')).to.contain("1 node(s) didn't have free ports for the requested pod ports");
      await pod('other', { schedulerName: 'kosmos-scheduler' });
      await pod('gated', { schedulingGates: [{ name: 'example.com/wait' }] });
      await pod('plain');
      await place('plain');
      for (const name of ['other', 'gated']) expect((await cluster.get(`${PODS}/${name}`)).spec).not.to.have.property('nodeName');
      await cluster.patch(`${PODS}/gated`, { spec: { schedulingGates: null } });
      await place('gated');
    });
  });

describe('The scheduler left out', function () {
  this.timeout(30_000);

  it('leaves pods to another one, while the rest works', async () => {
    const cluster = await Cluster.start({ controllers: ['*', '-scheduler'] });
    try {
      await cluster.node('n1');
      await cluster.create('/apis/apps/v1/namespaces/default/deployments', {
        metadata: { name: 'web' },
        spec: {
          selector: { matchLabels: { app: 'web' } },
          template: { metadata: { labels: { app: 'web' } }, spec: { containers: [{ name: 'c', image: 'i' }] } },
        },
      });
      const [pod] = await cluster.until('the pod is there', async () => (await cluster.pods()).length === 1 && cluster.pods());
      await cluster.create(`${PODS}/${pod.metadata.name}/binding`, { metadata: { name: pod.metadata.name }, target: { name: 'n1' } });
      await cluster.until('it runs', async () => (await cluster.pods())[0].status.phase === 'Running');
    } finally {
      await cluster.stop();
    }
  });

  it('is named in what a wrong list of controllers is answered with', async () => {
    const error = await Cluster.start({ controllers: ['*', '-shceduler'] }).catch((e: unknown) => e);
    expect((error as Error).message).to.match(/^controllers: "shceduler": expected \*, or names out of deployment-controller, .*scheduler/);
  });
});
