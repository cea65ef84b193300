import { ClusterNodeKind } from '@kosmos/api';
import type { Lab } from '@kosmos/lab';
import { cleanUp, eventually, needs } from '@kosmos/testing';
import { expect } from 'chai';
import { Flow, podIP, reaches } from '../support/network.ts';
import { gateways, startSpares, usedBy } from '../support/spares.ts';

/** When the test gives up, ms without a packet. Three losses of 300 ms and the switch take 1 to 2 s where nothing else runs. */
const OUTAGE_MS = 10_000;

describe('gateways with spares', function () {
  this.timeout(240_000);
  let lab: Lab;

  before(needs('root', 'ip', 'nft', 'ping'));
  before(async () => {
    lab = await startSpares();
  });
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
