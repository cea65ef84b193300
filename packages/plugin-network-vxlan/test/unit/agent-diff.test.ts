import type { Change } from '@kosmos/hostnet';
import { expect } from 'chai';
import fc from 'fast-check';
import { NEXTHOP_BASE, NEXTHOP_COUNT, OWN_DEVICES, PROTOCOL, TABLE } from '../../src/agent/constants.ts';
import { type Desired, lower } from '../../src/agent/desired.ts';
import { observedOf, type Steps } from '../../src/agent/diff.ts';
import { knownHops } from '../../src/agent/nexthop-ids.ts';
import { shortcut } from '../../src/agent/shortcut.ts';
import type { NodePlan } from '../../src/plan/types.ts';
import { EMPTY, mac, plans } from '../support/agent-plans.ts';
import { apply, down, emptyModel, link, look, type Model, take } from '../support/kernel-model.ts';

const UNDERLAY = { ip: '10.101.0.1', ip6: 'fd00::1' };
const MAX_LOOKS = 3;
const bare = () => emptyModel([link('eth0'), link('eth1', { mtu: 9000 })]);

function desiredOf(plan: NodePlan, m: Model): Desired {
  return lower(plan, { links: m.links, underlay: UNDERLAY, hops: knownHops(m.nexthops) }).desired;
}

const all = ({ prepare, peers, routes, remove, table }: Steps) => [
  ...prepare,
  ...peers.flat(),
  ...routes,
  ...remove,
  ...(table ? [table] : []),
];

/** As the agent does: looks until there is nothing to do. */
function hold(plan: NodePlan, m: Model): number {
  for (let looks = 1; looks <= MAX_LOOKS + 1; looks += 1) {
    const steps = look(m, desiredOf(plan, m));
    if (all(steps).length === 0) return looks - 1;
    take(m, steps);
  }
  return expect.fail(`still something to do after ${MAX_LOOKS} looks: ${JSON.stringify(all(look(m, desiredOf(plan, m))))}`);
}

const sorted = <T>(items: readonly T[]) => items.map((i) => JSON.stringify(i)).sort();
/** All that a plan is to lead to, without the order that it came in, and without ids. */
function content(m: Model) {
  const hop = (id: number | undefined): string | undefined => {
    const found = m.nexthops.find((n) => n.id === id);
    return found && ('via' in found ? `${found.dev} ${found.via}` : found.group.map(hop).join());
  };
  return {
    links: sorted(m.links.map((l) => [l.name, l.mac, l.mtu, l.up, l.vxlan && Object.entries(l.vxlan), l.addresses.map((a) => a.address)])),
    rules: sorted(m.rules.map((r) => [r.family, r.priority, r.table])),
    fdb: sorted(m.fdb.map((f) => [f.dev, f.mac, f.dst])),
    neighbours: sorted(m.neighbours.map((n) => [n.dev, n.ip, n.mac])),
    nexthops: sorted(m.nexthops.map((n) => hop(n.id))),
    routes: sorted(m.routes.map((r) => [r.dst, r.src, hop(r.nhid)])),
    table: m.table,
  };
}

/** What else may happen to the kernel's state; each picks one thing by `n`. */
const DRIFT: readonly ((m: Model, n: number) => void)[] = [
  (m, n) => void m.routes.splice(n % (m.routes.length + 1), 1),
  (m, n) => void m.neighbours.splice(n % (m.neighbours.length + 1), 1),
  (m, n) => void m.fdb.splice(n % (m.fdb.length + 1), 1),
  (m, n) => void m.rules.splice(n % (m.rules.length + 1), 1),
  (m, n) => {
    const hop = m.nexthops[n % (m.nexthops.length + 1)];
    if (hop) apply(m, { op: 'deleteNexthop', id: hop.id });
  },
  (m) => down(m, 'vx-bridge'),
  (m) => m.links.some((l) => l.name === 'vx-bridge') && apply(m, { op: 'deleteLink', name: 'vx-bridge' }),
  (m) => m.links.some((l) => l.name === 'vx-bridge') && apply(m, { op: 'setLink', name: 'vx-bridge', mac: mac(77), mtu: 1234 }),
  (m) => m.links.some((l) => l.name === 'vx-bridge') && apply(m, { op: 'replaceAddress', address: '220.7.7.7/8', dev: 'vx-bridge' }),
  (m, n) => void (m.neighbours = m.neighbours.map((x, i) => (i === n ? { ...x, mac: mac(88) } : x))),
  (m, n) => void (m.fdb = m.fdb.map((x, i) => (i === n ? { ...x, dst: `10.101.0.9${n}` } : x))),
  (m, n) => void (m.routes = m.routes.map((x, i) => (i === n ? { ...x, src: '10.9.9.9' } : x))),
  (m) => void (m.table = undefined),
  (m) =>
    m.links.some((l) => l.name === 'vx-bridge' && l.up) &&
    apply(m, { op: 'replaceNexthop', id: NEXTHOP_BASE + 3, via: '220.3.3.3', dev: 'vx-bridge', onlink: true, protocol: PROTOCOL }),
];

describe('what the agent writes', () => {
  it('is nothing where the kernel holds the plan', () => {
    fc.assert(
      fc.property(plans, (plan) => {
        const m = bare();
        hold(plan, m);
        expect(all(look(m, desiredOf(plan, m)))).to.deep.equal([]);
      }),
    );
  });

  it('leads from nothing to the plan in one look', () => {
    fc.assert(fc.property(plans, (plan) => hold(plan, bare()) <= 1));
  });

  it('leads from any plan to any other, as if there had been no other', () => {
    fc.assert(
      fc.property(plans, plans, (one, two) => {
        const [m, anew] = [bare(), bare()];
        hold(one, m);
        hold(two, m);
        hold(two, anew);
        expect(content(m)).to.deep.equal(content(anew));
      }),
    );
  });

  it('leads back to the plan after anything that others did', () => {
    fc.assert(
      fc.property(plans, fc.array(fc.tuple(fc.constantFrom(...DRIFT), fc.nat(9)), { minLength: 1, maxLength: 6 }), (plan, drifts) => {
        const [m, anew] = [bare(), bare()];
        hold(plan, m);
        for (const [drift, n] of drifts) drift(m, n);
        hold(plan, m);
        hold(plan, anew);
        expect(content(m)).to.deep.equal(content(anew));
      }),
      { numRuns: 300 },
    );
  });

  it('leaves nothing when there is nothing to have', () => {
    fc.assert(
      fc.property(plans, (plan) => {
        const m = bare();
        hold(plan, m);
        hold(EMPTY, m);
        expect(m).to.deep.equal(bare());
      }),
    );
  });

  it('is about its own things only', () => {
    const own = (change: Change): boolean => {
      if ('dst' in change && 'table' in change) return change.table === TABLE && change.protocol === PROTOCOL;
      if ('priority' in change) return change.table === TABLE && change.protocol === PROTOCOL;
      if ('id' in change && change.op !== 'addLink') return change.id >= NEXTHOP_BASE && change.id < NEXTHOP_BASE + NEXTHOP_COUNT;
      return OWN_DEVICES.has('name' in change ? change.name : 'dev' in change ? (change.dev ?? '') : '');
    };
    fc.assert(
      fc.property(plans, plans, (one, two) => {
        const m = bare();
        for (const plan of [one, two, EMPTY]) {
          const { prepare, peers, routes, remove } = look(m, desiredOf(plan, m));
          expect([...prepare, ...peers.flat(), ...routes, ...remove].filter((change) => !own(change))).to.deep.equal([]);
          hold(plan, m);
        }
      }),
    );
  });

  it("takes no notice of others' things, though they look alike", () => {
    const foreign = {
      links: [link('vx-bridge', { kind: 'dummy' }), link('vx-other', { kind: 'vxlan' }), link('flannel.1', { kind: 'vxlan' })],
      rules: [{ family: 4, priority: 200, table: 201 } as const, { family: 4, priority: 199, table: 200 } as const],
      routes: [{ dst: '10.0.0.0/8', table: 200, protocol: 3 }],
      neighbours: [{ ip: '10.0.0.1', mac: mac(1), dev: 'eth0', permanent: true }, { ip: '220.1.1.1', mac: mac(1), dev: 'vx-bridge', permanent: false }],
      nexthops: [{ id: NEXTHOP_BASE, via: '10.0.0.1', dev: 'eth0', protocol: 3 }, { id: 7, via: '10.0.0.1', dev: 'eth0', protocol: PROTOCOL }],
      fdb: [{ mac: mac(1), dst: '10.0.0.1', dev: 'flannel.1', permanent: true }],
    };
    expect(observedOf(foreign.links, foreign, 'none')).to.deep.equal({
      tunnels: [], rules: [], routes: [], neighbours: [], nexthops: [], fdb: [], table: 'none',
    });
  }); // prettier-ignore

  it("leaves a rule that another made where it is, since it does the agent's work", () => {
    const m = bare();
    m.rules = [{ family: 4, priority: 200, table: 200 }];
    hold({ ...EMPTY, devices: PLAN.devices }, m);
    expect(m.rules).to.deep.equal([{ family: 4, priority: 200, table: 200 }]);
    hold(EMPTY, m);
    expect(m.rules).to.deep.equal([{ family: 4, priority: 200, table: 200 }]);
  });

  it('puts all that a route needs before it, and takes it away after it', () => {
    const m = bare();
    const first = look(m, desiredOf(PLAN, m));
    expect([...[...first.prepare, ...first.peers.flat()].map((c) => c.op), typeof first.table, ...first.routes.map((c) => c.op)]).to.deep.equal([
      'addLink', 'setLink', 'replaceAddress', 'setLink', 'addRule', 'replaceNeighbour', 'replaceNexthop', 'replaceFdb', 'object', 'replaceRoute',
    ]);
    take(m, first);
    const less = look(m, desiredOf({ ...PLAN, routes: [], arps: [], fdbs: [] }, m));
    expect(less.remove.map((c) => c.op)).to.deep.equal(['deleteRoute', 'deleteNexthop', 'deleteNeighbour', 'deleteFdb']);
    const none = look(m, desiredOf(EMPTY, m));
    expect([[...none.prepare, ...none.peers.flat()], none.table, none.remove.map((c) => c.op)]).to.deep.equal([[], 'delete', ['deleteRoute', 'deleteLink', 'deleteRule']]);
  }); // prettier-ignore

  it('for little that changes is what changes, without a look, and a look afterwards finds only what it left behind', () => {
    const half = <T>(items: readonly T[], keep: readonly boolean[]) => items.filter((_, i) => keep[i % keep.length]);
    fc.assert(
      fc.property(plans, fc.array(fc.boolean(), { minLength: 1, maxLength: 5 }), fc.boolean(), (whole, keep, grow) => {
        const less = { ...whole, routes: half(whole.routes, keep) };
        const [from, to] = grow ? [less, whole] : [whole, less];
        const m = bare();
        hold(from, m);
        const { hops } = lower(from, { links: m.links, underlay: UNDERLAY, hops: knownHops(m.nexthops) });
        const changes = shortcut({ plan: from, underlay: UNDERLAY, links: m.links, hops }, to, UNDERLAY)!;
        for (const change of changes) apply(m, change);
        const { prepare, peers, routes, table } = look(m, desiredOf(to, m));
        expect([[...prepare, ...peers.flat()], routes, table]).to.deep.equal([[], [], undefined]);
        hold(to, m);
        const scratch = bare();
        hold(to, scratch);
        expect(content(m)).to.deep.equal(content(scratch));
      }),
      { numRuns: 300 },
    );
  });

  it('waits for a look where devices, translations or the underlay changed, or nearly everything', () => {
    const m = bare();
    hold(PLAN, m);
    const held = { plan: PLAN, underlay: UNDERLAY, links: m.links, hops: knownHops(m.nexthops) };
    expect(shortcut(held, { ...PLAN, routes: [] }, UNDERLAY)).to.deep.equal([
      { op: 'deleteRoute', dst: '10.2.0.0/24', table: TABLE, protocol: PROTOCOL },
    ]);
    expect(shortcut(held, { ...PLAN, nat: [] }, UNDERLAY)).to.equal(undefined);
    expect(shortcut(held, device(PLAN, { mtu: 1300 }), UNDERLAY)).to.equal(undefined);
    expect(shortcut(held, { ...PLAN, routes: [] }, { ip: '10.101.0.9' })).to.equal(undefined);
    const many = Array.from({ length: 501 }, (_, n) => ({ cidr: `11.${n >> 8}.${n & 255}.0/24`, gw: '220.9.0.2', dev: 'vx-bridge' }));
    expect(shortcut(held, { ...PLAN, routes: many }, UNDERLAY)).to.equal(undefined);
  });

  const CHANGES: Readonly<Record<string, readonly [edit: (plan: NodePlan) => NodePlan, writes: readonly string[]]>> = {
    'another MAC, with all that may hang on the old one': [(p) => device(p, { mac: mac(9) }), ['setLink', 'replaceNeighbour', 'replaceNexthop', 'replaceRoute']],
    'another MTU': [(p) => device(p, { mtu: 1300 }), ['setLink', 'table']],
    'another overlay address, the new one first': [(p) => device(p, { addr: '220.1.0.9/8' }), ['replaceAddress', 'deleteAddress']],
    'another port: the kernel refuses that in place': [
      (p) => device(p, { port: 4999 }),
      ['deleteLink', 'addLink', 'setLink', 'replaceAddress', 'setLink', 'replaceNeighbour', 'replaceNexthop', 'replaceFdb', 'table', 'replaceRoute'],
    ],
    'a peer at another host, in place': [(p) => ({ ...p, fdbs: [{ ...p.fdbs[0]!, ip: '10.101.0.7' }] }), ['replaceFdb']],
    'a route by another hop: never deleted first': [(p) => ({ ...p, routes: [{ ...p.routes[0]!, gw: '220.9.0.3' }] }), ['replaceNexthop', 'replaceRoute', 'deleteNexthop']],
    'other translations, in one transaction': [(p) => ({ ...p, nat: [] }), ['table']],
  }; // prettier-ignore
  for (const [name, [edit, writes]] of Object.entries(CHANGES)) {
    it(`writes for ${name}: ${writes.join(', ')}`, () => {
      const m = bare();
      hold(PLAN, m);
      const { prepare, peers, table, routes, remove } = look(m, desiredOf(edit(PLAN), m));
      const ops = (changes: readonly Change[]) => changes.map((c) => c.op);
      expect([...ops(prepare), ...ops(peers.flat()), ...(table ? ['table'] : []), ...ops(routes), ...ops(remove)]).to.deep.equal(writes);
    });
  }
});

const PLAN: NodePlan = {
  node: 'c0-n',
  devices: [{ type: 'vxlan', name: 'vx-bridge', addr: '220.1.0.1/8', mac: mac(1), bindDev: 'eth0', id: 54, port: 4876 }],
  routes: [{ cidr: '10.2.0.0/24', gw: '220.9.0.2', dev: 'vx-bridge' }],
  fdbs: [{ mac: mac(2), ip: '10.101.0.2', dev: 'vx-bridge' }],
  arps: [{ ip: '220.9.0.2', mac: mac(2), dev: 'vx-bridge' }],
  nat: [{ stage: 'keep', cidr: '10.1.0.0/24', dev: 'vx-bridge' }],
};
const device = (plan: NodePlan, more: Partial<NodePlan['devices'][number]>): NodePlan => ({
  ...plan,
  devices: [{ ...plan.devices[0]!, ...more }],
});
