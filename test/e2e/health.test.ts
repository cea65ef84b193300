import { resolve } from 'node:path';
import { ClusterKind, ClusterNodeKind, type NodeConfig, NodeConfigKind } from '@kosmos/api';
import type { Lab } from '@kosmos/lab';
import { cleanUp, eventually, needs, startTestLab } from '@kosmos/testing';
import { expect } from 'chai';
import { missing, queries, readMetrics } from '../support/monitoring.ts';

const CONFIG = resolve('examples/health/kosmos.config.ts');
/** When the test gives up: a probe every 10 s, three of which are lost, a write every 10 s at most, on a busy machine. */
const TOLD_MS = 60_000;

/** Two clusters of two nodes, each with a tunnel to both of the other's. */
describe('the health of tunnels', function () {
  this.timeout(240_000);
  let lab: Lab;

  before(needs('root', 'ip', 'nft', 'ping'));
  before(async () => {
    lab = await startTestLab({ config: CONFIG });
  });
  after(cleanUp);

  const run = async (where: string, command: string) => {
    const { code, stdout, stderr } = await lab.exec(where, command.split(' '), { timeoutMs: 10_000 });
    if (code !== 0) throw new Error(`${where}: ${command}: ${stderr}`);
    return stdout;
  };
  type Links = NonNullable<NonNullable<NodeConfig['status']>['links']>[number];
  const links = (node: string, wanted: Partial<Links>) =>
    eventually(
      async () => {
        const all = (await lab.client('c1').get(NodeConfigKind, node))?.status?.links ?? [];
        expect(all[0] ?? {}).to.deep.include(wanted);
        return all[0]!;
      },
      { message: `${node} says ${JSON.stringify(wanted)}`, timeoutMs: TOLD_MS },
    );
  const condition = (node: string, status: string, reason: string) =>
    eventually(
      async () => {
        const conditions = (await lab.client('c1').get(ClusterNodeKind, node))?.status?.conditions ?? [];
        expect(conditions.find(({ type }) => type === 'NetworkDegraded') ?? conditions).to.include({ status, reason });
        return true;
      },
      { message: `${node} has ${status} ${reason}`, timeoutMs: TOLD_MS },
    );
  const metrics = async (where: string) =>
    run(where, `${process.execPath} -e fetch('http://127.0.0.1:9464/metrics').then(async(r)=>console.log(await(r.text())))`);

  it('is in the NodeConfigs and metrics: who answers, how fast, and how large a packet passes', async () => {
    const said = await links('c1-n1', { cluster: 'c2', probed: 2, up: 2, mtu: 1450 });
    expect(said.rttMicroseconds).to.be.greaterThan(0);
    await eventually(
      async () => {
        const text = await metrics('c1/n1');
        expect(text).to.include('kosmos_health_link_up{peer_cluster="c2",peer="c2-n1",dev="vx-bridge"} 1');
        expect(text).to.include('kosmos_health_link_mtu_bytes{peer_cluster="c2",peer="c2-n2",dev="vx-bridge"} 1450');
        return true;
      },
      { message: 'the metrics', timeoutMs: TOLD_MS },
    );
  });

  it('tells a node whose underlay loses large packets, and how large those are that pass', async () => {
    // Of the underlay: an inner packet of 1380 bytes has 50 around it.
    await run('c2/n1', 'nft add table inet small');
    await run('c2/n1', 'nft add chain inet small in { type filter hook prerouting priority -400 ; }');
    await run('c2/n1', 'nft add rule inet small in udp dport 4876 meta length > 1430 drop');
    await lab.kill('c1/n1/agent'); // a new one probes with full size at once, not within a minute
    await links('c1-n1', { mtu: 1380, narrow: ['c2-n1'], up: 2 });
    await condition('c2-n1', 'True', 'MtuTooSmall');
    await run('c2/n1', 'nft delete table inet small');
    await links('c1-n1', { mtu: 1450, up: 2 });
    await condition('c2-n1', 'False', 'Recovered');
  });

  it('tells an agent that is away from a node that is, and when both are back', async () => {
    await lab.stopProcess('c2/n1/agent');
    await lab.cut('c1', 'c2/n2');
    await links('c1-n1', { silent: ['c2-n1'], down: ['c2-n2'], up: 0 });
    await condition('c2-n1', 'True', 'AgentSilent');
    await condition('c2-n2', 'True', 'NoAnswer');
    await lab.heal();
    await lab.startProcess('c2/n1/agent');
    await Promise.all(['c2-n1', 'c2-n2'].map((node) => condition(node, 'False', 'Recovered')));
  });

  it('writes nothing to Cluster and ClusterNode while nothing changes', async () => {
    const versions = async () => (await lab.client('c1').list(ClusterNodeKind)).map(({ metadata }) => metadata.resourceVersion);
    const sent = async () => JSON.parse(await run('c1/n1', 'ip -j -s link show dev vx-bridge'))[0].stats64.tx.packets as number;
    const [before, from] = [await versions(), await sent()];
    // Two of its own to each of the two peers, every 10 s, and as many answers.
    await eventually(async () => (await sent()) - from >= 8, { message: 'two rounds of probes', timeoutMs: TOLD_MS });
    expect(await versions()).to.deep.equal(before);
  });

  it('has every metric and label that the dashboard and the alerts ask for', async () => {
    // Only where a route has several next hops are there probes for failover.
    for (const name of ['c1', 'c2'])
      await lab.client('c1').patch(ClusterKind, name, { spec: { clusterLinkOptions: { networkType: 'gateway' } } });
    await eventually(
      async () => {
        // The host's control plane, where the manager is, and nodes.
        const told = readMetrics(await Promise.all(['c1/cp', 'c1/n1', 'c1/n2', 'c2/n1', 'c2/n2'].map(metrics)));
        expect(queries().flatMap((query) => missing(query, told))).to.deep.equal([]);
        return true;
      },
      { message: 'the metrics of the manager and of all agents', timeoutMs: TOLD_MS },
    );
  });
});
