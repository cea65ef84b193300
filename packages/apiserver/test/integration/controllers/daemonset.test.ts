import { expect } from 'chai';
import { Cluster, DAEMONSETS, template, type Obj } from './support.ts';

describe('DaemonSets', function () {
  this.timeout(60_000);
  let cluster: Cluster;
  beforeEach(async () => {
    cluster = await Cluster.start();
    for (const n of ['n1', 'n2', 'n3']) await cluster.node(n, { labels: { role: n === 'n3' ? 'other' : 'work' } });
  });
  afterEach(() => cluster.stop());

  const set = (more: object = {}, podSpec: object = {}): object => ({
    metadata: { name: 'agent' },
    spec: { selector: { matchLabels: { app: 'agent' } }, template: template('agent', podSpec), ...more },
  });
  const status = async (): Promise<Obj> => (await cluster.get(`${DAEMONSETS}/agent`)).status;
  const places = async (): Promise<string> =>
    (await cluster.pods('app=agent'))
      .map((p) => p.spec.nodeName)
      .sort()
      .join();
  const ready = (n: number): Promise<unknown> =>
    cluster.until(`${n} are ready`, async () => (await status()).numberReady === n && (await status()).numberAvailable === n);

  it('have one pod on each node that fits, also on cordoned ones, and follow nodes', async () => {
    await cluster.patch('/api/v1/nodes/n1', { spec: { unschedulable: true } });
    await cluster.create(DAEMONSETS, set({}, { nodeSelector: { role: 'work' } }));
    await ready(2);
    expect(await places()).to.equal('n1,n2');
    const [pod] = await cluster.pods('app=agent');
    expect(pod.metadata.generateName).to.equal('agent-');
    expect(pod.metadata.labels).to.have.all.keys('app', 'controller-revision-hash', 'pod-template-generation');
    expect(pod.spec.affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms[0].matchFields[0].key).to.equal(
      'metadata.name',
    );
    await cluster.node('n4', { labels: { role: 'work' } });
    await ready(3);
    await cluster.patch('/api/v1/nodes/n2', { metadata: { labels: { role: 'other' } } });
    await cluster.until('its pod goes', async () => (await places()) === 'n1,n4');
    expect(await status()).to.include({
      desiredNumberScheduled: 2,
      currentNumberScheduled: 2,
      numberMisscheduled: 0,
      updatedNumberScheduled: 2,
    });
  });

  it('stay away from taints that they do not tolerate, and leave where one says NoExecute', async () => {
    await cluster.patch('/api/v1/nodes/n3', { spec: { taints: [{ key: 'mine', effect: 'NoSchedule' }] } });
    await cluster.create(DAEMONSETS, set());
    await ready(2);
    await cluster.patch('/api/v1/nodes/n1', { spec: { taints: [{ key: 'mine', effect: 'NoSchedule' }] } });
    await cluster.until('it is misscheduled, and stays', async () => (await status()).numberMisscheduled === 1);
    expect(await places()).to.equal('n1,n2');
    await cluster.patch('/api/v1/nodes/n1', { spec: { taints: [{ key: 'mine', effect: 'NoExecute' }] } });
    await cluster.until('it leaves', async () => (await places()) === 'n2');
  });

  it('replace pods one after the other, wait for each, and replace failed ones', async () => {
    await cluster.create(DAEMONSETS, set());
    await ready(3);
    const held = { metadata: { annotations: { 'test/hold': 'yes' } } };
    await cluster.patch(`${DAEMONSETS}/agent`, { spec: { template: held } });
    await cluster.until('one is replaced', async () => (await status()).updatedNumberScheduled === 1);
    const fresh = async (): Promise<Obj[]> => (await cluster.pods('app=agent')).filter((p) => p.metadata.annotations?.['test/hold']);
    for (const n of [1, 2, 3]) {
      const pod = await cluster.until(`${n} are there`, async () => {
        const found = (await fresh()).find((p) => p.status.phase === 'Pending' && p.spec.nodeName);
        return found && (await fresh()).length === n && found;
      });
      await cluster.setPod('default', pod.metadata.name, 'Running');
    }
    await ready(3);
    const [pod] = await fresh();
    await cluster.setPod('default', pod.metadata.name, 'Failed');
    await cluster.until('another is there', async () => (await fresh()).some((p) => p.status.phase === 'Pending'));
    expect((await cluster.events('FailedDaemonPod'))[0]).to.match(
      /^Found failed daemon pod default\/agent-\w+ on node n\d, will try to kill it$/,
    );
  });

  it('with OnDelete leave pods until somebody deletes them', async () => {
    await cluster.create(DAEMONSETS, set({ updateStrategy: { type: 'OnDelete' } }));
    await ready(3);
    await cluster.patch(`${DAEMONSETS}/agent`, { spec: { template: { metadata: { labels: { v: '2' } } } } });
    await cluster.until('it is seen', async () => (await status()).observedGeneration === 2);
    const [pod] = await cluster.pods('app=agent');
    await cluster.delete(`/api/v1/namespaces/default/pods/${pod.metadata.name}`);
    await cluster.until(
      'the new one is ready',
      async () => (await status()).updatedNumberScheduled === 1 && (await status()).numberReady === 3,
    );
    expect(await cluster.pods('v=2')).to.have.lengthOf(1);
  });
});
