import { expect } from 'chai';
import fc from 'fast-check';
import { HostNetError, type NftRule, type NftTable } from '../../src/index.ts';
import { deleteTable, replaceTable } from '../../src/nft.ts';
import { changed, hostile, leaves } from '../support/hostile.ts';

const RULES: readonly (readonly [NftRule, string])[] = [
  [{ when: [{ iif: ['eth0', 'vx-bridge'] }], action: 'drop' }, 'iifname { "eth0", "vx-bridge" } drop'],
  [{ when: [{ oif: ['eth0'] }, { tcpSyn: true }], action: 'clampMss' }, 'oifname { "eth0" } tcp flags syn tcp option maxseg size set rt mtu'],
  [
    { when: [{ saddr: '10.0.0.0/8' }, { daddr: 'fd00::/8', not: true }], action: 'masquerade' },
    'ip saddr 10.0.0.0/8 ip6 daddr != fd00::/8 masquerade',
  ],
  [
    { when: [{ iif: ['vx-local'] }, { daddrIn: ['fd00::/8'] }, { daddrIn: ['10.1.0.0/16', '10.3.0.0/24'], not: true }], action: 'notrack' },
    'iifname { "vx-local" } ip6 daddr { fd00::/8 } ip daddr != { 10.1.0.0/16, 10.3.0.0/24 } notrack',
  ],
  [{ when: [{ tcpSyn: true }], action: { clampMssTo: 1410 } }, 'tcp flags syn tcp option maxseg size set 1410'],
  [{ when: [{ saddr: '10.5.0.0/18' }], action: { rewriteSaddr: '100.65.0.0/18' } },
    'ip saddr 10.5.0.0/18 ip saddr set ip saddr & 0.0.63.255 | 100.65.0.0'],
  [{ when: [], action: { rewriteDaddr: 'fd20:1::/108' } }, 'ip6 daddr set ip6 daddr & 0:0:0:0:0:0:f:ffff | fd20:1::'],
  [{ when: [{ udpDport: [53, 4876] }], action: 'notrack' }, 'udp dport { 53, 4876 } notrack'],
  [{ when: [{ tcpDport: [80] }], action: { dnat: '10.0.0.9' } }, 'tcp dport { 80 } dnat ip to 10.0.0.9'],
  [
    { when: [{ dnatted: true }, { originalDaddr: '10.96.0.0/16' }], action: 'return', comment: 'a b' },
    'ct status dnat ct original ip daddr 10.96.0.0/16 return comment "a b"',
  ],
  [{ when: [], action: { snatPrefix: [['10.1.0.0/24', '100.64.0.0/24']] } }, 'snat ip prefix to ip saddr map { 10.1.0.0/24 : 100.64.0.0/24 }'],
  [{ when: [], action: { dnatPrefix: [['fd01::/64', 'fd02::/64']] } }, 'dnat ip6 prefix to ip6 daddr map { fd01::/64 : fd02::/64 }'],
]; // prettier-ignore

const TABLE: NftTable = {
  family: 'inet',
  name: 'kosmos',
  chains: [
    { name: 'post', hook: { type: 'nat', hook: 'postrouting', priority: 95, policy: 'accept' }, rules: RULES.map(([rule]) => rule) },
    { name: 'memory', rules: [] },
  ],
};
const shape = (text: string) => text.replace(/[^\n"{};#\\]/g, '');

describe('nft tables', () => {
  for (const [rule, text] of RULES) {
    it(`writes: ${text}`, () => {
      expect(replaceTable({ family: 'ip', name: 't', chains: [{ name: 'c', rules: [rule] }] })).to.equal(
        `table ip t\ndelete table ip t\ntable ip t {\nchain c {\n${text}\n}\n}\n`,
      );
    });
  }

  it('replaces and deletes in one transaction that holds where there is no table too', () => {
    expect(deleteTable(TABLE)).to.equal('table inet kosmos\ndelete table inet kosmos\n');
    expect(replaceTable(TABLE)).to.match(
      /^table inet kosmos\ndelete table inet kosmos\ntable inet kosmos \{\nchain post \{\ntype nat hook postrouting priority 95; policy accept;\n/,
    );
  });

  it('has the same lines, quotes and braces whatever text or number stands in any field, or refuses it', () => {
    const usual = shape(replaceTable(TABLE));
    const texts = leaves(TABLE, 'string').map((path) => ({ path, leaves: fc.oneof(hostile, fc.constantFrom('masquerade', 'clampMss')) }));
    const numbers = leaves(TABLE, 'number').map((path) => ({ path, leaves: fc.oneof(fc.double(), fc.integer(), hostile) }));
    for (const field of [...texts, ...numbers]) {
      const hold = fc.property<[unknown]>(field.leaves, (leaf) => {
        const { path } = field;
        let text: string;
        try {
          text = replaceTable(changed(TABLE, path, leaf));
        } catch (error) {
          expect(error).to.be.instanceOf(HostNetError).with.property('code', 'HOSTNET_E_VALUE');
          return;
        }
        expect(shape(text)).to.equal(usual);
        // A prefix that is rewritten stands there as address and mask.
        if (leaf !== 'clampMss') expect(text).to.include(String(leaf).replace(path.includes('action') ? /\/\d+$/ : '', ''));
      });
      fc.assert(hold, { numRuns: 400 });
    }
  });
});
