import { expect } from 'chai';
import { footing, lower } from '../../src/agent/desired.ts';
import type { Nat, NodePlan } from '../../src/plan/types.ts';
import { EMPTY, mac } from '../support/agent-plans.ts';
import { globalAddress, link } from '../support/kernel-model.ts';

const TUNNEL = { type: 'vxlan', name: 'vx-bridge', addr: '220.1.0.1/8', mac: mac(1), bindDev: 'eth0', id: 54, port: 4876 } as const;
const TUNNEL6 = { ...TUNNEL, name: 'vx-bridge-6', addr: 'fd22::1/64' };
const LINKS = [
  link('lo'),
  link('eth0', { addresses: [globalAddress('10.101.0.1/24')] }),
  link('cni0', { addresses: [globalAddress('10.1.0.1/24')] }),
];
const KEEP: Nat = { stage: 'keep', cidr: '10.1.0.0/24', dev: 'vx-bridge' };
const PLAN: NodePlan = {
  ...EMPTY,
  devices: [TUNNEL],
  routes: [{ cidr: '10.2.0.0/24', gw: '220.1.0.2', dev: 'vx-bridge' }],
  fdbs: [{ mac: mac(2), ip: '10.101.0.2', dev: 'vx-bridge' }],
  arps: [{ ip: '220.1.0.2', mac: mac(2), dev: 'vx-bridge' }],
  nat: [KEEP],
};
const of = (plan: NodePlan, links = LINKS, underlay: { ip?: string; ip6?: string } = { ip: '10.101.0.1' }) =>
  lower(plan, { links, underlay, hops: new Map() });

describe('what a plan means for the kernel', () => {
  it('a tunnel takes the MTU that the underlay leaves, by the family that carries it, and no more', () => {
    const mtu = (device: object, underlay?: { ip?: string; ip6?: string }, links?: typeof LINKS) =>
      of({ ...PLAN, devices: [{ ...TUNNEL, ...device }] }, links, underlay).desired.tunnels[0]?.mtu;
    expect(mtu({})).to.equal(1450);
    expect(mtu({ ...TUNNEL6 }, { ip6: 'fd00::1' })).to.equal(1430);
    expect(mtu({}, undefined, [link('eth0', { mtu: 9000 })])).to.equal(8950);
    expect(mtu({ mtu: 1400 })).to.equal(1400);
    const { desired, problems } = of({ ...PLAN, devices: [{ ...TUNNEL, mtu: 1500 }] });
    expect([desired.tunnels[0]?.mtu, problems[0]?.message]).to.deep.equal([1450, 'MTU 1500 does not fit eth0 with MTU 1500; 1450 is used']);
  });

  it("a tunnel starts from the node's address as the kernel writes it, whatever way the ClusterNode does: else it would be set again and again", () => {
    const { desired } = of({ ...PLAN, devices: [TUNNEL6] }, LINKS, { ip6: 'FD00:0:0::1' });
    expect(desired.tunnels[0]?.local).to.equal('fd00::1');
  });

  it('does not depend on the ends of pods, but on all that it is made of', () => {
    const on = (links: typeof LINKS, ip = '10.101.0.1') => JSON.stringify(footing(PLAN, { links, underlay: { ip } }));
    const pod = (name: string) => link(name, { kind: 'veth', addresses: [globalAddress('10.1.0.1/32')] });
    const [lo, eth0, cni0] = LINKS as [(typeof LINKS)[0], (typeof LINKS)[0], (typeof LINKS)[0]];
    const now = on(LINKS);
    expect(on([...LINKS, pod('veth1'), pod('veth2')])).to.equal(now);
    for (const [what, other] of Object.entries({
      mtu: on([lo, { ...eth0, mtu: 1400 }, cni0]),
      name: on([lo, { ...eth0, name: 'ens3' }, cni0]),
      source: on([lo, eth0]),
      tunnel: on([...LINKS, link('vx-bridge', { kind: 'vxlan' })]),
      address: on(LINKS, '10.101.0.9'),
    }))
      expect(other, what).not.to.equal(now);
  });

  const IMPOSSIBLE: Readonly<Record<string, readonly [plan: NodePlan, links: typeof LINKS, ip: object, message: RegExp]>> = {
    'the underlay interface is missing': [PLAN, [link('lo')], { ip: '10.101.0.1' }, /'eth0' is not there; this node has lo$/],
    'the node has no underlay address': [PLAN, LINKS, {}, /the ClusterNode has no ip,/],
    "another's link has the name": [
      PLAN,
      [...LINKS, link('vx-bridge', { kind: 'dummy' })],
      { ip: '10.101.0.1' },
      /of kind 'dummy'; rename or delete it/,
    ],
    'the name is not one of the agent': [
      { ...PLAN, devices: [{ ...TUNNEL, name: 'eth1' }] },
      LINKS,
      { ip: '10.101.0.1' },
      /the agent makes vx-bridge, /,
    ],
  };
  for (const [name, [plan, links, underlay, message]] of Object.entries(IMPOSSIBLE)) {
    it(`no tunnel, nothing that needs it, and why, when ${name}`, () => {
      const { desired, problems } = of(plan, links, underlay);
      expect(problems.map((p) => p.message).join()).to.match(message);
      expect(desired).to.deep.equal({
        tunnels: [],
        rules: [],
        fdb: [],
        neighbours: [],
        nexthops: [],
        routes: [],
        table: undefined,
        sysctls: [],
      });
    });
  }

  it('a tunnel that cannot be had takes nothing from another one', () => {
    const { desired, problems } = of({ ...PLAN, devices: [TUNNEL, TUNNEL6] });
    expect(problems.map((p) => p.item)).to.deep.equal(['vx-bridge-6']);
    expect(desired.tunnels.map((t) => t.name)).to.deep.equal(['vx-bridge']);
    expect(desired.rules.map((r) => r.family)).to.deep.equal([4]);
    expect(desired.routes).to.have.length(1);
  });

  it("the host's own packets have its pod bridge's address as source, where there is one", () => {
    const src = (links: typeof LINKS, nat: readonly Nat[] = [KEEP]) => of({ ...PLAN, nat }, links).desired.routes[0]?.src;
    expect(src(LINKS)).to.equal('10.1.0.1');
    expect(src(LINKS, [{ stage: 'translate', real: '10.1.0.0/24', seen: '100.64.0.0/24', dev: 'vx-bridge' }])).to.equal('10.1.0.1');
    expect(src(LINKS, [])).to.equal(undefined);
    expect(src([LINKS[1]!])).to.equal(undefined);
    const tentative = link('cni0', { addresses: [{ ...globalAddress('10.1.0.1/24'), tentative: true }] });
    expect(src([LINKS[1]!, tentative])).to.equal(undefined);
    const own = link('vx-bridge', { kind: 'vxlan', addresses: [globalAddress('10.1.0.9/24')] });
    expect(src([LINKS[1]!, own])).to.equal(undefined);
  });

  it("only what is not the agent's own among sysctls is put back", () => {
    const text = (devices: NodePlan['devices'], underlay: object) =>
      of({ ...PLAN, devices }, LINKS, underlay).desired.sysctls.map((s) => `${s.key.family} ${s.key.conf ?? ''} ${s.key.name}=${s.value} ${s.restore}`);
    expect(text([TUNNEL], { ip: '10.101.0.1' })).to.deep.equal([
      'ipv4  ip_forward=1 true', 'ipv4 eth0 rp_filter=2 true', 'ipv4 vx-bridge rp_filter=2 false',
      'ipv4 vx-bridge promote_secondaries=1 false',
    ]);
    expect(text([TUNNEL6], { ip6: 'fd00::1' })).to.deep.equal([
      'ipv6 eth0 accept_ra=2 true', 'ipv6 all forwarding=1 true', 'ipv6 vx-bridge-6 disable_ipv6=0 false',
    ]);
  }); // prettier-ignore
});
