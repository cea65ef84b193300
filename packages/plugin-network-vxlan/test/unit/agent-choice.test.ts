import { expect } from 'chai';
import fc from 'fast-check';
import { chosen, matches } from '../../src/agent/choice.ts';
import { cluster } from '../support/fleet.ts';

const choice = (link: NonNullable<Parameters<typeof cluster>[1]>['link'], node = 'n1') => {
  const found = chosen(cluster('c', { link: link! }), node);
  if ('wrong' in found) return found.wrong;
  const { words: _, ...rest } = found;
  return 'cidrs' in rest ? rest.cidrs.map(({ text }) => text) : rest;
};

describe('the choice of the underlay interface', () => {
  it('is the default route without a word, and with *', () => {
    expect(choice({})).to.deep.equal({ defaultRoute: true });
    expect(choice({ defaultNICName: '*' })).to.deep.equal({ defaultRoute: true });
    expect(chosen(undefined, 'n1')).to.include({ defaultRoute: true });
  });

  it('is first the entry with exactly this node, then defaultNICName, then autodetectionMethod', () => {
    const nicNodeNames = [
      { interfaceName: 'eth9', nodeName: ['n10'] },
      { interfaceName: 'eth1', nodeName: ['n0', 'n1'] },
    ];
    const all = { nicNodeNames, defaultNICName: 'eth2', autodetectionMethod: 'first-found' };
    expect(choice(all)).to.deep.equal({ globs: ['eth1'] });
    expect(choice(all, 'n2')).to.deep.equal({ globs: ['eth2'] });
    expect(choice({ ...all, defaultNICName: '*' }, 'n2')).to.deep.equal({ skip: [] });
    expect(choice({ ...all, nicNodeNames: [{ interfaceName: '*', nodeName: ['n1'] }] })).to.deep.equal({ skip: [] });
  });

  it('takes names, patterns and networks', () => {
    expect(choice({ defaultNICName: 'eth*, ens?' })).to.deep.equal({ globs: ['eth*', 'ens?'] });
    expect(choice({ defaultNICName: '192.0.2.7/24,2001:db8::/64' })).to.deep.equal(['192.0.2.0/24', '2001:db8::/64']);
    expect(choice({ autodetectionMethod: 'interface=bond0' })).to.deep.equal({ globs: ['bond0'] });
    expect(choice({ autodetectionMethod: 'cidr=192.0.2.0/24' })).to.deep.equal(['192.0.2.0/24']);
    expect(choice({ autodetectionMethod: 'can-reach=2001:DB8::1' })).to.deep.equal({ towards: '2001:db8::1' });
    expect(choice({ autodetectionMethod: 'skip-interface=wlan*,eth1' })).to.deep.equal({ skip: ['wlan*', 'eth1'] });
  });

  it('says what is wrong, with path, value and what is allowed', () => {
    const wrong = (autodetectionMethod: string) => choice({ autodetectionMethod });
    expect(wrong('can-reach=example.org')).to.equal(
      "spec.clusterLinkOptions.autodetectionMethod wants 'can-reach=example.org': 'example.org' is not an IPv4 or IPv6 address such as 192.0.2.1",
    );
    expect(wrong('cidr=192.0.2.0')).to.match(/'192\.0\.2\.0' is not an IPv4 or IPv6 network such as 192\.0\.2\.0\/24$/);
    expect(wrong('magic')).to.match(/allowed are can-reach=ADDRESS, interface=NAMES, skip-interface=NAMES, cidr=NETWORKS or first-found$/);
    expect(choice({ defaultNICName: 'eth0,192.0.2.0/24' })).to.match(/names and networks cannot be mixed/);
    expect(choice({ defaultNICName: ',' })).to.match(/names no interface/);
  });
});

describe('patterns of names', () => {
  it('fit as a regular expression does that says the same', () => {
    const text = fc.string({ unit: fc.constantFrom('a', 'b', '*', '?', '.'), maxLength: 8 });
    fc.assert(
      fc.property(text, fc.string({ unit: fc.constantFrom('a', 'b', '.'), maxLength: 8 }), (glob, name) => {
        const same = new RegExp(`^${glob.replaceAll('.', '\\.').replaceAll('*', '.*').replaceAll('?', '.')}$`);
        expect(matches(glob, name)).to.equal(same.test(name));
      }),
    );
  });
});
