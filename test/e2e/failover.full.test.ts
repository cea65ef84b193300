import { resolve } from 'node:path';
import { ClusterKind, ClusterNodeKind } from '@kosmos/api';
import { type Lab, topologyOf } from '@kosmos/lab';
import { cleanUp, eventually, needs, startTestLab } from '@kosmos/testing';
import { expect } from 'chai';
import { Flow, podIP, reaches, runPod } from '../support/network.ts';

const PROBE = resolve('test/support/udp-probe.mjs');
/** When the test gives up, ms without a packet. Three losses of 300 ms and the switch take 1 to 2 s where nothing else runs. */
const OUTAGE_MS = 10_000;

/** Two clusters of three nodes with a gateway in use and a spare one each, n1 and n2; the pods are on n3, which is none. */
describe('gateways with spares', function () {
  this.timeout(240_000);
  let lab: Lab;

  before(needs('root', 'ip', 'nft', 'ping'));
  before(async () => {
    lab = await startTestLab({
      config: resolve('examples/failover/kosmos.config.ts'),
      topology: topologyOf({ clusters: [{ nodes: 3 }, { nodes: 3 }] }),
    });
    const host = lab.client('c1');
    for (const { name } of lab.clusters) {
      // Only n1 and n2 are candidates, so that the pods' node is none.
      for (const node of ['n1', 'n2'])
        await lab.client(name).request('PATCH', `/api/v1/nodes/${node}`, {
          body: { metadata: { labels: { 'kosmos.io/gateway': 'true' } } },
          contentType: 'application/merge-patch+json',
        });
      await host.patch(ClusterKind, name, { spec: { clusterLinkOptions: { networkType: 'gateway' } } });
    }
    await Promise.all(lab.clusters.map(({ name }) => gateways(name)));
    await Promise.all(lab.clusters.map(({ name }) => runPod(lab, name, 'probe', 'n3', [process.execPath, PROBE, 'server', '9000'])));
    await reaches(lab, 'c1/probe', podIP(lab, 'c2/probe'), 60_000);
  });
  after(cleanUp);

  /** Names of the nodes that are gateways of a cluster, best first, once both are elected. */
  const gateways = (cluster: string): Promise<string[]> =>
    eventually(
      async () => {
        const found = (await lab.client('c1').get(ClusterKind, cluster))?.status?.clusterLinkStatus?.gateways ?? [];
        if ([...found].sort().join() !== `${cluster}-n1,${cluster}-n2`) throw new Error(`saw ${found.join()}`);
        return found.map((name) => name.slice(cluster.length + 1));
      },
      { message: `the gateways of ${cluster}`, timeoutMs: 60_000 },
    );
  /**
   * The node, of the gateways of `cluster`, that a node sends the other clusters' packets through. Not always the first:
   * one that a busy machine kept from answering is not used for a while.
   */
  const usedBy = async (node: string, cluster: string): Promise<string | undefined> => {
    const { stdout } = await lab.exec(node, ['ip', 'nexthop', 'show']);
    const member = /group (\d+)/.exec(stdout)?.[1];
    // Of an overlay address all but the first octet is the node's own, with the networks that Kosmos has by default.
    const host = new RegExp(`^id ${member} via \\d+\\.(\\S+)`, 'm').exec(stdout)?.[1];
    return lab.clusters.find(({ name }) => name === cluster)?.nodes.find(({ address }) => address.replace(/^\d+\./, '') === host)?.name;
  };
  const anotherIsUsed = (than: string, node: string, cluster: string) =>
    eventually(async () => ![undefined, than].includes(await usedBy(node, cluster)), {
      message: `${node} uses another gateway of ${cluster} than ${than}`,
    });

  it('have the role of the original, which kubectl shows', async () => {
    const records = await lab.client('c1').list(ClusterNodeKind);
    const withRole = records.filter(({ spec }) => spec?.roles?.includes('gateway')).map(({ metadata }) => metadata.name);
    expect(withRole.sort()).to.deep.equal(['c1-n1', 'c1-n2', 'c2-n1', 'c2-n2']);
  });

  it('take over when the far gateway dies, without manager and API server', async () => {
    await gateways('c2');
    const [own = ''] = await gateways('c1');
    const flow = await Flow.start(lab, 'c1/probe', podIP(lab, 'c2/probe'));
    await lab.stopProcess('manager');
    await lab.stopProcess('c1/apiserver');
    const used = (await usedBy(`c1/${own}`, 'c2'))!;
    await lab.killNode('c2', used);
    await anotherIsUsed(used, `c1/${own}`, 'c2');
    await reaches(lab, 'c1/probe', podIP(lab, 'c2/probe'), 10_000);
    const { longestGapMs } = await flow.stop();
    expect(longestGapMs, 'the longest time without a packet, in ms').to.be.lessThan(OUTAGE_MS);
    await lab.startProcess('c1/apiserver');
    await lab.startProcess('manager');
    await lab.startNode('c2', used);
    await reaches(lab, 'c1/probe', podIP(lab, 'c2/probe'), 30_000);
  });

  it('take over when the own gateway dies', async () => {
    await gateways('c1');
    const flow = await Flow.start(lab, 'c1/probe', podIP(lab, 'c2/probe'));
    const used = (await usedBy('c1/n3', 'c1'))!;
    await lab.killNode('c1', used);
    await anotherIsUsed(used, 'c1/n3', 'c1');
    await reaches(lab, 'c1/probe', podIP(lab, 'c2/probe'), 10_000);
    expect((await flow.stop()).longestGapMs).to.be.lessThan(OUTAGE_MS);
    await lab.startNode('c1', used);
  });
});
