import { ClusterNodeKind, NodeConfigKind } from '@kosmos/api';
import type { Lab } from '@kosmos/lab';
import { cleanUp, eventually, needs } from '@kosmos/testing';
import { expect } from 'chai';
import { FAULTS, onNode, PEER } from '../support/faults.ts';
import { expectSame, Flow, kernelState, podIP, reaches, settledState, startNetwork, WHOLE_AGAIN_MS } from '../support/network.ts';

const NODE = 'c1/n1';

describe('the network survives', function () {
  this.timeout(180_000);
  let lab: Lab;

  before(needs('root', 'ip', 'nft', 'ping', 'sysctl'));
  before(async () => {
    lab = await startNetwork();
  });
  after(cleanUp);

  describe('what is changed by hand is whole again:', () => {
    for (const { what, commands } of FAULTS) {
      it(what, async () => {
        const before = await settledState(lab, NODE);
        const given = await commands(lab, NODE);
        const flow = await Flow.start(lab, 'c1/probe', podIP(lab, 'c2/probe'));
        await onNode(lab, NODE, given);
        await eventually(async () => expectSame(await kernelState(lab, NODE), before), { message: what, timeoutMs: WHOLE_AGAIN_MS });
        await reaches(lab, 'c1/probe', podIP(lab, 'c2/probe'), WHOLE_AGAIN_MS);
        expect((await flow.stop()).longestGapMs, 'the longest time without a packet, in ms').to.be.lessThan(WHOLE_AGAIN_MS);
      });
    }
  });

  it("loses no packet while the host's API server is gone for 20 s, and applies afterwards what changed meanwhile", async () => {
    await lab.addNode('c2');
    await eventually(async () => (await routes('c1/n1')).includes('10.2.3.0/24'), {
      message: 'the route to the new node',
      timeoutMs: 10_000,
    });
    const flow = await Flow.start(lab, 'c1/probe', podIP(lab, 'c2/probe'));
    const gone = Date.now();
    await lab.stopProcess('c1/apiserver');
    await lab.removeNode('c2', 'n3');
    await eventually(() => Date.now() - gone >= 20_000, { message: 'the 20 s are over', timeoutMs: 25_000, intervalMs: 500 });
    expect(await routes('c1/n1')).to.include('10.2.3.0/24');
    await lab.startProcess('c1/apiserver');
    await eventually(async () => !(await routes('c1/n1')).includes('10.2.3.0/24'), {
      message: 'the route to the removed node goes',
      timeoutMs: 15_000,
    });
    const loss = await flow.stop();
    expect(loss.sent).to.be.greaterThan(2000);
    expect(loss.received, JSON.stringify(loss)).to.equal(loss.sent);
  });

  it('is followed by every other node when a node is added and removed, and nothing of it stays', async () => {
    const others = ['c1/n1', 'c1/n2'];
    const before = await Promise.all(others.map((node) => settledState(lab, node)));
    const added = await lab.addNode('c2');
    const name = `c2-${added.name}`;
    const host = lab.client('c1');
    await eventually(async () => (await host.get(ClusterNodeKind, name))?.spec?.ip, {
      message: `ClusterNode ${name} has its address`,
      timeoutMs: 10_000,
    });
    await eventually(async () => (await Promise.all(others.map(routes))).every((r) => r.includes(added.podCIDR)), {
      message: 'routes to it',
      timeoutMs: WHOLE_AGAIN_MS,
    });
    await reaches(lab, 'c1/n1', added.podCIDR.replace('.0/24', '.1'), WHOLE_AGAIN_MS);
    await lab.removeNode('c2', added.name);
    await eventually(
      async () => (await Promise.all(others.map((node) => kernelState(lab, node)))).every((now, i) => expectSame(now, before[i] ?? {})),
      {
        message: 'nothing of it stays',
        timeoutMs: WHOLE_AGAIN_MS,
      },
    );
    expect(await host.get(NodeConfigKind, name)).to.equal(undefined);
  });

  it('is followed by every other node when a podCIDR changes', async () => {
    const host = lab.client('c1');
    await lab.stopProcess('manager'); // it would put the inventory right at once
    const changed = { metadata: { name: 'c2-n1' }, spec: { podCIDRs: ['10.2.77.0/24'] } };
    await host.apply(ClusterNodeKind, changed, { fieldManager: 'test', force: true });
    const has = (wanted: string, unwanted: string) => async () => {
      const all = await Promise.all(['c1/n1', 'c1/n2'].map(routes));
      return all.every((r) => r.includes(wanted) && !r.includes(unwanted));
    };
    await eventually(has('10.2.77.0/24', PEER.pods), { message: 'the new route and not the old', timeoutMs: WHOLE_AGAIN_MS });
    await host.patch(ClusterNodeKind, 'c2-n1', { spec: { podCIDRs: [PEER.pods] } });
    await eventually(has(PEER.pods, '10.2.77.0/24'), { message: 'the old route again', timeoutMs: WHOLE_AGAIN_MS });
    await lab.startProcess('manager');
  });

  const routes = async (node: string) => (await lab.exec(node, ['ip', 'route', 'show', 'table', '200'])).stdout;
});
