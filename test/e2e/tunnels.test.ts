/** What travels in tunnels, and what does not. */
import type { ClusterTopology } from '@kosmos/lab';
import { eventually, needs } from '@kosmos/testing';
import { expect } from 'chai';
import { podIPs, PORT, startMode } from '../support/modes.ts';
import type { Rig } from '../support/rig.ts';

const DEVICES = ['vx-bridge', 'vx-bridge-6'] as const;
const [CLIENT, SERVER] = ['c1/on-n1', 'c2/on-n1'];

describe('tunnels of both families', function () {
  this.timeout(120_000);
  let rig: Rig;
  const shell = async (where: string, argv: readonly string[]) => {
    const { code, stdout, stderr } = await rig.exec(where, argv);
    expect(code, `${argv.join(' ')}: ${stderr}`).to.equal(0);
    return stdout;
  };
  const received = async (node: string, dev: string) => {
    const [link] = JSON.parse(await shell(node, ['ip', '-j', '-s', 'link', 'show', dev])) as { stats64: { rx: { packets: number } } }[];
    return link!.stats64.rx.packets;
  };
  const servers = () => podIPs(rig.clusters[1]!, 'on-n1');

  before(needs('root', 'ip', 'bridge', 'nft', 'nsenter', 'ping', 'ss'));
  before(async () => {
    rig = await startMode({ types: ['p2p', 'p2p'], gateways: 1, families: 'dual' });
    for (const ip of servers()) {
      await eventually(async () => (await rig.exec(CLIENT, ['ping', '-c1', '-W1', ip])).code === 0, { message: `${CLIENT} reaches ${ip}` });
    }
  });
  after(() => rig?.down());

  it('carry what pods send and nothing of their own: no address of the link, none that is looked for first', async () => {
    for (const [i, ip] of servers().entries()) {
      const dev = DEVICES[i]!;
      const before = await received('c2/n1', dev);
      await shell(CLIENT, ['ping', '-c5', '-i0.2', ip]);
      expect((await received('c2/n1', dev)) - before, dev).to.equal(5);
      expect(await shell('c1/n1', ['ip', '-6', 'address', 'show', 'dev', dev, 'scope', 'link']), dev).to.equal('');
    }
    expect(await shell('c1/n1', ['ip', 'address', 'show', 'dev', DEVICES[1]])).to.contain(' nodad');
  });

  it('stay whole when a cluster joins whose networks are those of others: pods, services, overlay, and what tunnels run between', async () => {
    const [c1, c2] = rig.clusters as [ClusterTopology, ClusterTopology];
    const taken = {
      'pods of c1': c1.podCIDRs[0]!,
      'pods of a node of c2': c2.nodes[0]!.podCIDRs[0]!,
      'services of c1': c1.serviceCIDRs[0]!,
      'the overlay': '220.0.0.0/8',
      'the underlay of c2': '192.168.2.0/24',
      'all there is': '0.0.0.0/0',
    };
    for (const [i, [what, cidr]] of Object.entries(taken).entries()) {
      const name = `late${i}`;
      const metadata = { uid: '', resourceVersion: '' };
      rig.planner.setCluster({
        metadata: { ...metadata, name },
        spec: { clusterLinkOptions: { networkType: 'p2p' } },
        status: { clusterLinkStatus: { podCIDRs: [cidr], serviceCIDRs: [cidr] } },
      });
      const spec = { clusterName: name, nodeName: 'n1', interfaceName: 'eth0', ip: `172.31.0.${i + 1}`, podCIDRs: [cidr] };
      rig.planner.setNode({ metadata: { ...metadata, name: `${name}-n1` }, spec });
      await Promise.all(['c1/n1', 'c2/n1'].map((node) => rig.mend(node)));
      for (const ip of servers()) await shell(CLIENT, ['ping', '-c1', '-W2', ip]);
      await shell('c1/n1', ['ping', '-c1', '-W2', '192.168.2.11']);
      const told = rig.planner.conditions().flatMap((o) => o.conditions.map((c) => `${o.name} ${c.type} ${c.message}`));
      expect(told.join('\n'), what).to.match(new RegExp(`CIDRConflict .*${cidr.replaceAll('.', '\\.')}`));
    }
  });

  it('have segments as small as they need, both ways, though only one side says so', async () => {
    // The far side's agent is not there, or is none of ours.
    await shell('c2/n1', ['nft', 'delete', 'chain', 'inet', 'kosmos', 'mss']);
    try {
      for (const ip of servers()) {
        // With what a segment's own options take: 12 bytes for times.
        const most = ip.includes(':') ? 1430 - 60 - 12 : 1450 - 40 - 12;
        const hold = `require('node:net').connect(${PORT}, '${ip}').on('data', () => {}).on('error', () => process.exit(1))`;
        rig.serve(CLIENT, [process.execPath, '-e', hold]);
        for (const pod of [CLIENT, SERVER]) {
          const sockets = () => shell(pod, ['ss', '-tinH', 'state', 'established']);
          const mss = await eventually(async () => / mss:(\d+)/.exec((await sockets()).split(ip)[1] ?? '')?.[1], {
            message: `${pod} is connected by ${ip}`,
          });
          expect(Number(mss), `${pod} by ${ip}`).to.equal(most);
        }
      }
    } finally {
      await rig.mend('c2/n1');
    }
  });
});
