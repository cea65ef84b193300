import { expect } from 'chai';
import { Cluster, PODS, TestClock, type Obj } from './support.ts';

const LEASES = '/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases';

describe('Nodes that fall silent', function () {
  this.timeout(60_000);
  let cluster: Cluster;
  let clock: TestClock;
  beforeEach(async () => {
    clock = new TestClock();
    cluster = await Cluster.start({ clock });
    await cluster.node('n1');
    await cluster.node('n2');
    for (const n of ['n1', 'n2']) await schedulable(n);
  });
  afterEach(() => cluster.stop());

  const node = (name: string): Promise<Obj> => cluster.get(`/api/v1/nodes/${name}`);
  const ready = (o: Obj): Obj => o.status.conditions.find((c: Obj) => c.type === 'Ready');
  const taints = async (name: string): Promise<string[]> =>
    ((await node(name)).spec.taints ?? []).map((t: Obj) => `${t.key.split('/')[1]}:${t.effect}`).sort();
  const schedulable = (name: string): Promise<unknown> =>
    cluster.until(`${name} is schedulable`, async () => (await taints(name)).length === 0);
  const pod = (name: string, spec: object = {}): Promise<Obj> =>
    cluster.create(PODS, { metadata: { name }, spec: { nodeName: 'n1', containers: [{ name: 'c', image: 'i' }], ...spec } });
  const running = (name: string): Promise<unknown> =>
    cluster.until(`${name} runs`, async () => (await cluster.get(`${PODS}/${name}`)).status.phase === 'Running');

  it('are unknown after 50 s, are tainted, and lose their pods when those have tolerated it for long enough', async () => {
    await pod('a');
    await pod('b', {
      tolerations: [{ key: 'node.kubernetes.io/unreachable', operator: 'Exists', effect: 'NoExecute', tolerationSeconds: 10 }],
    });
    await cluster.patch('/api/v1/nodes/n1', { metadata: { labels: { 'kubernetes.io/os': 'linux' } } });
    await cluster.until('it has the old label, too', async () => (await node('n1')).metadata.labels['beta.kubernetes.io/os'] === 'linux');
    await pod('c', { tolerations: [{ operator: 'Exists' }] });
    for (const name of ['a', 'b', 'c']) await running(name);
    clock.advance(45);
    await cluster.nodeStatus('n2', 'True');
    expect(ready(await node('n1')).status).to.equal('True');
    clock.advance(6);
    await cluster.until('it is unknown', async () => ready(await node('n1')).status === 'Unknown');
    const lost = await node('n1');
    expect(ready(lost)).to.include({ reason: 'NodeStatusUnknown', message: 'Kubelet stopped posting node status.' });
    expect(await cluster.events('RegisteredNode')).to.include('Node n1 event: Registered Node n1 in Controller');
    await cluster.until('it is told', async () => (await cluster.events('NodeNotReady')).includes('Node n1 status is now: NodeNotReady'));
    await cluster.until('it is tainted', async () => (await taints('n1')).join() === 'unreachable:NoExecute,unreachable:NoSchedule');
    expect(await taints('n2')).to.deep.equal([]);
    await cluster.until('its pods are not ready', async () =>
      (await cluster.pods()).every((p) => p.status.conditions.find((c: Obj) => c.type === 'Ready').status === 'False'),
    );
    const names = async (): Promise<string> => (await cluster.pods()).map((p) => p.metadata.name).join();
    clock.advance(12);
    await cluster.until('one went', async () => (await names()) === 'a,c');
    clock.advance(300);
    await cluster.until('the other went', async () => (await names()) === 'c');
    expect(await cluster.events('TaintManagerEviction')).to.have.members([
      'Marking for deletion Pod default/a',
      'Marking for deletion Pod default/b',
    ]);
  });

  it('keep their pods when they speak again in time', async () => {
    await pod('a');
    await running('a');
    clock.advance(51);
    await cluster.nodeStatus('n2', 'True');
    await cluster.until('it is tainted', async () => (await taints('n1')).includes('unreachable:NoExecute'));
    await cluster.nodeStatus('n1', 'True');
    await schedulable('n1');
    await cluster.until('it is told', async () =>
      (await cluster.events('TaintManagerEviction')).includes('Cancelling deletion of Pod default/a'),
    );
    clock.advance(20);
    expect((await cluster.get(`${PODS}/a`)).metadata).not.to.have.property('deletionTimestamp');
  });

  it('are known to live by their leases alone', async () => {
    await cluster.create(LEASES, { metadata: { name: 'n1' }, spec: { holderIdentity: 'n1', leaseDurationSeconds: 40 } });
    for (let i = 0; i < 3; i += 1) {
      clock.advance(30);
      await cluster.patch(`${LEASES}/n1`, { spec: { renewTime: `2026-01-01T00:00:0${i}.000000Z` } });
    }
    await cluster.until('the other is unknown', async () => ready(await node('n2')).status === 'Unknown');
    expect(ready(await node('n1')).status).to.equal('True');
  });

  it('lose no pods when all fall silent at once: then it is the network', async () => {
    await pod('a');
    await running('a');
    clock.advance(51);
    for (const n of ['n1', 'n2']) await cluster.until(`${n} is tainted`, async () => (await taints(n)).join() === 'unreachable:NoSchedule');
  });

  it('and such as say that they are not ready, are under pressure or are cordoned are tainted so', async () => {
    await cluster.nodeStatus('n1', 'False');
    await cluster.until('not ready', async () => (await taints('n1')).join() === 'not-ready:NoExecute,not-ready:NoSchedule');
    await cluster.patch('/api/v1/nodes/n1', { spec: { unschedulable: true } });
    await cluster.until('cordoned', async () => (await taints('n1')).includes('unschedulable:NoSchedule'));
    await cluster.patch('/api/v1/nodes/n2/status', {
      status: {
        conditions: [
          { type: 'Ready', status: 'True' },
          { type: 'DiskPressure', status: 'True' },
        ],
      },
    });
    await cluster.until('under pressure', async () => (await taints('n2')).join() === 'disk-pressure:NoSchedule');
  });

  it('leave pods that nobody ends when their Node objects go; those are removed after a while', async () => {
    await pod('a');
    await running('a');
    await cluster.delete('/api/v1/nodes/n1');
    clock.advance(30);
    expect(await cluster.pods()).to.have.lengthOf(1);
    clock.advance(12);
    await cluster.until('it is removed', async () => (await cluster.pods()).length === 0);
  });
});
