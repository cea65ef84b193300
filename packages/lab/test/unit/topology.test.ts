import { expect } from 'chai';
import { assert, bigInt, constantFrom, integer, property } from 'fast-check';
import { KosmosErrors } from '@kosmos/kernel';
import { contains, format, hostOf, parseCidr, subnetOf, toNumber } from '../../src/cidr.ts';
import { defaultsFrom, routesFrom } from '../../src/routes.ts';
import { cutsText } from '../../src/supervisor/cuts.ts';
import { nextNode, type NodeTopology } from '../../src/topology.ts';
import { plainTopology, topologyOf } from '../../src/topology-file.ts';

const problems = (input: unknown): string[] => {
  try {
    topologyOf(input as never, 'lab.yaml');
  } catch (error) {
    expect(error).to.be.instanceOf(KosmosErrors);
    return (error as KosmosErrors).errors.map((e) => `${e.where} ${e.message}`);
  }
  return [];
};
const brief = ({ name, address, podCIDR }: NodeTopology) => ({ name, address, podCIDR });

describe('a topology', () => {
  it('gives every cluster and node a name, a network and an address of its own', () => {
    const { clusters, underlays } = plainTopology(2, 2);
    expect(clusters.map((c) => [c.name, c.podCIDR, c.address])).to.deep.equal([
      ['c1', '10.1.0.0/16', '10.101.0.2'],
      ['c2', '10.2.0.0/16', '10.102.0.2'],
    ]);
    expect(underlays.map((u) => u.cidrs)).to.deep.equal([['10.101.0.0/24'], ['10.102.0.0/24']]);
    expect(clusters[1]?.nodes.map(brief)).to.deep.equal([
      { name: 'n1', address: '10.102.0.11', podCIDR: '10.2.1.0/24' },
      { name: 'n2', address: '10.102.0.12', podCIDR: '10.2.2.0/24' },
    ]);
  });

  it('puts clusters of one underlay side by side on it', () => {
    const { clusters, underlays } = topologyOf({ clusters: [{ nodes: 1 }, { nodes: 1, underlay: '10.101.0.0/24' }] });
    expect(underlays).to.have.length(1);
    expect(clusters.map((c) => [c.address, c.nodes[0]?.address])).to.deep.equal([
      ['10.101.0.2', '10.101.0.11'],
      ['10.101.0.3', '10.101.0.12'],
    ]);
  });

  it('gives a new node the lowest free number', () => {
    const topology = plainTopology(1, 3);
    const left = { ...topology, clusters: topology.clusters.map((c) => ({ ...c, nodes: c.nodes.filter((n) => n.name !== 'n2') })) };
    expect(brief(nextNode(left, 'c1') as NodeTopology)).to.deep.equal({ name: 'n2', address: '10.101.0.12', podCIDR: '10.1.2.0/24' });
  });

  it('of two families gives everything an address of each, the primary first', () => {
    const { clusters, underlays } = topologyOf({
      clusters: [
        { families: 'dual', nodes: 1 },
        { podCIDR: 'fd10:2::/48,10.2.0.0/16', nodes: 1 },
      ],
    });
    expect(underlays[0]?.cidrs).to.deep.equal(['10.101.0.0/24', 'fd00:101::/64']);
    expect(clusters[0]?.addresses).to.deep.equal(['10.101.0.2', 'fd00:101::2']);
    expect(clusters[0]?.nodes[0]?.podCIDRs).to.deep.equal(['10.1.1.0/24', 'fd10:1:0:1::/64']);
    expect(clusters[0]?.serviceCIDRs).to.deep.equal(['10.201.0.0/16', 'fd20:1::/112']);
    expect(clusters[1]?.families).to.deep.equal(['IPv6', 'IPv4']);
    expect(clusters[1]?.nodes[0]?.addresses).to.deep.equal(['fd00:102::b', '10.102.0.11']);
    expect(topologyOf({ clusters: [{ families: 'ipv6' }] }).clusters[0]?.address).to.equal('fd00:101::2');
  });

  it('attaches nodes to more underlays, beside the one of their cluster', () => {
    const { clusters } = topologyOf({
      underlays: [
        { name: 'lan', cidr: '192.168.0.0/24' },
        { name: 'wan', cidr: '203.0.113.0/24', mtu: 1400 },
      ],
      clusters: [{ underlay: 'lan', nodes: [{ name: 'gw', underlays: ['wan'] }, {}] }],
    });
    expect(clusters[0]?.nodes.map((n) => [n.name, n.address, ...n.links.map((l) => l.addresses.join())])).to.deep.equal([
      ['gw', '192.168.0.11', '192.168.0.11', '203.0.113.11'],
      ['n2', '192.168.0.12', '192.168.0.12'],
    ]);
  });

  it('reports everything that is wrong at once, with its path and what is allowed', () => {
    const found = problems({ clusters: [{ name: 'Bad_Name', podCIDR: '10.1.0.1/16', node: 2 }, { nodes: -1 }] });
    expect(found).to.have.length(4);
    expect(found.join('\n'))
      .to.include('lab.yaml clusters.0.name: a name is')
      .and.include('clusters.0.podCIDR: expected an IPv4 network')
      .and.include('"node"')
      .and.include('clusters.1.nodes');
  });

  it('refuses names that are there twice, and more nodes than fit', () => {
    expect(problems({ clusters: [{ name: 'a' }, { name: 'a' }] }).join()).to.include("'a' is there twice");
    expect(problems({ clusters: [{ nodes: [{ name: 'x' }, { name: 'x' }] }] }).join()).to.include("clusters.0.nodes.1: 'x' is there twice");
    expect(problems({ clusters: [{ podCIDR: '10.1.0.0/22', nodes: 4 }] }).join()).to.include('do not fit');
  });

  it('refuses references to what is not there, and networks of other families', () => {
    const clusters = [{ nodes: 1 }];
    expect(problems({ clusters: [{ underlay: 'lan' }] }).join()).to.include("clusters.0.underlay: there is no underlay 'lan'");
    expect(problems({ clusters, routers: [{ name: 'r', underlays: ['u1', 'x'] }] }).join()).to.include(
      "routers.0.underlays: there is no underlay 'x'; there are: u1",
    );
    expect(problems({ clusters, routers: [{ name: 'r', underlays: ['u1', 'u1'], allow: ['c1/n9'] }] }).join()).to.include(
      "there is no node 'c1/n9'; there are: c1/n1",
    );
    expect(problems({ clusters: [{ families: 'dual', podCIDR: '10.1.0.0/16' }] }).join()).to.include(
      'clusters.0.podCIDR: 10.1.0.0/16 does not have one network for each family',
    );
    expect(problems({ clusters: [{ families: 'dual', underlay: '10.1.0.0/24' }] }).join()).to.include('clusters.0.underlay');
    expect(problems({ clusters: [{ podCIDR: '10.1.0.0/16,10.2.0.0/16' }] }).join()).to.include('at most one network of each family');
  });
});

describe('routes between underlays', () => {
  const line = topologyOf({
    underlays: ['a', 'b', 'c'].map((name, i) => ({ name, cidr: `192.168.${i}.0/24` })),
    routers: [
      { name: 'r1', underlays: ['a', 'b'] },
      { name: 'r2', underlays: ['b', 'c'], masquerade: ['c'] },
    ],
    clusters: [
      { underlay: 'a', nodes: 1 },
      { underlay: 'c', nodes: 1 },
    ],
  });
  const linksOf = (cluster: number) => line.clusters[cluster]?.nodes[0]?.links ?? [];

  it('lead over as many routers as it takes, by the first one', () => {
    expect(routesFrom(line, linksOf(0))).to.deep.equal([
      { dst: '192.168.1.0/24', via: '192.168.0.1' },
      { dst: '192.168.2.0/24', via: '192.168.0.1' },
    ]);
    expect(routesFrom(line, line.routers[0]?.links ?? [])).to.deep.equal([{ dst: '192.168.2.0/24', via: '192.168.1.254' }]);
  });

  it('do not lead back to what a router hides', () => {
    expect(routesFrom(line, linksOf(1))).to.deep.equal([]);
    expect(defaultsFrom(line, linksOf(1))).to.deep.equal(['192.168.2.1']);
  });
});

describe('cuts', () => {
  const topology = plainTopology(2, 1);

  it('lose packets between two where they pass the ports of the first, beside each other or over routers', () => {
    const text = cutsText(topology, [
      { a: 'c1/n1', b: 'c1/cp', loss: 100 },
      { a: 'c1/n1', b: 'c2', loss: 20 },
    ]);
    expect(text)
      .to.include('iifname "c1.n1" oifname { "c1.cp" } drop')
      .and.include('iifname "c1.n1" ip daddr { 10.102.0.2, 10.102.0.11 } numgen random mod 100 < 20 drop')
      .and.include('oifname "c1.n1" ip saddr { 10.102.0.2, 10.102.0.11 } numgen');
  });

  it('take a host from an underlay, and name what there is when one is not there', () => {
    expect(cutsText(topology, [{ a: 'u1', b: 'c1/n1', loss: 100 }])).to.include('oifname { "c1.n1" } drop');
    expect(() => cutsText(topology, [{ a: 'c1/n9', b: 'c2', loss: 100 }]))
      .to.throw(/'c1\/n9'/)
      .with.property('hint')
      .that.includes('c1/n1');
  });
});

describe('addresses', () => {
  it('are read as they are written', () => {
    assert(
      property(
        constantFrom('IPv4' as const, 'IPv6' as const),
        bigInt(0n, 2n ** 128n - 1n),
        integer({ min: 0, max: 128 }),
        (family, bits, length) => {
          const [address, prefix, all] = family === 'IPv4' ? [bits >> 96n, length % 33, 32] : [bits, length, 128];
          const base = address - (address % 2n ** BigInt(all - prefix));
          expect(parseCidr(`${format(base, family)}/${prefix}`)).to.deep.equal({ family, base, prefix });
          expect(toNumber(format(address, family))).to.equal(address);
          expect(contains(`${format(base, family)}/${prefix}`, format(address, family))).to.equal(true);
        },
      ),
    );
  });

  it('with host bits, leading zeros or other text are no networks', () => {
    for (const text of [
      '10.0.0.1/8',
      '010.0.0.0/8',
      '10.0.0.0',
      '10.0.0.0/33',
      '256.0.0.0/8',
      '10.0.0.0/8 ',
      'x',
      'fd00::1/64',
      'FD00::/64',
      'fd00::%1/64',
      'fd00::/129',
    ])
      expect(parseCidr(text), text).to.equal(undefined);
    expect(hostOf('10.1.2.0/24', 11)).to.equal('10.1.2.11');
    expect(subnetOf('fd10:1::/48', 64, 300)).to.equal('fd10:1:0:12c::/64');
    expect(subnetOf('10.1.0.0/22', 24, 4)).to.equal(undefined);
  });
});
