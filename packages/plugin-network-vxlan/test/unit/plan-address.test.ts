import { expect } from 'chai';
import * as fc from 'fast-check';
import { Address4, Address6 } from 'ip-address';
import { contains, formatIp, overlaps, overlayAddress, parseCidr, parseIp } from '../../src/plan/address.ts';
import { intervals } from '../../src/plan/intervals.ts';

const v4 = fc.ipV4();
const v6 = fc.ipV6();
const cidr4 = fc.tuple(v4, fc.integer({ min: 0, max: 32 })).map(([ip, length]) => `${ip}/${length}`);
const cidr6 = fc.tuple(v6, fc.integer({ min: 0, max: 128 })).map(([ip, length]) => `${ip}/${length}`);

describe('addresses', () => {
  it('read and write what ip-address does', () => {
    fc.assert(
      fc.property(v4, (text) => {
        expect(parseIp(text)!.bits).to.equal(Number(new Address4(text).bigInt()));
      }),
    );
    fc.assert(
      fc.property(v6, (text) => {
        const ip = parseIp(text)!;
        expect(ip.bits).to.equal(new Address6(text).bigInt());
        expect(ip.text).to.equal(new Address6(text).correctForm());
        expect(parseIp(ip.text)!.bits).to.equal(ip.bits);
      }),
    );
  });

  it('give networks the first and last address that ip-address gives', () => {
    fc.assert(
      fc.property(fc.oneof(cidr4, cidr6), (text) => {
        const cidr = parseCidr(text)!;
        const other = cidr.family === 4 ? new Address4(text) : new Address6(text);
        expect([BigInt(cidr.first), BigInt(cidr.last)]).to.deep.equal([other.startAddress().bigInt(), other.endAddress().bigInt()]);
        expect(parseCidr(cidr.text)).to.deep.equal(cidr);
      }),
    );
  });

  it('drop host bits, as FormatNodeConfig of the original', () => {
    expect(parseCidr('10.237.6.0/18')!.text).to.equal('10.237.0.0/18');
    expect(parseCidr('2409:8c2f:3800:0011::0a18:0000/114')!.text).to.equal('2409:8c2f:3800:11::a18:0/114');
  });

  const overlapping = [
    ['10.233.0.0/16', '10.233.64.0/18', true],
    ['10.233.0.0/16', '10.233.1.0/23', true],
    ['10.222.0.0/16', '10.223.0.0/16', false],
    ['2409:7c85:6200::a0e:1722/16', '2409:7c85:6200::a0e:1702/12', true],
    ['192.168.0.0/24', '192.168.0.0/26', true],
    ['10.233.1.0/8', '10.233.0.0/24', true],
    ['192.168.1.0/25', '192.168.1.127/25', true],
    ['192.168.1.0/25', '192.168.1.128/25', false],
    ['2001:db8:1234:5678::/64', '2001:db8:1234:5679::/64', false],
    ['2001:db8:1234:5678::/64', '2001:db8:1234:5678:1::/80', true],
    ['0.0.0.0/0', '::/0', false],
  ] as const;
  for (const [a, b, expected] of overlapping) {
    it(`say that ${a} and ${b} ${expected ? 'overlap' : 'are apart'}`, () => {
      expect(overlaps(parseCidr(a)!, parseCidr(b)!)).to.equal(expected);
      expect(overlaps(parseCidr(b)!, parseCidr(a)!)).to.equal(expected);
      expect(intervals([parseCidr(a)!]).overlaps(parseCidr(b)!)).to.equal(expected);
    });
  }

  it('find an overlap with any of many networks, as asking each of them', () => {
    fc.assert(
      fc.property(fc.array(fc.oneof(cidr4, cidr6)), fc.oneof(cidr4, cidr6), (set, text) => {
        const [cidrs, cidr] = [set.map((t) => parseCidr(t)!), parseCidr(text)!];
        expect(intervals(cidrs).overlaps(cidr)).to.equal(cidrs.some((c) => overlaps(c, cidr)));
      }),
    );
  });

  it('make overlay addresses of network bits and underlay host bits', () => {
    const overlay = (net: string, ip: string) => overlayAddress(parseCidr(net)!, parseIp(ip)!).text;
    expect(overlay('210.0.0.0/8', '100.10.10.1')).to.equal('210.10.10.1');
    expect(overlay('9480::/16', '2409:7c85:6200::a0e:1702')).to.equal('9480:7c85:6200::a0e:1702');
    fc.assert(
      fc.property(cidr4, v4, (net, ip) => {
        expect(contains(parseCidr(net)!, parseIp(overlay(net, ip))!)).to.equal(true);
      }),
    );
    fc.assert(
      fc.property(cidr6, v6, (net, ip) => {
        expect(contains(parseCidr(net)!, parseIp(overlay(net, ip))!)).to.equal(true);
      }),
    );
  });

  for (const text of [
    '',
    '10.0.0',
    '10.0.0.256',
    '010.0.0.1',
    '10.0.0.1.',
    '1e1.0.0.1',
    ':::',
    '1::2::3',
    '12345::',
    'fe80::1%eth0',
    ':1',
    '1:2:3:4:5:6:7:8:9',
    '::1.2.3',
  ]) {
    it(`refuse '${text}'`, () => expect(parseIp(text)).to.equal(undefined));
  }
  for (const text of ['10.0.0.0', '10.0.0.0/33', '10.0.0.0/-1', '10.0.0.0/08', '10.233.0/16', '::/129', '/8', '::ffff:192.168.1.0/130']) {
    it(`refuse the network '${text}'`, () => expect(parseCidr(text)).to.equal(undefined));
  }

  it('write the last address of each family', () => {
    expect(formatIp(4, 2 ** 32 - 1)).to.equal('255.255.255.255');
    expect(formatIp(6, 2n ** 128n - 1n)).to.equal('ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff');
  });
});
