/** The agent on a host whose interfaces are not what one would wish: which is the underlay, and what happens when it changes. */
import { createHostNet, type HostNet } from '@kosmos/hostnet';
import { eventually, needs } from '@kosmos/testing';
import { expect } from 'chai';
import { chosen } from '../../src/agent/choice.ts';
import { detect, type Underlay } from '../../src/agent/detect.ts';
import { kernelState } from '../../src/agent/kernel-state.ts';
import { removeAll } from '../../src/agent/uninstall.ts';
import type { NodePlan } from '../../src/plan/types.ts';
import { type AgentLab, agentLab, differences, dump, inside } from '../support/agent-lab.ts';
import { cluster } from '../support/fleet.ts';

type Link = NonNullable<Parameters<typeof cluster>[1]>['link'];

describe('network agent: the underlay interface', function () {
  this.timeout(60_000);
  before(needs('root', 'ip', 'bridge', 'nsenter'));
  const root = createHostNet();
  const netns = `kd-${process.pid}`;
  let net: HostNet;

  before(async () => {
    await root.apply([{ op: 'addNetns', name: netns }]);
    net = createHostNet({ netns });
    await net.setSysctl({ family: 'ipv6', conf: 'default', name: 'addr_gen_mode' }, 1);
    const links = ['eth0', 'eth1', 'ens5', 'docker0'];
    await net.apply(
      links.flatMap((name) => [{ op: 'addLink', name, kind: 'bridge' } as const, { op: 'setLink', name, state: 'up' } as const]),
    );
    await net.apply([
      { op: 'addLink', name: 'down0', kind: 'bridge' },
      { op: 'replaceAddress', address: '172.17.0.1/16', dev: 'docker0' },
      { op: 'replaceAddress', address: '192.0.2.10/24', dev: 'eth0' },
      { op: 'replaceAddress', address: '192.0.2.99/32', dev: 'eth1' }, // moves between nodes
      { op: 'replaceAddress', address: '198.51.100.10/24', dev: 'eth1' },
      { op: 'replaceAddress', address: '2001:db8:1::10/64', dev: 'eth1' },
      { op: 'replaceAddress', address: '203.0.113.10/24', dev: 'ens5' },
      { op: 'replaceAddress', address: '203.0.113.11/24', dev: 'ens5' },
      { op: 'replaceRoute', dst: 'default', via: '192.0.2.1', dev: 'eth0' },
    ]);
  });
  after(async () => void (await root.applyAll([{ op: 'deleteNetns', name: netns }])));

  const find = async (link: Link, known = {}) => detect(net, chosen(cluster('c', { link: link! }), 'n1'), await net.links(), known);
  const FOUND: readonly (readonly [Link, Underlay])[] = [
    [{}, { interfaceName: 'eth0', ip: '192.0.2.10' }],
    [{ defaultNICName: 'eth1' }, { interfaceName: 'eth1', ip: '198.51.100.10', ip6: '2001:db8:1::10' }],
    [{ defaultNICName: 'en*,eth*' }, { interfaceName: 'ens5', ip: '203.0.113.10' }],
    [{ nicNodeNames: [{ interfaceName: 'eth?', nodeName: ['n1'] }] }, { interfaceName: 'eth0', ip: '192.0.2.10' }],
    [{ autodetectionMethod: 'cidr=198.51.100.0/24' }, { interfaceName: 'eth1', ip: '198.51.100.10', ip6: '2001:db8:1::10' }],
    [{ autodetectionMethod: 'cidr=2001:db8:1::/64' }, { interfaceName: 'eth1', ip: '198.51.100.10', ip6: '2001:db8:1::10' }],
    [{ defaultNICName: '192.0.2.99/32' }, { interfaceName: 'eth1', ip: '192.0.2.99', ip6: '2001:db8:1::10' }],
    [{ autodetectionMethod: 'can-reach=203.0.113.77' }, { interfaceName: 'ens5', ip: '203.0.113.10' }],
    [{ autodetectionMethod: 'can-reach=2001:db8:1::5' }, { interfaceName: 'eth1', ip: '198.51.100.10', ip6: '2001:db8:1::10' }],
    [{ autodetectionMethod: 'first-found' }, { interfaceName: 'eth0', ip: '192.0.2.10' }],
    [{ autodetectionMethod: 'skip-interface=eth*' }, { interfaceName: 'ens5', ip: '203.0.113.10' }],
  ];
  for (const [link, underlay] of FOUND) {
    it(`is ${underlay.interfaceName} with ${underlay.ip} for ${JSON.stringify(link)}`, async () =>
      expect(await find(link)).to.deep.equal({ underlay }));
  }

  it('stays what it was among several that fit', async () => {
    const known = { interfaceName: 'ens5', ip: '203.0.113.11' };
    expect(await find({ defaultNICName: 'e*' }, known)).to.deep.equal({ underlay: known });
    expect(await find({ defaultNICName: 'eth*' }, known)).to.deep.equal({ underlay: { interfaceName: 'eth0', ip: '192.0.2.10' } });
  });

  it('is said to be missing, with what was looked for and what is there', async () => {
    const there =
      /this node has eth0 \(192\.0\.2\.10\/24\), eth1 \(192\.0\.2\.99\/32, 198\.51\.100\.10\/24, 2001:db8:1::10\/64\), .*, down0 \(down, no address\)$/;
    const missing = async (link: Link) => {
      const found = await find(link);
      return 'reason' in found ? found : expect.fail(JSON.stringify(found));
    };
    expect(await missing({ defaultNICName: 'wlan*' })).to.include({ reason: 'NoInterface' }).and.have.property('message').that.matches(there); // prettier-ignore
    expect((await missing({ defaultNICName: 'wlan*' })).message).to.match(
      /^spec\.clusterLinkOptions\.defaultNICName wants 'wlan\*': there is none; /,
    );
    expect((await missing({ defaultNICName: 'down0' })).message).to.match(/: that is 'down0', which has no usable address; /);
    expect(await missing({ autodetectionMethod: 'can-reach=2001:db8:9::1' })).to.include({ reason: 'NoInterface' });
    expect(await missing({ autodetectionMethod: 'nonsense' })).to.include({ reason: 'InvalidMethod' });
  });
});

describe('network agent: an underlay that changes', function () {
  this.timeout(120_000);
  before(needs('root', 'ip', 'bridge', 'nft', 'nsenter', 'ping'));
  let lab: AgentLab;
  beforeEach(async () => {
    lab = await agentLab();
  });
  afterEach(() => lab?.down());
  const states = () => lab.nodes.map((node) => kernelState(createHostNet({ netns: node.netns })));
  const ping = async (...options: string[]) =>
    (await inside(lab.nodes[0].pod, ['ping', '-c', '1', '-W', '1', ...options, lab.nodes[1].podIp])).code;
  const shell = async (command: string) => {
    const { code, text } = await inside(lab.nodes[0].netns, ['sh', '-c', command]);
    expect(code, text).to.equal(0);
  };
  const tunnel = async (name = 'vx-bridge') => (await lab.nodes[0].net.links()).find((link) => link.name === name)!;
  const hold = async (plan: NodePlan = lab.nodes[0].plan, ip = lab.nodes[0].ip) => {
    const { refused, problems } = await kernelState(createHostNet({ netns: lab.nodes[0].netns })).hold(plan, { ip });
    expect(refused).to.deep.equal([]);
    return problems;
  };
  const all = async () => {
    for (const [i, state] of states().entries()) await state.hold(lab.nodes[i as 0 | 1].plan, { ip: lab.nodes[i as 0 | 1].ip });
    expect(await ping()).to.equal(0);
  };

  it("gives the tunnel the underlay's MTU less 50, follows it both ways without making the tunnel anew, and has an override", async () => {
    await all();
    const { index, mtu } = await tunnel();
    expect(mtu).to.equal(1450);
    for (const size of [1400, 1300, 1500]) {
      await shell(`ip link set eth0 mtu ${size}`);
      expect(await hold()).to.deep.equal([]);
      expect(await tunnel()).to.include({ index, mtu: size - 50 });
    }
    expect(await ping('-M', 'do', '-s', String(1450 - 28))).to.equal(0);
    const { plan } = lab.nodes[0];
    const override = (size: number) => ({ ...plan, devices: plan.devices.map((device) => ({ ...device, mtu: size })) });
    expect(await hold(override(1380))).to.deep.equal([]);
    expect((await tunnel()).mtu).to.equal(1380);
    expect((await hold(override(9000))).map(({ message }) => message)).to.deep.equal([
      'MTU 9000 does not fit eth0 with MTU 1500; 1450 is used',
    ]);
    expect((await tunnel()).mtu).to.equal(1450);
  });

  it('keeps the tunnel over an interface that is renamed, whether the plan knows the new name or not yet', async () => {
    await all();
    const { index } = await tunnel();
    await shell(
      'ip link set eth0 down; ip link set eth0 name ens3; ip link set ens3 up; ip route replace default via 10.101.0.254 dev ens3',
    );
    expect(await hold()).to.deep.equal([]);
    expect((await tunnel()).index).to.equal(index);
    await eventually(async () => (await ping()) === 0, { message: 'reachable under the new name' });
    const net = lab.nodes[0].net;
    const found = await detect(net, chosen(undefined, ''), await net.links(), { interfaceName: 'eth0', ip: lab.nodes[0].ip });
    expect(found).to.deep.equal({ underlay: { interfaceName: 'ens3', ip: lab.nodes[0].ip } });
    const { plan } = lab.nodes[0];
    await hold({ ...plan, devices: plan.devices.map((device) => ({ ...device, bindDev: 'ens3' })) });
    expect((await tunnel()).index).to.equal(index);
    expect(await ping()).to.equal(0);
  });

  it('moves the tunnel to a new address without making it anew, and without a lost packet where both addresses live', async () => {
    await all();
    const [a, b] = lab.nodes;
    const { index } = await tunnel();
    await shell('ip addr add 10.101.0.9/24 dev eth0; ip addr change 10.101.0.1/24 dev eth0 preferred_lft 0');
    const known = { interfaceName: 'eth0', ip: a.ip };
    const found = await detect(a.net, chosen(undefined, ''), await a.net.links(), known);
    expect(found, 'the old one is on its way out').to.deep.equal({ underlay: { interfaceName: 'eth0', ip: '10.101.0.9' } });
    const pings = inside(a.pod, ['ping', '-i', '0.01', '-c', '150', '-W', '1', b.podIp]);
    // The order in which a planned change reaches the nodes: the far one may hear of it first.
    const far: NodePlan = {
      ...b.plan,
      fdbs: b.plan.fdbs.map((entry) => ({ ...entry, ip: '10.101.0.9' })),
      arps: b.plan.arps.map((entry) => ({ ...entry, ip: '220.101.0.9' })),
      routes: b.plan.routes.map((route) => ({ ...route, gw: '220.101.0.9' })),
    };
    await kernelState(createHostNet({ netns: b.netns })).hold(far, { ip: b.ip });
    await hold({ ...a.plan, devices: a.plan.devices.map((device) => ({ ...device, addr: '220.101.0.9/8' })) }, '10.101.0.9');
    expect((await pings).text).to.match(/150 packets transmitted, 150 received, 0% packet loss/);
    expect((await tunnel()).addresses.map(({ address }) => address)).to.deep.equal(['220.101.0.9/8']);
    expect(await tunnel()).to.have.property('index', index);
    expect((await tunnel()).vxlan).to.have.property('local', '10.101.0.9');
  });

  it('keeps no state for packets of the tunnel itself', async () => {
    await all();
    const tracked = async () => (await inside(lab.nodes[0].netns, ['cat', '/proc/net/nf_conntrack'])).text.split('\n');
    await ping();
    const lines = await tracked();
    expect(lines.filter((line) => line.includes('dport=4876'))).to.deep.equal([]);
    expect(
      lines.some((line) => line.includes(`dst=${lab.nodes[1].podIp}`)),
      lines.join('\n'),
    ).to.equal(true);
  });

  it('carries IPv6 on a host that has it off by default and listens to routers, and leaves it as it was', async () => {
    const six = ([0, 1] as const).map((i): NodePlan => {
      const other = 1 - i;
      const dev = 'vx-bridge-6';
      const mac = (n: number) => `02:00:00:00:06:0${n}`;
      return {
        node: `c${i}-n`,
        devices: [{ type: 'vxlan', name: dev, addr: `9470:101::${i + 1}/16`, mac: mac(i), bindDev: 'eth0', id: 64, port: 4866 }],
        routes: [{ cidr: `fd10:${other + 1}::/64`, gw: `9470:101::${other + 1}`, dev }],
        fdbs: [{ ip: `fd00:101::${other + 1}`, mac: mac(other), dev }],
        arps: [{ ip: `9470:101::${other + 1}`, mac: mac(other), dev }],
        nat: [{ stage: 'keep', cidr: `fd10:${i + 1}::/64`, dev }],
      };
    });
    for (const i of [0, 1] as const) {
      const { net, pod } = lab.nodes[i];
      await net.apply([
        { op: 'replaceAddress', address: `fd00:101::${i + 1}/64`, dev: 'eth0' },
        { op: 'replaceAddress', address: `fd10:${i + 1}::1/64`, dev: 'cni0' },
        // A bridge has one, and needs it to ask for a pod on behalf of others.
        { op: 'replaceAddress', address: 'fe80::1/64', dev: 'cni0' },
      ]);
      const inPod = createHostNet({ netns: pod });
      await inPod.apply([
        { op: 'replaceAddress', address: `fd10:${i + 1}::10/64`, dev: 'eth0' },
        { op: 'replaceRoute', dst: '::/0', via: `fd10:${i + 1}::1`, dev: 'eth0' },
      ]);
      await net.setSysctl({ family: 'ipv6', conf: 'all', name: 'forwarding' }, 0);
      await net.setSysctl({ family: 'ipv6', conf: 'eth0', name: 'accept_ra' }, 1);
      await net.setSysctl({ family: 'ipv6', conf: 'default', name: 'disable_ipv6' }, 1);
    }
    const before = await dump(lab.nodes[0].netns);
    const apply = async (i: 0 | 1) =>
      kernelState(createHostNet({ netns: lab.nodes[i].netns })).hold(six[i]!, { ip6: `fd00:101::${i + 1}` });
    const outcomes = [await apply(0), await apply(1)];
    expect(outcomes.map(({ refused, problems, blocked }) => [refused, problems, blocked])).to.deep.equal([
      [[], [], []],
      [[], [], []],
    ]);
    expect(await tunnel('vx-bridge-6')).to.include({ mtu: 1430 });
    expect((await inside(lab.nodes[0].pod, ['ping', '-c', '1', '-W', '2', 'fd10:2::10'])).code).to.equal(0);
    expect(await lab.nodes[0].net.sysctl({ family: 'ipv6', conf: 'eth0', name: 'accept_ra' })).to.equal(2);
    expect((await apply(0)).written).to.equal(0);
    await removeAll(lab.nodes[0].net);
    expect(differences(before, await dump(lab.nodes[0].netns))).to.deep.equal([]);

    await shell('ip link set eth0 mtu 1300');
    const { problems } = await apply(0);
    expect(problems.map(({ message }) => message)).to.deep.equal([
      'IPv6 needs an MTU of 1280 at least, and 1230 is left on eth0 with MTU 1300',
    ]);
  });
});
