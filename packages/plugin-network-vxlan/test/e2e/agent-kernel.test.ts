import { needs } from '@kosmos/testing';
import { expect } from 'chai';
import { kernelState } from '../../src/agent/kernel-state.ts';
import { removeAll } from '../../src/agent/uninstall.ts';
import { type AgentLab, agentLab, differences, dump, inside, planOf } from '../support/agent-lab.ts';

describe('network agent: the kernel is held to the plan', () => {
  before(needs('root', 'ip', 'bridge', 'nft', 'nsenter', 'ping'));
  let lab: AgentLab;
  beforeEach(async () => {
    lab = await agentLab();
  });
  afterEach(() => lab?.down());
  const apply = async () => Promise.all(lab.nodes.map((n) => kernelState(n.net).hold(n.plan, { ip: n.ip })));
  const ping = async (from = 0) => inside(lab.nodes[from]!.pod, ['ping', '-c', '1', '-W', '1', lab.nodes[1 - from]!.podIp]);

  it('applies from nothing, and a restarted agent then writes nothing and changes nothing', async () => {
    const [a, b] = await apply();
    expect([a!.problems, a!.refused, b!.refused]).to.deep.equal([[], [], []]);
    expect(a!.written).to.be.greaterThan(0);
    const before = await dump(lab.nodes[0].netns);
    const again = await apply();
    expect(again.map((o) => o.written)).to.deep.equal([0, 0]);
    expect(differences(before, await dump(lab.nodes[0].netns))).to.deep.equal([]);
  });

  it('lets pods reach each other with their own addresses, whatever the CNI masquerades', async () => {
    expect((await ping()).code, 'reachable without the agent').to.not.equal(0);
    await apply();
    const server = inside(lab.nodes[1].pod, [process.execPath, '-e', SERVER]);
    const client = await inside(lab.nodes[0].pod, [process.execPath, '-e', CLIENT, lab.nodes[1].podIp]);
    expect(client.text).to.equal('10.1.0.10');
    await server;
    expect((await ping()).code).to.equal(0);
  });

  it('lets a node itself reach far pods, by its address on the pod bridge', async () => {
    await apply();
    expect((await inside(lab.nodes[0].netns, ['ping', '-c', '1', '-W', '1', lab.nodes[1].podIp])).code).to.equal(0);
  });

  it('drops a look for a newer plan, writes what that adds at once, and puts the rest right with the next look', async () => {
    const [node] = lab.nodes;
    /** What happens once the kernel is being read. */
    let reading = () => {};
    const state = kernelState({
      ...node.net,
      snapshot(...args) {
        const seen = node.net.snapshot(...args);
        reading();
        return seen;
      },
    });
    await state.hold(node.plan, { ip: node.ip });
    const more = (net: string) => ({ ...node.plan, routes: [...node.plan.routes, { ...node.plan.routes[0]!, cidr: net }] });
    const [first, second] = [more('10.3.0.0/24'), more('10.4.0.0/24')];
    expect(await state.change(first, { ip: node.ip })).to.be.greaterThan(0);
    reading = () => state.interrupt();
    const dropped = await state.hold(first, { ip: node.ip }).then(
      () => 'held',
      (error: { code: string }) => error.code,
    );
    reading = () => {};
    expect(dropped).to.equal('HOSTNET_E_ABORTED');
    // On top of a change that no look has confirmed.
    expect(await state.change(second, { ip: node.ip })).to.be.greaterThan(0);
    const routes = async () => (await node.net.routes(200)).map(({ dst }) => dst);
    expect(await routes()).to.have.members(['10.2.0.0/24', '10.4.0.0/24']);
    await state.hold(second, { ip: node.ip });
    expect(await routes()).to.have.members(['10.2.0.0/24', '10.4.0.0/24']);
  });

  const DRIFT: Readonly<Record<string, string>> = {
    'a route deleted': 'ip route del 10.2.0.0/24 table 200',
    'a foreign next hop in a route': 'ip route replace 10.2.0.0/24 dev eth0 table 200 proto 84',
    'a nexthop deleted': 'ip nexthop flush proto 84 > /dev/null',
    'a neighbour deleted': 'ip neigh del 220.101.0.2 dev vx-bridge',
    'an fdb entry deleted': 'bridge fdb del 02:00:00:00:00:02 dev vx-bridge dst 10.101.0.2 self',
    'an fdb entry to another host': 'bridge fdb replace 02:00:00:00:00:02 dev vx-bridge dst 10.101.0.9 self permanent',
    'the nft table deleted': 'nft delete table inet kosmos',
    'a rule of the nft table deleted': 'nft flush chain inet kosmos post',
    'the rule deleted': 'ip rule del priority 200',
    'the device deleted': 'ip link del vx-bridge',
    'the device taken down': 'ip link set vx-bridge down',
    'the device given another MAC': 'ip link set vx-bridge address 02:00:00:00:99:99',
    'the device given another MTU': 'ip link set vx-bridge mtu 1300',
    'the overlay address deleted': 'ip addr del 220.101.0.1/8 dev vx-bridge',
    'another overlay address': 'ip addr add 220.9.9.9/8 dev vx-bridge',
    'another device of that name and port': 'ip link del vx-bridge; ip link add vx-bridge type vxlan id 54 dstport 4999 dev eth0',
    'rp_filter changed': 'echo 1 > /proc/sys/net/ipv4/conf/vx-bridge/rp_filter; echo 1 > /proc/sys/net/ipv4/conf/eth0/rp_filter',
    'ip_forward off': 'echo 0 > /proc/sys/net/ipv4/ip_forward',
  };
  for (const [name, command] of Object.entries(DRIFT)) {
    it(`repairs: ${name}`, async () => {
      await apply();
      const node = lab.nodes[0];
      const whole = await dump(node.netns);
      expect((await inside(node.netns, ['sh', '-c', command])).text).to.equal('');
      expect(differences(whole, await dump(node.netns)), 'the drift is not seen in the dumps').to.not.deep.equal([]);
      const state = kernelState(node.net);
      expect((await state.hold(node.plan, { ip: node.ip })).refused).to.deep.equal([]);
      expect(differences(whole, await dump(node.netns), true)).to.deep.equal([]);
      expect((await state.hold(node.plan, { ip: node.ip })).written).to.equal(0);
      expect((await ping()).code).to.equal(0);
    });
  }

  it('leaves everything as it was before Kosmos came', async () => {
    const node = lab.nodes[0];
    await inside(node.netns, ['sh', '-c', 'echo 0 > /proc/sys/net/ipv4/ip_forward; echo 0 > /proc/sys/net/ipv4/conf/eth0/rp_filter']);
    const before = await dump(node.netns);
    await apply();
    expect(differences(before, await dump(node.netns))).to.not.deep.equal([]);
    // A new agent, as after a kill -9: what was there before is known all the same.
    await kernelState(node.net).hold(planOf(0, 10), { ip: node.ip });
    const { refused } = await removeAll(node.net);
    expect(refused).to.deep.equal([]);
    expect(differences(before, await dump(node.netns))).to.deep.equal([]);
    expect((await removeAll(node.net)).written).to.equal(0);
  });

  it('applies what can be had of a plan with bad items, and names the others', async () => {
    const node = lab.nodes[0];
    const bad = {
      ...node.plan,
      routes: [{ cidr: '10.7.0.0/24\nlink delete eth0', gw: '220.101.0.2', dev: 'vx-bridge' }, ...node.plan.routes],
    };
    const { refused } = await kernelState(node.net).hold(bad, { ip: node.ip });
    expect(refused.map((r) => r.item)).to.deep.equal(['route 10.7.0.0/24\nlink delete eth0']);
    await kernelState(lab.nodes[1].net).hold(lab.nodes[1].plan, { ip: lab.nodes[1].ip });
    expect((await ping()).code).to.equal(0);
  });

  it('holds 5,000 routes', async () => {
    const node = lab.nodes[0];
    const many = planOf(0, 5000);
    const { refused } = await kernelState(node.net).hold(many, { ip: node.ip });
    expect(refused).to.deep.equal([]);
    expect((await kernelState(node.net).hold(many, { ip: node.ip })).written).to.equal(0);
    expect((await node.net.routes(200)).length).to.equal(5001);
    await kernelState(node.net).hold(node.plan, { ip: node.ip });
    expect((await node.net.routes(200)).length).to.equal(1);
  });
});

const SERVER = `const s = require('dgram').createSocket('udp4');
s.on('message', (m, from) => s.send(from.address, from.port, from.address, () => s.close())); s.bind(7000); setTimeout(() => process.exit(1), 5000).unref();`;
const CLIENT = `const s = require('dgram').createSocket('udp4'); const t = setInterval(() => s.send('?', 7000, process.argv[1]), 100);
s.on('message', (m) => { process.stdout.write(String(m)); process.exit(0); }); setTimeout(() => process.exit(1), 5000);`;
