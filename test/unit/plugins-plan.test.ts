/** What gateways, global networks and a second family make of plans; the golden fleets and random ones are elsewhere. */
import type { Cluster, ClusterNode } from '@kosmos/api';
import { dualstack } from '@kosmos/plugin-dualstack';
import { gateway } from '@kosmos/plugin-gateway';
import { globalip } from '@kosmos/plugin-globalip';
import type { NetworkHooks } from '@kosmos/plugin-network-vxlan/contracts';
import { expect } from 'chai';
import { filled, hooksOf, type Planner } from '../support/planner.ts';

type Link = NonNullable<NonNullable<Cluster['spec']>['clusterLinkOptions']>;
const cluster = (
  n: number,
  link: Link = {},
  pods: readonly string[] = [`10.${n}.0.0/16`],
  services: readonly string[] = [`10.${200 + n}.0.0/16`],
): Cluster => ({
  metadata: { name: `c${n}`, uid: '', resourceVersion: '', creationTimestamp: `2026-01-0${n}T00:00:00Z` },
  spec: { clusterLinkOptions: { ipFamily: 'ipv4', networkType: 'gateway', ...link } },
  status: { clusterLinkStatus: { podCIDRs: pods, serviceCIDRs: services } },
});
const node = (c: number, n: number, more: NonNullable<ClusterNode['spec']> = {}): ClusterNode => ({
  metadata: { name: `c${c}-n${n}`, uid: '', resourceVersion: '' },
  spec: {
    clusterName: `c${c}`,
    nodeName: `n${n}`,
    interfaceName: 'eth0',
    ip: `172.16.${c}.${n}`,
    podCIDRs: [`10.${c}.${n}.0/24`],
    roles: n <= 2 ? ['gateway'] : [],
    ...more,
  },
});
const nodes = (c: number, more: NonNullable<ClusterNode['spec']> = {}) => [1, 2, 3].map((n) => node(c, n, more));
const routes = (plans: Planner, name: string) =>
  plans
    .planOf(name)!
    .routes.map(
      (r) => `${r.cidr} via ${[r.gw, ...(r.alternates ?? [])].join(' ')}${r.active ? ` (${r.active} at once)` : ''} dev ${r.dev}`,
    );
const found = (plans: Planner, name: string) =>
  plans
    .conditions()
    .filter((o) => o.name === name)
    .flatMap((o) => o.conditions.map((c) => `${c.type}/${c.reason}: ${c.message}`));

describe('gateways', () => {
  const with2 = () => hooksOf([gateway({ gateways: 2 })]);

  it('are all next hops at once, of inner nodes and of far gateways; a service has one', async () => {
    const plans = filled(await with2(), { clusters: [cluster(1), cluster(2)], nodes: [...nodes(1), ...nodes(2)] });
    expect(routes(plans, 'c1-n3')).to.deep.equal([
      '10.2.0.0/16 via 210.16.1.1 210.16.1.2 dev vx-local',
      '10.202.0.0/16 via 210.16.1.1 210.16.1.2 dev vx-local',
    ]);
    expect(routes(plans, 'c1-n1').filter((r) => r.includes('vx-bridge'))).to.deep.equal([
      '10.2.0.0/16 via 220.16.2.1 220.16.2.2 dev vx-bridge',
      '10.202.0.0/16 via 220.16.2.1 220.16.2.2 (1 at once) dev vx-bridge',
    ]);
    const takes = (name: string) => plans.planOf(name)!.nat.some((rule) => rule.stage === 'masquerade');
    expect([takes('c1-n1'), takes('c1-n2'), takes('c1-n3')]).to.deep.equal([true, true, false]);
  });

  it('hand over to each node of their cluster, to each other too, and never to themselves', async () => {
    const plans = filled(await with2(), { clusters: [cluster(1), cluster(2)], nodes: [...nodes(1), ...nodes(2)] });
    const delivery = (name: string) => routes(plans, name).filter((r) => r.includes('vx-local'));
    expect(delivery('c1-n1')).to.deep.equal(['10.1.2.0/24 via 210.16.1.2 dev vx-local', '10.1.3.0/24 via 210.16.1.3 dev vx-local']);
    expect(delivery('c1-n2')).to.deep.equal(['10.1.1.0/24 via 210.16.1.1 dev vx-local', '10.1.3.0/24 via 210.16.1.3 dev vx-local']);
    const own = plans.planOf('c1-n1')!.devices.map(({ mac }) => mac);
    expect(plans.planOf('c1-n1')!.arps.some(({ mac }) => own.includes(mac))).to.equal(false);
    expect(plans.planOf('c1-n1')!.fdbs.some(({ mac }) => own.includes(mac))).to.equal(false);
  });

  it('beyond the number are ready, and the only ones when the others go', async () => {
    const plans = filled(await hooksOf([gateway()]), { clusters: [cluster(1), cluster(2)], nodes: [...nodes(1), ...nodes(2)] });
    expect(plans.planOf('c1-n2')!.devices.map((d) => d.name)).to.deep.equal(['vx-bridge', 'vx-local']);
    expect(routes(plans, 'c2-n1')).to.include('10.1.0.0/16 via 220.16.1.1 220.16.1.2 (1 at once) dev vx-bridge');
    plans.removeNode('c1-n1');
    expect(routes(plans, 'c2-n1')).to.include('10.1.0.0/16 via 220.16.1.2 dev vx-bridge');
  });

  it('that are missing are told, and nothing leads into the cluster or out of it', async () => {
    const plans = filled(await with2(), { clusters: [cluster(1), cluster(2)], nodes: [...nodes(1, { roles: [] }), ...nodes(2)] });
    expect(found(plans, 'c1').join()).to.match(/^NotInNetwork\/NoGateway: no node of the cluster has the role 'gateway'/);
    expect([routes(plans, 'c1-n3'), routes(plans, 'c2-n3')]).to.deep.equal([[], []]);
  });

  it('keep no state of what passes through, but of their own pods, services and answers to what they masqueraded', async () => {
    const plans = filled(await with2(), { clusters: [cluster(1), cluster(2)], nodes: [...nodes(1), ...nodes(2)] });
    expect(plans.planOf('c1-n1')!.nat.filter((rule) => rule.stage === 'notrack')).to.deep.equal([
      { stage: 'notrack', cidrs: ['10.1.0.0/16'], except: ['10.1.1.0/24'], dev: 'vx-bridge' },
      { stage: 'notrack', except: ['10.1.0.0/16', '210.0.0.0/8', '220.0.0.0/8'], dev: 'vx-local' },
    ]);
  });

  it("announce the nodes' networks where those of all pods are not known", async () => {
    const plans = filled(await with2(), { clusters: [cluster(1, {}, []), cluster(2)], nodes: [...nodes(1), ...nodes(2)] });
    expect(routes(plans, 'c2-n3')).to.include('10.1.3.0/24 via 210.16.2.1 210.16.2.2 dev vx-local');
  });
});

describe('global networks', () => {
  const all = (): Promise<NetworkHooks> => hooksOf([gateway(), globalip({ pool: ['100.64.0.0/10'] }), dualstack()]);
  const equal = (n: number, map: Record<string, string>, link: Link = {}) =>
    cluster(n, { networkType: 'p2p', globalCIDRsMap: map, ...link }, ['10.50.0.0/16'], [`10.${200 + n}.0.0/16`]);
  const at = (c: number) => [1, 2, 3].map((n) => node(c, n, { podCIDRs: [`10.50.${n}.0/24`, `10.51.${n}.0/24`] }));
  const whole = (n: number) => ({ '10.50.0.0/16': `100.${64 + n}.0.0/16`, [`10.${200 + n}.0.0/16`]: `100.${96 + n}.0.0/16` });

  it("are at the same place: a node's part of a mapped network is its part of the global one", async () => {
    const plans = filled(await all(), { clusters: [equal(1, whole(1)), equal(2, whole(2))], nodes: [...at(1), ...at(2)] });
    expect(routes(plans, 'c1-n1').filter((r) => r.startsWith('100.'))).to.deep.equal([
      '100.66.1.0/24 via 220.16.2.1 dev vx-bridge',
      '100.66.2.0/24 via 220.16.2.2 dev vx-bridge',
      '100.66.3.0/24 via 220.16.2.3 dev vx-bridge',
      '100.98.0.0/16 via 220.16.2.1 220.16.2.2 (1 at once) dev vx-bridge',
    ]);
    expect([
      plans.seenAs('c2', '10.50.3.7'),
      plans.seenAs('c2', '10.202.0.9'),
      plans.seenAs('c2', '10.51.3.7'),
      plans.seenAs('c2', 'x'),
    ]).to.deep.equal(['100.66.3.7', '100.98.0.9', '10.51.3.7', 'x']);
  });

  it('of a part of a network leave the rest as it is', async () => {
    const one = cluster(1, { globalCIDRsMap: { '10.1.64.0/18': '100.64.0.0/18' } });
    const plans = filled(await all(), { clusters: [one, cluster(2)], nodes: [...nodes(1), ...nodes(2)] });
    const to = plans.planOf('c2-n1')!.routes.flatMap((r) => (r.dev === 'vx-bridge' ? [r.cidr] : []));
    expect(to).to.deep.equal(['10.1.0.0/18', '10.1.128.0/17', '10.201.0.0/16', '100.64.0.0/18']);
  });

  it('that take addresses of the cluster itself are not used, and told', async () => {
    for (const [seen, what] of [
      ['172.16.0.0/16', "address of node 'c1-n1' 172.16.1.1/32"],
      ['10.201.0.0/16', 'service CIDR 10.201.0.0/16'],
      ['220.5.0.0/16', 'bridge CIDR 220.0.0.0/8'],
    ] as const) {
      const plans = filled(await all(), {
        clusters: [equal(1, { '10.50.0.0/16': seen }), equal(2, whole(2))],
        nodes: [...at(1), ...at(2)],
      });
      expect(found(plans, 'c1').join())
        .to.include(`CIDRConflict/OverlapsOwnNetwork: `)
        .and.include(`global CIDR ${seen} of 10.50.0.0/16 overlaps its own ${what}: it is not mapped`);
      expect(plans.planOf('c1-n1')!.nat.some((rule) => rule.stage === 'translate')).to.equal(false);
    }
  });

  it("never take another cluster's network from those who reach it", async () => {
    const third = cluster(3, { networkType: 'p2p' }, ['100.65.0.0/16'], []);
    const fleet = {
      clusters: [
        equal(1, whole(1)),
        equal(2, whole(2)),
        { ...third, metadata: { ...third.metadata, creationTimestamp: '2025-01-01T00:00:00Z' } },
      ],
      nodes: [...at(1), ...at(2), node(3, 1, { podCIDRs: ['100.65.1.0/24'] })],
    };
    const plans = filled(await all(), fleet);
    expect(routes(plans, 'c2-n1')).to.include('100.65.1.0/24 via 220.16.3.1 dev vx-bridge');
    expect(found(plans, 'c1').join()).to.include('CIDRConflict/').and.include('its global CIDR 100.65.0.0/16 overlaps');
  });

  it('that are missing or malformed are told', async () => {
    const plans = filled(await all(), { clusters: [equal(1, { '10.50.0.0/16': '100.64.0.0/24' })], nodes: at(1) });
    expect(found(plans, 'c1').join())
      .to.include("Malformed/InvalidValue: spec.clusterLinkOptions.globalCIDRsMap['10.50.0.0/16']")
      .and.match(/CIDRConflict\/NoGlobalCIDR: .*10\.50\.0\.0\/16 has no global network/);
  });
});

describe('two families', () => {
  it('are what each cluster wants: clusters talk in what they share, a node lacks only what it has no address of', async () => {
    const both = (n: number, ipFamily: string) => cluster(n, { networkType: 'p2p', ipFamily }, [`10.${n}.0.0/16`, `fd10:${n}::/48`], []);
    const of = (c: number, n: number, more = {}) =>
      node(c, n, { podCIDRs: [`10.${c}.${n}.0/24`, `fd10:${c}:0:${n}::/64`], ip6: `fd00:${c}::${n}`, ...more });
    const plans = filled(await hooksOf([dualstack()]), {
      clusters: [both(1, 'all'), both(2, 'ipv6'), both(3, 'ipv4'), both(4, 'all')],
      nodes: [of(1, 1), of(2, 1), of(3, 1), of(4, 1), of(4, 2, { ip6: '' })],
    });
    expect(plans.planOf('c1-n1')!.devices.map((d) => [d.name, d.id, d.port, d.addr])).to.deep.equal([
      ['vx-bridge', 54, 4876, '220.16.1.1/8'],
      ['vx-bridge-6', 64, 4866, '9470:1::1/16'],
    ]);
    expect(plans.planOf('c1-n1')!.routes.map((r) => r.cidr)).to.deep.equal([
      '10.3.1.0/24',
      '10.4.1.0/24',
      '10.4.2.0/24',
      'fd10:2:0:1::/64',
      'fd10:4:0:1::/64',
    ]);
    expect(plans.planOf('c2-n1')!.routes.map((r) => r.cidr)).to.deep.equal(['fd10:1:0:1::/64', 'fd10:4:0:1::/64']);
    expect(plans.planOf('c3-n1')!.routes.map((r) => r.cidr)).to.deep.equal(['10.1.1.0/24', '10.4.1.0/24', '10.4.2.0/24']);
    expect(plans.planOf('c4-n2')!.devices.map((d) => d.name)).to.deep.equal(['vx-bridge']);
  });
});
