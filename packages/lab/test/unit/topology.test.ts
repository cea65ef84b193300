import { expect } from 'chai';
import { assert, integer, nat, property } from 'fast-check';
import { KosmosErrors } from '@kosmos/kernel';
import { nextNode, plainTopology, topologyOf } from '../../src/topology.ts';
import { format, hostOf, parseCidr } from '../../src/cidr.ts';

const problems = (input: unknown): string[] => {
  try {
    topologyOf(input as never, 'lab.yaml');
  } catch (error) {
    expect(error).to.be.instanceOf(KosmosErrors);
    return (error as KosmosErrors).errors.map((e) => `${e.where} ${e.message}`);
  }
  return [];
};

describe('a topology', () => {
  it('gives every cluster and node a name, a network and an address of its own', () => {
    const { clusters } = plainTopology(2, 2);
    expect(clusters.map((c) => [c.name, c.podCIDR, c.underlay, c.address])).to.deep.equal([
      ['c1', '10.1.0.0/16', '10.101.0.0/24', '10.101.0.2'],
      ['c2', '10.2.0.0/16', '10.102.0.0/24', '10.102.0.2'],
    ]);
    expect(clusters[1]?.nodes).to.deep.equal([
      { name: 'n1', address: '10.102.0.11', podCIDR: '10.2.1.0/24' },
      { name: 'n2', address: '10.102.0.12', podCIDR: '10.2.2.0/24' },
    ]);
  });

  it('puts clusters of one underlay side by side on it', () => {
    const { clusters } = topologyOf({ clusters: [{ nodes: 1 }, { nodes: 1, underlay: '10.101.0.0/24' }] });
    expect(clusters.map((c) => [c.address, c.nodes[0]?.address])).to.deep.equal([
      ['10.101.0.2', '10.101.0.11'],
      ['10.101.0.3', '10.101.0.12'],
    ]);
  });

  it('gives a new node the lowest free number', () => {
    const topology = plainTopology(1, 3);
    const left = { clusters: topology.clusters.map((c) => ({ ...c, nodes: c.nodes.filter((n) => n.name !== 'n2') })) };
    expect(nextNode(left, 'c1')).to.deep.equal({ name: 'n2', address: '10.101.0.12', podCIDR: '10.1.2.0/24' });
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

  it('refuses two clusters of one name, and more nodes than fit', () => {
    expect(problems({ clusters: [{ name: 'a' }, { name: 'a' }] }).join()).to.include("'a' is there twice");
    expect(problems({ clusters: [{ podCIDR: '10.1.0.0/22', nodes: 4 }] }).join()).to.include('do not fit');
  });
});

describe('addresses', () => {
  it('are read as they are written', () => {
    assert(
      property(nat(0xffffffff), integer({ min: 0, max: 32 }), (address, prefix) => {
        const base = address - (address % 2 ** (32 - prefix));
        expect(parseCidr(`${format(base)}/${prefix}`)).to.deep.equal({ base, prefix });
      }),
    );
  });

  it('with host bits, leading zeros or other text are no networks', () => {
    for (const text of ['10.0.0.1/8', '010.0.0.0/8', '10.0.0.0', '10.0.0.0/33', '256.0.0.0/8', '10.0.0.0/8 ', 'x'])
      expect(parseCidr(text), text).to.equal(undefined);
    expect(hostOf('10.1.2.0/24', 11)).to.equal('10.1.2.11');
  });
});
