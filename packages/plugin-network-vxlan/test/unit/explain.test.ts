import type { Link } from '@kosmos/hostnet';
import { sysctlPath } from '@kosmos/hostnet';
import { expect } from 'chai';
import * as fc from 'fast-check';
import { lower } from '../../src/agent/desired.ts';
import { fingerprint } from '../../src/agent/memory.ts';
import { formatIp, parseCidr } from '../../src/plan/address.ts';
import { type Evidence, explain, type ExplainedNode, hopKey, hopsOf, unexplained, waysOf } from '../../src/explain/explain.ts';
import type { Observed, Reach } from '../../src/explain/observe.ts';
import type { Planner } from '../../src/plan/planner.ts';
import type { Pair } from '../../src/contracts.ts';
import { type Fleet, fleet, planner } from '../support/fleet.ts';
import { emptyModel, globalAddress, link, look, type Model, take } from '../support/kernel-model.ts';

type Changeable = { -readonly [K in keyof Evidence]: Evidence[K] } & {
  readonly kernels: Map<string, Model>;
  readonly observed: Map<string, Observed>;
  readonly reached: Map<string, Reach>;
};

const SYNCED = '2026-01-01T00:00:00Z';

/** A fleet whose nodes hold what is planned, as agents would have made it, and whose tunnels answer. */
function healthy(given: Fleet, plans: Planner = planner(given)): Changeable {
  const nodes = new Map<string, ExplainedNode>();
  const kernels = new Map<string, Model>();
  for (const { metadata, spec = {} } of given.nodes) {
    const plan = plans.planOf(metadata.name)!;
    const { ip, podCIDRs = [], clusterName: cluster = '', nodeName = '' } = spec;
    const report = { lastSyncTime: SYNCED, hash: fingerprint(plan) };
    nodes.set(metadata.name, { plan, cluster, nodeName, podCIDRs, ips: [ip!], underlay: { ip }, report });
    const model = emptyModel([link('eth0', { addresses: [globalAddress(`${ip}/24`)] })]);
    const { desired } = lower(plan, { links: model.links, underlay: { ip }, hops: new Map() });
    take(model, look(model, desired));
    kernels.set(metadata.name, model);
  }
  const evidence: Changeable = {
    nodes,
    kernels,
    conditions: plans.conditions(),
    seenAs: (cluster, ip) => plans.seenAs(cluster, ip),
    observed: new Map([...kernels].map(([name, model]) => [name, seen(model, nodes.get(name)!)])),
    reached: new Map(),
  };
  for (const pair of pairs(given)) {
    for (const hop of waysOf(pair, evidence).flatMap(hopsOf))
      evidence.reached.set(hopKey(hop), { underlay: true, tunnel: true, fullSize: true });
  }
  return evidence;
}

/** A look at a kernel. */
function seen(model: Model, { plan, underlay }: ExplainedNode): Observed {
  const { desired } = lower(plan, { links: model.links, underlay, hops: new Map() });
  return {
    links: model.links,
    entries: {
      rules: model.rules,
      routes: model.routes,
      nexthops: model.nexthops,
      neighbours: model.neighbours.map((n) => ({ ...n, permanent: true })),
      fdb: model.fdb.map((f) => ({ ...f, permanent: true })),
    },
    table: model.table ? { is: 'untouched', made: fingerprint(model.table) } : { is: 'missing' },
    sysctls: new Map(desired.sysctls.map(({ key, value }) => [sysctlPath(key), value])),
    blocked: [],
  };
}

const podOf = ({ spec }: Fleet['nodes'][number]) => {
  const cidr = parseCidr(spec!.podCIDRs![0]!)!;
  return formatIp(4, (cidr.first as number) + 7);
};

function pairs({ nodes }: Fleet): Pair[] {
  return nodes.flatMap((a) =>
    nodes
      .filter((b) => b.spec!.clusterName !== a.spec!.clusterName)
      .map((b): Pair => ({ from: a.metadata.name, source: podOf(a), to: b.metadata.name, target: podOf(b) })),
  );
}

/** The same pod, behind a service of its cluster. */
const serviceOf = (pair: Pair): Pair => ({ ...pair, service: `172.20.${pair.target.split('.')[1]}.9` });

const GIVEN = fleet(2, 2);
const PAIR: Pair = { from: 'c00-n000', source: '10.0.0.7', to: 'c01-n001', target: '10.1.1.7' };

describe('the explanation of lost packets', () => {
  /** What is said of PAIR where one thing of the kernel of a node is another than it was. */
  const after = (node: string, change: (model: Model) => void, more: (observed: Observed) => Observed = (o) => o) => {
    const evidence = healthy(GIVEN);
    change(evidence.kernels.get(node)!);
    evidence.observed.set(node, more(seen(evidence.kernels.get(node)!, evidence.nodes.get(node)!)));
    const found = explain(PAIR, evidence);
    return found && `${found.node}: ${found.message} (${found.reason})`;
  };
  const said = (what: string, node = 'c00-n000') => new RegExp(`^${node}: ${what}; agent last applied at ${SYNCED} \\(\\w+\\)$`);
  const editTunnel = (model: Model, edit: Partial<Link>) => {
    model.links = model.links.map((l) => (l.name === 'vx-bridge' ? { ...l, ...edit } : l));
  };

  it('is silent where every node holds what is planned', () => {
    expect(after('c00-n000', () => {})).to.equal(undefined);
  });

  for (const [what, change, message] of [
    ['a route', (m) => void (m.routes = m.routes.filter(({ dst }) => dst !== '10.1.1.0/24')), 'no route to 10.1.1.0/24 in table 200 \\(planned via 220.168.1.2 dev vx-bridge\\)'],
    ['a route, where a wider one of others is there', (m) => void (m.routes = m.routes.map((r) => (r.dst === '10.1.1.0/24' ? { ...r, dst: '10.0.0.0/8' } : r))), 'no route to 10.1.1.0/24 in table 200 \\(planned via 220.168.1.2 dev vx-bridge\\)'],
    ['the rule', (m) => void (m.rules = []), 'no rule leads IPv4 packets to table 200'],
    ['a neighbour', (m) => void (m.neighbours = m.neighbours.filter(({ ip }) => ip !== '220.168.1.2')), 'no neighbour 220.168.1.2 on vx-bridge \\(planned with 02:\\S+\\)'],
    ['a forwarding entry', (m) => void (m.fdb = m.fdb.filter(({ dst }) => dst !== '192.168.1.2')), 'no forwarding entry for 02:\\S+ on vx-bridge \\(planned to 192.168.1.2\\)'],
    ['the destination of a forwarding entry', (m) => void (m.fdb = m.fdb.map((f) => ({ ...f, dst: '192.168.9.9' }))), 'the forwarding entry for 02:\\S+ on vx-bridge leads to 192.168.9.9 instead of 192.168.1.2'],
    ['the MAC of a neighbour', (m) => void (m.neighbours = m.neighbours.map((n) => ({ ...n, mac: '02:00:00:00:00:01' }))), 'the neighbour 220.168.1.2 on vx-bridge has 02:00:00:00:00:01 instead of 02:\\S+'],
    ['the nft table', (m) => void (m.table = undefined), 'there is no nft table inet kosmos, so addresses are not kept or translated'],
    ['the tunnel', (m) => void (m.links = m.links.filter(({ name }) => name !== 'vx-bridge')), 'there is no device vx-bridge'],
    ['that the tunnel is up', (m) => editTunnel(m, { up: false }), 'vx-bridge is down'],
    ['its MAC', (m) => editTunnel(m, { mac: '02:00:00:00:00:01' }), 'vx-bridge has MAC address 02:00:00:00:00:01 instead of 02:\\S+'],
    ['its MTU', (m) => editTunnel(m, { mtu: 1300 }), 'vx-bridge has MTU 1300 instead of 1450'],
    ['its address', (m) => editTunnel(m, { addresses: [] }), 'vx-bridge has address none of the plan instead of 220.168.0.1/8'],
    ['a narrower route', (m) => void m.routes.push({ dst: '10.1.1.0/25', via: '192.0.2.1', dev: 'eth0', table: 200, protocol: 4 }), 'the route to 10.1.1.0/25 in table 200 leads via 192.0.2.1 dev eth0 \\(planned via 220.168.1.2 dev vx-bridge\\)'],
    ['the underlay', (m) => void (m.links = m.links.map((l) => (l.name === 'eth0' ? { ...l, up: false } : l))), 'the underlay interface eth0 is down'],
  ] as const satisfies readonly (readonly [string, (model: Model) => void, string])[]) {
    it(`names ${what}`, () => {
      expect(after('c00-n000', change)).to.match(said(message));
    });
  } // prettier-ignore

  it('names sysctls, of rp_filter the one that counts', () => {
    const sysctl = (path: string, value: number, all = 0) =>
      after('c01-n001', () => {}, (o) => ({ ...o, sysctls: new Map([...o.sysctls!, [path, value], ['net/ipv4/conf/all/rp_filter', all]]) })); // prettier-ignore
    expect(sysctl('net/ipv4/ip_forward', 0)).to.match(said('sysctl net.ipv4.ip_forward is 0 instead of 1', 'c01-n001'));
    expect(sysctl('net/ipv4/conf/vx-bridge/rp_filter', 1)).to.match(
      said('sysctl net.ipv4.conf.vx-bridge.rp_filter is 1 instead of 2', 'c01-n001'),
    );
    expect(sysctl('net/ipv4/conf/vx-bridge/rp_filter', 0, 1)).to.include('(RpFilter)');
    expect(sysctl('net/ipv4/conf/vx-bridge/rp_filter', 0)).to.equal(undefined);
    expect(sysctl('net/ipv4/conf/vx-bridge/rp_filter', 1, 2)).to.equal(undefined);
  });

  it('names rules that drop what is forwarded, and an nft table that is not as the agent left it', () => {
    const blocked = [{ item: "nft chain 'inet fw forward'", message: 'accept it' }];
    expect(after('c01-n001', () => {}, (o) => ({ ...o, blocked }))).to.match(said("nft chain 'inet fw forward' drops what the tunnels bring", 'c01-n001')); // prettier-ignore
    expect(after('c01-n001', () => {}, (o) => ({ ...o, table: { is: 'changed' } }))).to.match(said('the nft table inet kosmos is not as the agent left it', 'c01-n001')); // prettier-ignore
    expect(after('c01-n001', () => {}, (o) => ({ ...o, table: { is: 'untouched', made: 'x' } }))).to.include('(NatDiffers)'); // prettier-ignore
  });

  it('names what lies between nodes that hold what is planned: the underlay, UDP on it, and its size', () => {
    const between = (reach: Reach) => {
      const evidence = healthy(GIVEN);
      for (const [key] of evidence.reached) if (key.startsWith('c01-n001 c00-n000 ')) evidence.reached.set(key, reach);
      return explain(PAIR, evidence);
    };
    const path = 'from c01-n001 (192.168.1.2) to c00-n000 (192.168.0.1)';
    expect(between({ underlay: false, tunnel: false })).to.include({ reason: 'UnderlayBlocked', message: `nothing passes on the underlay ${path}` });
    expect(between({ underlay: true, tunnel: false })).to.deep.include({ reason: 'TunnelBlocked', fix: 'let firewalls on the way and on both nodes pass UDP 4876' });
    expect(between({ tunnel: true, fullSize: false })).to.include({ reason: 'MtuTooSmall', message: `packets of 1450 bytes get lost in the tunnel vx-bridge ${path}` });
    expect(between({})).to.equal(undefined);
    // No answer comes through a tunnel whose far end has lost the way back: that is what is wrong.
    const evidence = healthy(GIVEN);
    for (const [key] of evidence.reached) evidence.reached.set(key, { underlay: true, tunnel: false });
    const far = evidence.kernels.get('c01-n001')!;
    far.neighbours = [];
    evidence.observed.set('c01-n001', seen(far, evidence.nodes.get('c01-n001')!));
    expect(explain(PAIR, evidence)).to.include({ reason: 'NeighbourMissing', node: 'c01-n001' });
  }); // prettier-ignore

  it('names what the plans lack, with the condition that says why, and a pod that is outside of its networks', () => {
    const taken = { ...GIVEN.nodes[3]!, spec: { ...GIVEN.nodes[3]!.spec, podCIDRs: ['10.0.1.0/24'] } };
    const given = { ...GIVEN, nodes: [...GIVEN.nodes.slice(0, 3), taken] };
    const twice = explain({ ...PAIR, target: '10.0.1.7' }, healthy(given));
    expect(twice?.reason).to.equal('NotPlanned');
    expect(twice?.message).to.match(/^by the plans what is sent to 10.0.1.7 gets to c00-n001; Cluster c01 has CIDRConflict \(\w+\): /);
    const outside = explain({ ...PAIR, target: '10.9.9.9' }, healthy(GIVEN));
    expect(outside).to.include({ reason: 'PodOutsideCIDRs', node: 'c01-n001' });
    expect(outside?.message).to.equal("a pod there has 10.9.9.9, which is in none of the node's networks (10.1.1.0/24)");
  });

  it('follows what is sent to a service to the node that takes it in, and says of that what is wrong', () => {
    const evidence = healthy(GIVEN);
    const taking = evidence.kernels.get('c01-n000')!;
    taking.routes = taking.routes.filter(({ dst }) => dst !== '10.0.0.0/24');
    evidence.observed.set('c01-n000', seen(taking, evidence.nodes.get('c01-n000')!));
    expect(explain(PAIR, evidence)).to.equal(undefined);
    expect(explain(serviceOf(PAIR), evidence)).to.include({ reason: 'RouteMissing', node: 'c01-n000' });
  });

  it('says of an agent that it holds another plan, refuses, or has told nothing', () => {
    const message = (report: ExplainedNode['report'] | undefined) => {
      const evidence = healthy(GIVEN);
      evidence.kernels.get('c00-n000')!.rules = [];
      const { report: _, ...node } = evidence.nodes.get('c00-n000')!;
      (evidence.nodes as Map<string, ExplainedNode>).set('c00-n000', { ...node, ...(report && { report }) });
      evidence.observed.set('c00-n000', seen(evidence.kernels.get('c00-n000')!, node));
      return explain(PAIR, evidence)!;
    };
    expect(message(undefined).message).to.match(/; no agent has told of this node yet$/);
    expect(message({ lastSyncTime: SYNCED, hash: 'x' }).message).to.match(/; agent last applied at \S+Z \(another plan\)$/);
    const conditions = [{ type: 'Applied', status: 'False' as const, reason: 'Refused', message: 'rule: no' }];
    const refused = message({ lastSyncTime: SYNCED, hash: 'x', conditions });
    expect([refused.message.endsWith('; it says Refused: rule: no'), refused.fix]).to.deep.equal([true, 'do what the agent says']);
  });

  it('says where it cannot look, and where nothing that it knows of is wrong', () => {
    expect(unexplained(PAIR, { ...healthy(GIVEN), observed: new Map() })).to.include({
      reason: 'NotObserved',
      node: 'c00-n000',
      message: 'what c00-n000 and c01-n001 hold could not be read',
    });
    expect(unexplained(PAIR, healthy(GIVEN)).message).to.include('every node on the way from c00-n000 to c01-n001 holds what is planned');
  });

  it('is silent for every pair of any healthy fleet, and names node and item whatever single thing of a pair is taken away', () => {
    const shape = fc.tuple(fc.integer({ min: 2, max: 4 }), fc.integer({ min: 1, max: 3 }));
    fc.assert(
      fc.property(shape, fc.nat(), fc.nat(), fc.boolean(), ([clusters, nodes], which, thing, far) => {
        const given = fleet(clusters, nodes);
        const evidence = healthy(given);
        const all = pairs(given);
        for (const pair of all.flatMap((of) => [of, serviceOf(of)]))
          expect(explain(pair, evidence), JSON.stringify(pair)).to.equal(undefined);
        const pair = all[which % all.length]!;
        const [at, other] = far ? [pair.to, pair.from] : [pair.from, pair.to];
        const model = evidence.kernels.get(at)!;
        const peer = evidence.nodes.get(other)!;
        const removals: readonly (readonly [string, () => void])[] = [
          ['RouteMissing', () => (model.routes = model.routes.filter(({ dst }) => dst !== peer.podCIDRs[0]))],
          ['NeighbourMissing', () => (model.neighbours = model.neighbours.filter(({ mac }) => mac !== peer.plan.devices[0]!.mac))],
          ['FdbMissing', () => (model.fdb = model.fdb.filter(({ mac }) => mac !== peer.plan.devices[0]!.mac))],
          ['RuleMissing', () => (model.rules = [])],
          ['NatMissing', () => (model.table = undefined)],
          ['TunnelMissing', () => (model.links = model.links.filter(({ name }) => name === 'eth0'))],
        ];
        const [reason, remove] = removals[thing % removals.length]!;
        remove();
        evidence.observed.set(at, seen(model, evidence.nodes.get(at)!));
        expect(explain(pair, evidence)).to.include({ reason, node: at });
      }),
      { numRuns: 40 },
    );
  });
});
