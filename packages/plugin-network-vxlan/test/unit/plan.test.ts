import type { Cluster, ClusterNode } from '@kosmos/api';
import { tapHook } from '@kosmos/kernel/runtime';
import { expect } from 'chai';
import * as fc from 'fast-check';
import { type Announced, type ClassView, type Draft, type NetworkHooks, networkHooks, type NodeView } from '../../src/contracts.ts';
import { parseCidr } from '../../src/plan/address.ts';
import { createPlanner, type Planner } from '../../src/plan/planner.ts';
import { cluster, type Fleet, fleet, node, planner } from '../support/fleet.ts';

const bytes = (plans: Planner) => JSON.stringify([[...plans.all()], plans.conditions()]);
const routes = (plans: Planner, of: string) => plans.planOf(of)!.routes.map((r) => `${r.cidr} via ${r.gw}`);
const found = (plans: Planner, name: string) =>
  plans
    .conditions()
    .filter((o) => o.name === name)
    .flatMap((o) => o.conditions.map((c) => `${c.type}/${c.reason}: ${c.message}`));

/** Fleets full of trouble: few addresses, so that networks and overlay addresses collide. */
const name = fc.constantFrom('a', 'b', 'c', 'd');
const cidr = fc.constantFrom(
  '10.0.0.0/24',
  '10.0.1.0/24',
  '10.0.0.0/16',
  '10.1.0.0/24',
  '10.1.0.128/25',
  '172.16.0.0/12',
  '220.1.0.0/16',
  'x',
  'fd00::/64',
);
const anyCluster = fc
  .record({
    name,
    pods: fc.array(cidr, { maxLength: 2 }),
    services: fc.array(cidr, { maxLength: 1 }),
    created: fc.constantFrom('2025-01-01T00:00:00Z', '2026-01-01T00:00:00Z', undefined),
    link: fc.constantFrom(
      {},
      {},
      {},
      { enable: false },
      { networkType: 'gateway' as const },
      { ipFamily: 'ipv6' },
      { bridgeCIDRs: { ip: '221.0.0.0/16' } },
      null,
    ),
  })
  .map(({ name, created, ...shape }) => cluster(name, { ...shape, ...(created && { created }) }));
const anyNode = fc
  .record({
    of: fc.constantFrom('a', 'b', 'c', 'gone'),
    name: fc.constantFrom('1', '2', '3'),
    ip: fc.constantFrom('172.18.0.1', '172.18.0.2', '173.18.0.1', '173.18.0.2', '10.0.1.9', '', 'x'),
    podCIDRs: fc.array(cidr, { maxLength: 2 }),
    roles: fc.constantFrom([], ['Gateway']),
  })
  .map(({ of, name, ...spec }) => node(of, name, spec));
type Edit = { readonly set: Cluster | ClusterNode } | { readonly removeCluster: string } | { readonly removeNode: string };
const edit: fc.Arbitrary<Edit> = fc.oneof(
  anyCluster.map((set) => ({ set })),
  anyNode.map((set) => ({ set })),
  anyNode.map((set) => ({ set })),
  name.map((removeCluster) => ({ removeCluster })),
  anyNode.map(({ metadata }) => ({ removeNode: metadata.name })),
);
const isNode = (object: Cluster | ClusterNode): object is ClusterNode => 'clusterName' in (object.spec ?? {});

function apply(plans: Planner, state: { clusters: Map<string, Cluster>; nodes: Map<string, ClusterNode> }, e: Edit): void {
  if ('removeCluster' in e) {
    plans.removeCluster(e.removeCluster);
    state.clusters.delete(e.removeCluster);
  } else if ('removeNode' in e) {
    plans.removeNode(e.removeNode);
    state.nodes.delete(e.removeNode);
  } else if (isNode(e.set)) {
    plans.setNode(e.set);
    state.nodes.set(e.set.metadata.name, e.set);
  } else {
    plans.setCluster(e.set);
    state.clusters.set(e.set.metadata.name, e.set);
  }
}

describe('the planner', () => {
  it('gives the same bytes after any edits as from scratch, and the same object where nothing changed', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(edit, fc.boolean()), { maxLength: 40 }), (edits) => {
        const plans = createPlanner(networkHooks());
        const state = { clusters: new Map<string, Cluster>(), nodes: new Map<string, ClusterNode>() };
        // Sound to begin with, so that edits meet routes.
        for (const [i, of] of ['a', 'b', 'c'].entries()) {
          apply(plans, state, { set: cluster(of) });
          for (const n of [1, 2])
            apply(plans, state, { set: node(of, `${n}`, { ip: `172.30.${i}.${n}`, podCIDRs: [`10.${30 + i}.${n}.0/24`] }) });
        }
        for (const [e, look] of edits) {
          const before = look ? new Map([...plans.all()].map((plan) => [plan.node, plan])) : new Map();
          apply(plans, state, e);
          if (!look) continue;
          for (const plan of plans.all()) {
            const old = before.get(plan.node);
            if (old && old !== plan) expect(plan, plan.node).to.not.deep.equal(old);
          }
        }
        const scratch = planner({ clusters: [...state.clusters.values()].reverse(), nodes: [...state.nodes.values()].reverse() });
        expect(bytes(plans)).to.equal(bytes(scratch));
      }),
      { numRuns: 300 },
    );
  }).timeout(30_000);

  it('gives the same bytes whatever the order of its input', () => {
    const given = fleet(4, 5);
    const expected = bytes(planner(given));
    fc.assert(
      fc.property(
        fc.shuffledSubarray([...given.clusters], { minLength: 4 }),
        fc.shuffledSubarray([...given.nodes], { minLength: 20 }),
        (clusters, nodes) => {
          expect(bytes(planner({ clusters, nodes }))).to.equal(expected);
        },
      ),
      { numRuns: 20 },
    );
  });

  it('gives the same bytes whatever the order of taps of announce', () => {
    const given = fleet(3, 2);
    const extra = (net: string) => (all: readonly Announced[]) => {
      const [first] = all;
      const seen = parseCidr(net)!;
      return first ? [...all, { ...first, real: seen }] : all;
    };
    const taps = [extra('100.64.0.0/24'), extra('100.65.0.0/24'), (all: readonly Announced[]) => all.filter((a) => a.kind === 'pod')];
    const planned = (order: readonly number[]) => {
      const hooks: NetworkHooks = networkHooks();
      for (const i of order) tapHook(hooks.announce, `plugin-${i}`, taps[i]!);
      return bytes(planner(given, hooks));
    };
    const expected = planned([0, 1, 2]);
    for (const order of [
      [0, 2, 1],
      [1, 0, 2],
      [1, 2, 0],
      [2, 0, 1],
      [2, 1, 0],
    ])
      expect(planned(order)).to.equal(expected);
  });

  it('gives the same object where nothing changed, also with ways that differ by class and routes inside the cluster', () => {
    const hooks = networkHooks();
    const cls = ({ name }: { name: string }) => (name.endsWith('n000') ? 'edge' : 'inner');
    tapHook(hooks.classOf, 'test', cls);
    tapHook(hooks.devices, 'test', (draft: Draft) => {
      for (const kind of ['bridge', 'local'] as const)
        draft.device({ ...draft.family[kind], net: draft.node.cluster.nets(draft.family)![kind] });
    });
    tapHook(hooks.nextHop, 'test', ({ cluster, cls: of, family }: ClassView, exits: readonly NodeView[]) => {
      if (exits[0]!.cluster === cluster) return { via: exits, dev: family.local.name };
      return of === 'edge' ? { via: exits, dev: family.bridge.name } : { via: [cluster.nodes[0]!], dev: family.local.name };
    });
    const given = fleet(3, 3);
    const plans = planner(given, hooks);
    const before = new Map([...plans.all()].map((plan) => [plan.node, plan]));
    expect(before.get('c00-n001')!.routes).to.deep.include({ cidr: '10.1.1.0/24', gw: '210.168.0.1', dev: 'vx-local' });
    // A role that means nothing lets the planner look at the cluster anew.
    for (const { metadata, spec } of given.nodes) plans.setNode({ metadata, spec: { ...spec, roles: [...(spec?.roles ?? []), 'other'] } });
    for (const plan of plans.all()) expect(plan, plan.node).to.equal(before.get(plan.node));
    plans.setNode(node('c00', 'n001', { ...given.nodes[1]!.spec, podCIDRs: ['10.0.77.0/24'] }));
    const changed = planner(
      { ...given, nodes: given.nodes.map((n, i) => (i === 1 ? node('c00', 'n001', { ...n.spec, podCIDRs: ['10.0.77.0/24'] }) : n)) },
      hooks,
    );
    expect(bytes(plans)).to.equal(bytes(changed));
  });

  it('lets nodes of one cluster share their routes', () => {
    const plans = planner(fleet(3, 3));
    expect(plans.planOf('c00-n000')!.routes).to.equal(plans.planOf('c00-n002')!.routes);
    expect(plans.planOf('c00-n000')!.routes).to.not.equal(plans.planOf('c01-n000')!.routes);
  });

  it('writes no flood entries, and peers only where a route needs them', () => {
    const plan = planner(fleet(2, 3)).planOf('c00-n000')!;
    expect(plan.fdbs.map((f) => f.ip)).to.deep.equal(['192.168.1.1', '192.168.1.2', '192.168.1.3']);
    expect(plan.arps.map((a) => a.ip)).to.deep.equal(['220.168.1.1', '220.168.1.2', '220.168.1.3']);
    expect(plan.fdbs.every((f) => f.mac.startsWith('02:'))).to.equal(true);
  });

  it('takes a node with only one of its families in, since IPv4 works without IPv6', () => {
    const both = { clusters: [cluster('a', { link: { ipFamily: 'all' } })], nodes: [node('a', '1', { ip: '172.18.0.1' })] };
    expect(planner(both).planOf('a-1')!.devices).to.have.length(1);
  });
});

describe('overlaps', () => {
  const two = (
    a: Parameters<typeof cluster>[1],
    b: Parameters<typeof cluster>[1],
    nets: readonly [string, string],
    third: Fleet = { clusters: [], nodes: [] },
  ) =>
    planner({
      clusters: [cluster('a', a), cluster('b', b), cluster('z', { pods: ['10.99.0.0/16'] }), ...third.clusters],
      nodes: [
        node('a', '1', { ip: '172.18.0.1', podCIDRs: [nets[0]] }),
        node('b', '1', { ip: '172.18.0.2', podCIDRs: [nets[1]] }),
        node('z', '1', { ip: '172.18.0.3', podCIDRs: ['10.99.1.0/24'] }),
        ...third.nodes,
      ],
    });

  it('leave an equal network to the older cluster and tell the other', () => {
    const plans = two({ created: '2026-01-01T00:00:00Z' }, { created: '2025-01-01T00:00:00Z' }, ['10.5.0.0/24', '10.5.0.0/24']);
    expect(routes(plans, 'z-1')).to.deep.equal(['10.5.0.0/24 via 220.18.0.2']);
    expect(found(plans, 'a').join())
      .to.contain('CIDRConflict/EqualCIDR')
      .and.to.contain("of cluster 'b', the older one, which keeps the route");
    expect(found(plans, 'b').join()).to.not.contain('EqualCIDR');
  });

  it('leave an equal network of clusters of one age to the first by name', () => {
    expect(routes(two({}, {}, ['10.5.0.0/24', '10.5.0.0/24']), 'z-1')).to.deep.equal(['10.5.0.0/24 via 220.18.0.1']);
  });

  it('give the longest prefix its part of a wider network and tell the wider one', () => {
    const plans = two({}, {}, ['10.5.0.0/16', '10.5.1.0/24']);
    expect(routes(plans, 'z-1')).to.deep.equal(['10.5.0.0/16 via 220.18.0.1', '10.5.1.0/24 via 220.18.0.2']);
    expect(found(plans, 'a').join()).to.contain('contains the pod CIDR 10.5.1.0/24');
  });

  it('with own networks make no route, and a condition', () => {
    const plans = two({ pods: ['10.5.0.0/16'] }, {}, ['10.5.0.0/24', '10.5.1.0/24']);
    expect(routes(plans, 'a-1')).to.deep.equal(['10.99.1.0/24 via 220.18.0.3']);
    expect(found(plans, 'a')).to.deep.equal([
      "CIDRConflict/OverlapsOwnNetwork: its pod CIDR 10.5.0.0/16 overlaps the pod CIDR 10.5.1.0/24 of node 'b-1' of cluster 'b': no route to that",
    ]);
  });

  it('with the overlay network make no route', () => {
    expect(routes(two({}, {}, ['10.5.0.0/24', '220.7.0.0/24']), 'a-1')).to.deep.equal(['10.99.1.0/24 via 220.18.0.3']);
  });

  it('with the addresses that tunnels run between make no route for anybody', () => {
    const plans = two({}, {}, ['10.5.0.0/24', '172.16.0.0/12']);
    for (const each of ['a-1', 'z-1']) expect(routes(plans, each).join()).to.not.contain('172.16.0.0/12');
    expect(found(plans, 'b').join()).to.contain('HoldsUnderlay');
  });
});

describe('nodes with one overlay address', () => {
  const given: Fleet = {
    clusters: [cluster('a'), cluster('b'), cluster('z')],
    nodes: [
      node('a', '1', { ip: '172.18.0.1', podCIDRs: ['10.1.0.0/24'] }),
      node('b', '1', { ip: '10.18.0.1', podCIDRs: ['10.2.0.0/24'] }),
      node('z', '1', { ip: '172.18.0.3', podCIDRs: ['10.3.0.0/24'] }),
    ],
  };

  it('leave it to that of the older cluster and tell the other', () => {
    const plans = planner(given);
    expect(routes(plans, 'z-1')).to.deep.equal(['10.1.0.0/24 via 220.18.0.1']);
    expect(plans.planOf('b-1')!.devices).to.deep.equal([]);
    expect(found(plans, 'b-1')[0]).to.match(
      /^OverlayAddressConflict\/SameAddress: address 220\.18\.0\.1 on vx-bridge belongs to ClusterNode 'a-1' too/,
    );
  });

  it('go on when the other one leaves', () => {
    const plans = planner(given);
    plans.planOf('z-1');
    plans.removeNode('a-1');
    expect(routes(plans, 'z-1')).to.deep.equal(['10.2.0.0/24 via 220.18.0.1']);
    expect(found(plans, 'b-1')).to.deep.equal([]);
  });
});

describe('malformed values', () => {
  it('are left out with a condition that names path, value and what is allowed', () => {
    const plans = planner({
      clusters: [cluster('a', { pods: ['10.0/8'], link: { ipFamily: 'ipv4' } }), cluster('b')],
      nodes: [
        node('a', '1', { ip: '172.18.0.1', podCIDRs: ['10.1.0.0/33', '10.1.0.0/24'] }),
        node('b', '1', { ip: '172.18.0.300' }),
        node('b', '2', { ip: '172.18.0.2' }),
      ],
    });
    expect(found(plans, 'a')).to.deep.equal([
      "Malformed/InvalidValue: status.clusterLinkStatus.podCIDRs[0]: '10.0/8' is not an IPv4 or IPv6 network such as 10.0.0.0/16; it is left out",
    ]);
    expect(found(plans, 'a-1')).to.deep.equal([
      "Malformed/InvalidValue: spec.podCIDRs[0]: '10.1.0.0/33' is not an IPv4 or IPv6 network such as 10.0.0.0/16; it is left out",
    ]);
    expect(found(plans, 'b-1')[0]).to.equal("Malformed/InvalidValue: spec.ip: '172.18.0.300' is not an IPv4 address such as 192.0.2.10");
    expect(routes(plans, 'b-2')).to.deep.equal(['10.1.0.0/24 via 220.18.0.1']);
  });
});
