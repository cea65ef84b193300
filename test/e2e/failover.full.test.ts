import { resolve } from 'node:path';
import { ClusterNodeKind } from '@kosmos/api';
import type { Lab } from '@kosmos/lab';
import { cleanUp, eventually, needs } from '@kosmos/testing';
import { expect } from 'chai';
import { Flow, podIP, reaches, timesReady } from '../support/network.ts';
import { gateways, SPARES, startSpares, usedBy } from '../support/spares.ts';

/** When the test gives up, ms without a packet. Three losses of 300 ms and the switch take 1 to 2 s where nothing else runs. */
const OUTAGE_MS = 10_000;

const KOSMOS = [process.execPath, resolve('packages/cli/bin/kosmos.js')];

describe('gateways with spares', function () {
  this.timeout(240_000);
  let lab: Lab;

  before(needs('root', 'ip', 'nft', 'ping'));
  before(async () => {
    lab = await startSpares();
    process.env.KOSMOS_HOST_KUBECONFIG = lab.host.innerKubeconfig;
  });
  after(() => delete process.env.KOSMOS_HOST_KUBECONFIG);
  after(cleanUp);

  const anotherIsUsed = (than: string, node: string, cluster: string) =>
    eventually(async () => ![undefined, than].includes(await usedBy(lab, node, cluster)), {
      message: `${node} uses another gateway of ${cluster} than ${than}`,
    });

  it('have the role of the original, which kubectl shows', async () => {
    const records = await lab.client('c1').list(ClusterNodeKind);
    const withRole = records.filter(({ spec }) => spec?.roles?.includes('gateway')).map(({ metadata }) => metadata.name);
    expect(withRole.sort()).to.deep.equal(['c1-n1', 'c1-n2', 'c2-n1', 'c2-n2']);
  });

  it('lose no packet when one is moved by `kosmos gateway move`, when its node is cordoned, and when its agent is killed', async () => {
    const far = async () => (await gateways(lab, 'c2'))[0]!;
    const member = lab.client('c2');
    const cordon = (node: string, unschedulable: boolean) =>
      member.request('PATCH', `/api/v1/nodes/${node}`, { body: { spec: { unschedulable } }, contentType: 'application/merge-patch+json' });
    const flow = await Flow.start(lab, 'c1/probe', podIP(lab, 'c2/probe'));
    const follows = async (node: string) =>
      eventually(async () => (await usedBy(lab, `c1/${(await gateways(lab, 'c1'))[0]!}`, 'c2')) === node, { message: `${node} is used` });

    const wanted = (await far()) === 'n1' ? 'n2' : 'n1';
    const move = (...args: string[]) =>
      lab.exec('c1/cp', [...KOSMOS, 'gateway', 'move', 'c2', ...args, '--config', SPARES], { timeoutMs: 30_000 });
    expect((await move(`c2-${wanted}`)).stderr).to.equal('');
    await follows(wanted);
    expect((await move('--any')).stderr).to.equal('');

    const cordoned = await far();
    await cordon(cordoned, true);
    await follows(cordoned === 'n1' ? 'n2' : 'n1');
    await cordon(cordoned, false);

    const killed = await far();
    const starts = timesReady(lab, `c2/${killed}/agent`);
    await lab.kill(`c2/${killed}/agent`);
    await eventually(() => timesReady(lab, `c2/${killed}/agent`) > starts, { message: 'the agent is back' });

    const loss = await flow.stop();
    expect(loss.received, JSON.stringify(loss)).to.equal(loss.sent);
    expect(loss.tcp.broken).to.equal(undefined);
  });

  it('take over when the far gateway dies, without manager and API server', async () => {
    await gateways(lab, 'c2');
    const [own = ''] = await gateways(lab, 'c1');
    const flow = await Flow.start(lab, 'c1/probe', podIP(lab, 'c2/probe'));
    await lab.stopProcess('manager');
    await lab.stopProcess('c1/apiserver');
    const used = (await usedBy(lab, `c1/${own}`, 'c2'))!;
    await lab.killNode('c2', used);
    await anotherIsUsed(used, `c1/${own}`, 'c2');
    await reaches(lab, 'c1/probe', podIP(lab, 'c2/probe'), 10_000);
    const { longestGapMs, tcp } = await flow.stop();
    expect(longestGapMs, 'the longest time without a packet, in ms').to.be.lessThan(OUTAGE_MS);
    expect(tcp.broken, 'the connection').to.equal(undefined);
    await lab.startProcess('c1/apiserver');
    await lab.startProcess('manager');
    await lab.startNode('c2', used);
    await reaches(lab, 'c1/probe', podIP(lab, 'c2/probe'), 30_000);
  });

  it('take over when the own gateway dies', async () => {
    await gateways(lab, 'c1');
    const flow = await Flow.start(lab, 'c1/probe', podIP(lab, 'c2/probe'));
    const used = (await usedBy(lab, 'c1/n3', 'c1'))!;
    await lab.killNode('c1', used);
    await anotherIsUsed(used, 'c1/n3', 'c1');
    await reaches(lab, 'c1/probe', podIP(lab, 'c2/probe'), 10_000);
    const { longestGapMs, tcp } = await flow.stop();
    expect(longestGapMs).to.be.lessThan(OUTAGE_MS);
    expect(tcp.broken, 'the connection').to.equal(undefined);
    await lab.startNode('c1', used);
  });
});
