import { expect } from 'chai';
import fc from 'fast-check';
import { type Change, encode, HostNetError } from '../../src/index.ts';
import { changed, hostile, leaves } from '../support/hostile.ts';

const MAC = '02:00:00:00:00:01';
/** Each form of each change, with all that it can say, and its line. */
const LINES: readonly (readonly [Change, string])[] = [
  [{ op: 'addNetns', name: 'a' }, 'ip: netns add a'],
  [{ op: 'deleteNetns', name: 'a' }, 'ip: netns delete a'],
  [{ op: 'addLink', name: 'br0', kind: 'bridge' }, 'ip: link add name br0 type bridge'],
  [{ op: 'addLink', name: 'd0', kind: 'dummy', netns: 'a', mtu: 1400 }, 'ip: link add name d0 mtu 1400 netns a type dummy'],
  [{ op: 'addLink', name: 'v0', kind: 'veth', peer: { name: 'v1', netns: 'a' } }, 'ip: link add name v0 type veth peer name v1 netns a'],
  [
    { op: 'addLink', name: 'vx', kind: 'vxlan', id: 54, port: 4876, local: '10.0.0.1', dev: 'eth0', mac: MAC, mtu: 1450 },
    `ip: link add name vx address ${MAC} mtu 1450 type vxlan id 54 dstport 4876 local 10.0.0.1 dev eth0 nolearning`,
  ],
  [
    { op: 'setLink', name: 'vx', mtu: 1450, mac: MAC, master: 'br0', addrgenmode: 'none', state: 'up', netns: 'a' },
    `ip: link set dev vx mtu 1450 address ${MAC} master br0 addrgenmode none up netns a`,
  ],
  [{ op: 'setVxlanLocal', name: 'vx', local: 'fd00::1' }, 'ip: link set dev vx type vxlan local fd00::1'],
  [{ op: 'setHairpin', name: 'v0', on: true }, 'ip: link set dev v0 type bridge_slave hairpin on'],
  [{ op: 'deleteLink', name: 'vx' }, 'ip: link delete dev vx'],
  [{ op: 'replaceAddress', address: '10.0.0.1/8', dev: 'vx' }, 'ip: address replace 10.0.0.1/8 dev vx'],
  [{ op: 'replaceAddress', address: 'fd00::1/64', dev: 'vx' }, 'ip: address replace fd00::1/64 dev vx nodad'],
  [{ op: 'deleteAddress', address: 'fd00::1/64', dev: 'vx' }, 'ip: address delete fd00::1/64 dev vx'],
  [{ op: 'addRule', family: 4, priority: 200, table: 200, protocol: 84 }, 'ip: rule add priority 200 lookup 200 protocol 84'],
  [{ op: 'deleteRule', family: 6, priority: 200, table: 200 }, 'ip -6: rule delete priority 200 lookup 200'],
  [
    {
      op: 'replaceRoute',
      dst: '10.2.0.0/24',
      via: '10.0.0.2',
      dev: 'vx',
      onlink: true,
      src: '10.1.0.1',
      metric: 5,
      table: 200,
      protocol: 84,
    },
    'ip: route replace 10.2.0.0/24 via 10.0.0.2 dev vx onlink src 10.1.0.1 metric 5 table 200 protocol 84',
  ],
  [{ op: 'replaceRoute', dst: 'fd02::/64', nhid: 7 }, 'ip: route replace fd02::/64 nhid 7'],
  [{ op: 'replaceRoute', dst: 'default', via: '10.0.0.2' }, 'ip: route replace default via 10.0.0.2'],
  [{ op: 'deleteRoute', dst: '10.2.0.0/24', type: 'unreachable' }, 'ip: route delete unreachable 10.2.0.0/24'],
  [
    { op: 'replaceNexthop', id: 7, via: '10.0.0.2', dev: 'vx', onlink: true, protocol: 84 },
    'ip: nexthop replace id 7 via 10.0.0.2 dev vx onlink protocol 84',
  ],
  [{ op: 'replaceNexthop', id: 9, group: [7, 8] }, 'ip: nexthop replace id 9 group 7/8'],
  [{ op: 'deleteNexthop', id: 7 }, 'ip: nexthop delete id 7'],
  [{ op: 'replaceNeighbour', ip: '10.0.0.2', mac: MAC, dev: 'vx' }, `ip: neighbour replace 10.0.0.2 lladdr ${MAC} dev vx nud permanent`],
  [{ op: 'deleteNeighbour', ip: '10.0.0.2', mac: MAC, dev: 'vx' }, 'ip: neighbour delete 10.0.0.2 dev vx'],
  [{ op: 'replaceFdb', mac: MAC, dst: '10.101.0.2', dev: 'vx' }, `bridge: fdb replace ${MAC} dev vx dst 10.101.0.2 self permanent`],
  [{ op: 'appendFdb', mac: MAC, dst: '10.101.0.2', dev: 'vx' }, `bridge: fdb append ${MAC} dev vx dst 10.101.0.2 self permanent`],
  [{ op: 'deleteFdb', mac: MAC, dst: '10.101.0.2', dev: 'vx' }, `bridge: fdb delete ${MAC} dev vx dst 10.101.0.2 self`],
];
const SAMPLES = LINES.map(([change]) => change);

/** The line of a change, or undefined when it is refused as it should be. */
function lineOf(change: Change): string | undefined {
  try {
    return encode(change).text;
  } catch (error) {
    expect(error).to.be.instanceOf(HostNetError).with.property('code', 'HOSTNET_E_VALUE');
    return undefined;
  }
}

describe('encode', () => {
  for (const [change, line] of LINES) {
    it(`writes: ${line}`, () => {
      const { tool, text } = encode(change);
      expect(`${tool}: ${text}`).to.equal(line);
    });
  }

  it('has one plain line for whatever text stands in any field, or refuses it', () => {
    for (const sample of SAMPLES) {
      for (const path of leaves(sample, 'string').filter(([key]) => key !== 'op')) {
        const hold = fc.property(hostile, (text) => {
          const line = lineOf(changed(sample, path, text));
          if (line === undefined) return;
          expect(line).to.match(/^[A-Za-z0-9_.:/~ -]+$/);
          const words = line.split(' ');
          expect(words.filter((word) => word === '' || word.startsWith('-'))).to.deep.equal([]);
          // A MAC that a deletion doesn't need isn't there; nor is what is the default.
          if (text !== 'unicast' && !(path[0] === 'mac' && sample.op === 'deleteNeighbour')) expect(words).to.include(text);
        });
        fc.assert(hold, { numRuns: 200 });
      }
    }
  });

  it('has one plain line for whatever stands in a field for a number, or refuses it', () => {
    const field = fc.constantFrom(...SAMPLES.flatMap((sample) => leaves(sample, 'number').map((path) => ({ sample, path }))));
    const value = fc.oneof(fc.double(), fc.integer(), fc.constantFrom(-1, 0.5, Number.NaN, Infinity, 2 ** 32), hostile);
    fc.assert(
      fc.property(field, value, ({ sample, path }, n) => {
        if (path[0] === 'family') return; // picks the tool, and is not written
        const line = lineOf(changed(sample, path, n));
        if (line === undefined) return;
        expect(typeof n).to.equal('number');
        expect(line).to.match(/^[A-Za-z0-9_.:/~ -]+$/);
        expect(line.split(/[ /]/)).to.include(String(n));
      }),
      { numRuns: 3000 },
    );
  });
});
