import { expect } from 'chai';
import { HostNetError, sysctlKey, sysctlPath } from '../../src/index.ts';
import * as values from '../../src/values.ts';

const TABLE: Readonly<Record<string, { of(value: string): string; good: readonly string[]; bad: readonly string[] }>> = {
  'a link': { of: values.linkName, good: ['eth0', 'vx-bridge-6', 'a', 'eth0.100', '0123456789abcde'], bad: ['', '-x', '.', '..', 'a b', '0123456789abcdef', 'a/b', 'é', 'eth0\n', 'a:b'] },
  'a namespace': { of: values.netnsName, good: ['a', 'kl-c1-n1', 'x'.repeat(200)], bad: ['', '-x', '../x', 'a/b', 'x'.repeat(201), 'a\n'] },
  'an nft name': { of: values.nftName, good: ['kosmos', 'outer-in', 'a_1'], bad: ['', 'Kosmos', '1a', 'a b', 'a;b', 'a{'] },
  'a MAC': { of: values.mac, good: ['02:00:00:00:00:01'], bad: ['', '02:00:00:00:00', '02:00:00:00:00:0G', '02-00-00-00-00-01', '02:00:00:00:00:0A', ' 02:00:00:00:00:01'] },
  'an address': { of: values.address, good: ['10.0.0.1', 'fd00::1', '::ffff:1.2.3.4'], bad: ['', '10.0.0', '010.0.0.1', '10.0.0.256', 'fe80::1%eth0', '10.0.0.1/24', 'g::1', '10.0.0.1\n'] },
  'a prefix': { of: values.prefix, good: ['10.0.0.0/8', '0.0.0.0/0', 'fd00::/128'], bad: ['', '10.0.0.0', '10.0.0.0/33', '10.0.0.0/08', '10.0.0.0/-1', '10.0.0.0/8/8', 'fd00::/129', 'fe80::%eth0/64', '/8', '10.0.0.0/8\n'] },
  'a comment': { of: values.comment, good: ['sysctl net/ipv4/ip_forward 0', 'a=b'], bad: ['', 'a"b', 'a\nb', 'a\\', 'x'.repeat(121), '#'] },
}; // prettier-ignore

describe('values', () => {
  for (const [what, { of, good, bad }] of Object.entries(TABLE)) {
    for (const value of good) it(`${JSON.stringify(value)} is ${what}`, () => expect(of(value)).to.equal(value));
    for (const value of [...bad, undefined as unknown as string, 7 as unknown as string]) {
      it(`${JSON.stringify(value)} is not ${what}, and the error says what is`, () => {
        expect(() => of(value))
          .to.throw(HostNetError, /^.* is no .*: ./)
          .with.property('code', 'HOSTNET_E_VALUE');
      });
    }
  }

  it('whole numbers keep to their bounds', () => {
    expect([1, 9].map((n) => values.whole('n', n, 1, 9))).to.deep.equal(['1', '9']);
    for (const n of [0, 10, 1.5, Number.NaN, Infinity, '5' as unknown as number]) {
      expect(() => values.whole('n', n, 1, 9), String(n)).to.throw(HostNetError, 'a whole number from 1 to 9');
    }
  });

  it('a sysctl is its path and back, with links that have dots in their names too', () => {
    for (const key of [
      { family: 'ipv4', name: 'ip_forward' },
      { family: 'ipv4', conf: 'eth0.100', name: 'rp_filter' },
      { family: 'ipv6', conf: 'all', name: 'forwarding' },
    ] as const) {
      expect(sysctlKey(sysctlPath(key))).to.deep.equal(key);
    }
    expect(sysctlPath({ family: 'ipv4', conf: 'eth0.100', name: 'rp_filter' })).to.equal('net/ipv4/conf/eth0.100/rp_filter');
  });

  it('a sysctl cannot lead out of its folder', () => {
    for (const key of [{ name: '../../x' }, { name: 'a/b' }, { name: 'rp_filter', conf: '..' }, { name: 'rp_filter', conf: 'a/../..' }]) {
      expect(() => sysctlPath({ family: 'ipv4', ...key }), JSON.stringify(key)).to.throw(HostNetError);
    }
    expect(() => sysctlPath({ family: '../ipv4' as 'ipv4', name: 'ip_forward' })).to.throw(HostNetError);
    expect(sysctlKey('kernel/hostname')).to.equal(undefined);
  });
});
