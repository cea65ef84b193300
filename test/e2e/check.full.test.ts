import { ClusterKind, ClusterNodeKind } from '@kosmos/api';
import { type Lab, topologyOf } from '@kosmos/lab';
import { cleanUp, eventually, needs, startTestLab } from '@kosmos/testing';
import { expect } from 'chai';
import { check, CONFIG, leftovers, reasons } from '../support/check.ts';

const WELL_MS = 90_000;

interface Break {
  readonly what: string;
  /** On which node. */
  readonly node: string;
  /** What is done there, while its agent is away, which would mend it. */
  readonly how: string;
  /** What undoes it, where the agent does not. */
  readonly undo?: string;
  /** The agent stays, since it does not mend this. */
  readonly agent?: true;
  readonly said: readonly string[];
}

const DROP = (rule: string) =>
  `nft add table inet lost && nft add chain inet lost in "{ type filter hook prerouting priority -400 ; }" && nft add rule inet lost in ${rule} drop`;
const NO_DROP = 'nft delete table inet lost';

const BREAKS: readonly Break[] = [
  { what: 'a route', node: 'c2/n1', how: 'ip route del 10.1.1.0/24 table 200', said: ['RouteMissing c2-n1'] },
  { what: 'the rule', node: 'c2/n1', how: 'ip rule del pref 200', said: ['RuleMissing c2-n1'] },
  { what: 'a neighbour', node: 'c1/n1', how: 'ip neighbour del 220.102.0.11 dev vx-bridge', said: ['NeighbourMissing c1-n1'] },
  { what: 'a forwarding entry', node: 'c1/n1', how: 'bridge fdb del $(ip neighbour show 220.102.0.11 dev vx-bridge | cut -d" " -f3) dev vx-bridge dst 10.102.0.11 self', said: ['FdbMissing c1-n1'] },
  { what: 'where a forwarding entry leads', node: 'c1/n1', how: 'bridge fdb replace $(ip neighbour show 220.102.0.11 dev vx-bridge | cut -d" " -f3) dev vx-bridge dst 10.102.0.99 self permanent', said: ['FdbDiffers c1-n1'] },
  { what: 'the nft table', node: 'c1/n1', how: 'nft delete table inet kosmos', said: ['NatMissing c1-n1'] },
  { what: 'rules of the nft table', node: 'c1/n1', how: 'nft flush chain inet kosmos post', said: ['NatDiffers c1-n1'] },
  { what: 'the tunnel device', node: 'c2/n1', how: 'ip link del vx-bridge', said: ['TunnelMissing c2-n1'] },
  { what: 'its MAC address', node: 'c2/n1', how: 'ip link set vx-bridge address 02:00:00:00:00:01', said: ['TunnelDiffers c2-n1'] },
  { what: 'ip_forward', node: 'c2/n1', how: 'echo 0 > /proc/sys/net/ipv4/ip_forward', said: ['Sysctl c2-n1'] },
  {
    what: 'rp_filter, where other software routes by rules of its own',
    node: 'c2/n1',
    how: 'echo 1 > /proc/sys/net/ipv4/conf/vx-bridge/rp_filter && ip rule add pref 150 iif lo to 10.1.1.0/24 lookup main',
    undo: 'ip rule del pref 150',
    said: ['RpFilter c2-n1'],
  },
  {
    what: 'a FORWARD policy of other software',
    node: 'c2/n1',
    agent: true,
    how: 'nft add table inet fw && nft add chain inet fw forward "{ type filter hook forward priority 0 ; policy drop ; }"',
    undo: 'nft delete table inet fw',
    said: ['ForwardBlocked c2-n1'],
  },
  { what: 'UDP on the underlay', node: 'c2/n1', agent: true, how: DROP('udp dport 4876'), undo: NO_DROP, said: ['TunnelBlocked'] },
  { what: 'large packets on the underlay', node: 'c2/n1', agent: true, how: DROP('udp dport 4876 meta length \\> 1430'), undo: NO_DROP, said: ['MtuTooSmall'] },
]; // prettier-ignore

/** Two clusters of one node. */
describe('kosmos check names what is broken:', function () {
  this.timeout(300_000);
  let lab: Lab;

  before(needs('root', 'ip', 'nft', 'ping'));
  before(async () => {
    lab = await startTestLab({ config: CONFIG, topology: topologyOf({ clusters: [{ nodes: 1 }, { nodes: 1 }] }) });
    await well();
  });
  after(cleanUp);

  const well = () =>
    eventually(
      async () => {
        const { code, found } = await check(lab);
        if (code !== 0) throw new Error(`${reasons(found).join(', ')} ${found.faults.join('; ')}`);
        return true;
      },
      { message: 'all is well', timeoutMs: WELL_MS },
    );
  const shell = async (node: string, line: string) => {
    const { code, stderr } = await lab.exec(node, ['sh', '-c', line], { timeoutMs: 10_000 });
    if (code !== 0) throw new Error(`${node}: ${line}: ${stderr}`);
  };

  for (const { what, node, how, undo, agent, said } of BREAKS) {
    it(what, async () => {
      if (!agent) await lab.stopProcess(`${node}/agent`);
      await shell(node, how);
      const { code, found } = await check(lab);
      if (undo) await shell(node, undo);
      if (!agent) await lab.startProcess(`${node}/agent`);
      await well();
      expect([code, reasons(found)]).to.deep.equal([1, said]);
    });
  }

  it('the underlay between two nodes', async () => {
    await lab.cut('c1/n1', 'c2/n1');
    const { code, found } = await check(lab);
    await lab.heal();
    await well();
    expect([code, reasons(found)]).to.deep.equal([1, ['UnderlayBlocked']]);
  });

  it('networks of a node that are not those that its pods are in', async () => {
    await lab.stopProcess('manager');
    const host = lab.client('c1');
    await host.patch(ClusterNodeKind, 'c2-n1', { spec: { podCIDRs: ['10.2.77.0/24'] } });
    const { code, found } = await check(lab);
    await host.patch(ClusterNodeKind, 'c2-n1', { spec: { podCIDRs: ['10.2.1.0/24'] } });
    await lab.startProcess('manager');
    await well();
    expect([code, reasons(found)]).to.deep.equal([1, ['PodOutsideCIDRs c2-n1']]);
  });

  it('a cluster that takes no part, and one whose API server is gone, which holds up no other', async () => {
    const host = lab.client('c1');
    await host.patch(ClusterKind, 'c2', { spec: { clusterLinkOptions: { enable: false } } });
    const off = await check(lab);
    await host.patch(ClusterKind, 'c2', { spec: { clusterLinkOptions: { enable: true } } });
    expect([off.code, off.found.faults]).to.deep.equal([
      1,
      ['cluster c2: none of its nodes takes part in the network; kosmos plan says why'],
    ]);
    await lab.stopProcess('c2/apiserver');
    const gone = await check(lab);
    await lab.startProcess('c2/apiserver');
    expect(gone.code).to.equal(1);
    expect(gone.found.faults[0]).to.match(/^cluster c2: the API server of cluster 'c2' at \S+ cannot be reached: nothing listens there/);
    await well();
  });

  it('an agent that is away while its kernel forwards: a warning, no failure', async () => {
    await lab.stopProcess('c2/n1/agent');
    await eventually(
      async () => {
        const { code, found } = await check(lab);
        expect(code).to.equal(0);
        return found.warnings.some((warning) => warning.startsWith('ClusterNode c2-n1: NetworkDegraded (AgentSilent)'));
      },
      { message: 'it is warned of', timeoutMs: WELL_MS },
    );
    await lab.startProcess('c2/n1/agent');
  });

  it('and has left nothing behind in all of this', async () => {
    expect(await leftovers(lab)).to.deep.equal([]);
  });
});

/** Two clusters of a gateway, n1, and another node each. */
describe('kosmos check through gateways', function () {
  this.timeout(300_000);
  let lab: Lab;

  before(needs('root', 'ip', 'nft', 'ping'));
  before(async () => {
    lab = await startTestLab({ config: CONFIG });
    for (const { name } of lab.clusters) {
      await lab.client(name).request('PATCH', '/api/v1/nodes/n1', {
        body: { metadata: { labels: { 'kosmos.io/gateway': 'true' } } },
        contentType: 'application/merge-patch+json',
      });
      await lab.client('c1').patch(ClusterKind, name, { spec: { clusterLinkOptions: { networkType: 'gateway' } } });
    }
    await eventually(async () => (await check(lab, '--by', 'node')).code === 0, { message: 'all is well', timeoutMs: WELL_MS });
  });
  after(cleanUp);

  it('names what is wrong on the far gateway, which does not lead on to the node, and tells whom it concerns', async () => {
    await lab.stopProcess('c2/n1/agent');
    const { code: done, stderr } = await lab.exec('c2/n1', ['ip', 'neighbour', 'del', '210.102.0.12', 'dev', 'vx-local']);
    expect(done, stderr).to.equal(0);
    const { code, found } = await check(lab, '--by', 'node');
    await lab.startProcess('c2/n1/agent');
    expect([code, reasons(found)]).to.deep.equal([1, ['NeighbourMissing c2-n1']]);
    const failed = found.rows.filter(({ failed: n }) => n > 0).map(({ from, to }) => `${from} ${to}`);
    expect(new Set(failed)).to.deep.equal(new Set(['c1-n1 c2-n2', 'c1-n2 c2-n2', 'c2-n2 c1-n1', 'c2-n2 c1-n2']));
  });
});
