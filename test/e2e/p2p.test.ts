import type { Lab } from '@kosmos/lab';
import { cleanUp, eventually, needs } from '@kosmos/testing';
import { expect } from 'chai';
import { expectSame, Flow, httpGet, kernelState, ping, podIP, settledState, startNetwork, timesReady } from '../support/network.ts';

describe('two clusters, one network', function () {
  this.timeout(120_000);
  let lab: Lab;

  before(needs('root', 'ip', 'nft', 'ping'));
  before(async () => {
    lab = await startNetwork();
  });
  after(cleanUp);

  it('lets pods of both clusters reach each other by PodIP, whatever node they are on', async () => {
    const names = ['c1/probe', 'c1/echo', 'c2/probe', 'c2/echo'];
    const pairs = names.flatMap((from) => names.filter((to) => to !== from).map((to) => ({ from, to })));
    const answers = await Promise.all(pairs.map(async ({ from, to }) => ({ from, to, reached: await ping(lab, from, podIP(lab, to)) })));
    expect(answers.filter((a) => !a.reached)).to.deep.equal([]);
  });

  it("shows a server the client's own PodIP, although the CNI masquerades", async () => {
    expect((await kernelState(lab, 'c1/n1', ['nft'])).nft).to.include('masquerade');
    const answer = await httpGet(lab, 'c1/probe', `http://${podIP(lab, 'c2/echo')}:8080/`);
    expect(answer).to.include({ cluster: 'c2', pod: 'echo', peer: podIP(lab, 'c1/probe') });
  });

  it('loses no packet, and leaves the kernel as it is, when an agent is killed and comes back', async () => {
    const before = await settledState(lab, 'c1/n1');
    const flow = await Flow.start(lab, 'c1/probe', podIP(lab, 'c2/probe'));
    const starts = timesReady(lab, 'c1/n1/agent');
    await lab.kill('c1/n1/agent');
    await eventually(() => timesReady(lab, 'c1/n1/agent') > starts, { message: 'the agent is ready again', timeoutMs: 20_000 });
    const loss = await flow.stop();
    expect(loss.received, JSON.stringify(loss)).to.equal(loss.sent);
    expectSame(await kernelState(lab, 'c1/n1'), before);
  });
});
