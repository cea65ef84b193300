import type { Cluster } from '@kosmos/api';
import { overlaps, parseCidr } from '@kosmos/plugin-network-vxlan/contracts';
import { expect } from 'chai';
import * as fc from 'fast-check';
import { allocate } from '../../src/allocate.ts';
import { mappingsOf, problemsOf, unmapped } from '../../src/mappings.ts';

const cidr = (text: string) => parseCidr(text)!;
function cluster(
  spec: Record<string, string>,
  given: Record<string, string> = {},
  podCIDRs: readonly string[] = ['10.1.0.0/16'],
  serviceCIDRs: readonly string[] = [],
): Cluster {
  return {
    metadata: { name: 'c1', uid: '', resourceVersion: '' },
    spec: { clusterLinkOptions: { globalCIDRsMap: spec } },
    status: { clusterLinkStatus: { podCIDRs, serviceCIDRs, globalCIDRsMap: given } },
  };
}
const texts = (of: Cluster) => mappingsOf(of).map(({ real, seen }) => `${real.text} as ${seen.text}`);

describe('mappings of a cluster', () => {
  it('are what the spec says, and what the pool gave for the rest', () => {
    expect(
      texts(cluster({ '10.1.0.0/16': '100.64.0.0/16' }, { '10.1.0.0/16': '100.99.0.0/16', '10.96.0.0/16': '100.100.0.0/16' })),
    ).to.deep.equal(['10.1.0.0/16 as 100.64.0.0/16', '10.96.0.0/16 as 100.100.0.0/16']);
  });

  const WRONG: Readonly<Record<string, readonly [map: Record<string, string>, problem: RegExp]>> = {
    'no network': [{ '10.1.0.0/16': 'x' }, /globalCIDRsMap\['10\.1\.0\.0\/16'\]: 'x' is not an IPv4 or IPv6 network/],
    'another length': [
      { '10.1.0.0/16': '100.64.0.0/10' },
      /'100\.64\.0\.0\/10' is not of the same family and length; one to one needs an IPv4 network with \/16/,
    ],
    'another family': [{ '10.1.0.0/16': 'fd99::/16' }, /not of the same family/],
    'two to one': [
      { '10.1.0.0/16': '100.64.0.0/16', '10.2.0.0/16': '100.64.0.0/16' },
      /'100\.64\.0\.0\/16' overlaps '100\.64\.0\.0\/16', to which '10\.1\.0\.0\/16' is mapped/,
    ],
    'one to two': [
      { '10.1.0.0/16': '100.64.0.0/16', '10.1.2.0/24': '100.65.2.0/24' },
      /\['10\.1\.2\.0\/24'\]: it overlaps '10\.1\.0\.0\/16'/,
    ],
  };
  for (const [what, [map, problem]] of Object.entries(WRONG)) {
    it(`are told when wrong, with path, value and what is allowed: ${what}`, () =>
      expect(problemsOf(cluster(map)).join()).to.match(problem));
  }

  it('are wanted for what the spec maps in no part, networks within others left out', () => {
    const wanted = unmapped(
      cluster({ '10.1.0.0/24': '100.64.0.0/24' }, {}, ['10.1.0.0/16', '10.2.0.0/24', '10.2.0.0/16', 'fd10::/48'], ['10.96.0.0/12']),
    );
    expect(wanted.map(({ text }) => text).sort()).to.deep.equal(['10.2.0.0/16', '10.96.0.0/12', 'fd10::/48']);
  });
});

describe('allocation from a pool', () => {
  const POOLS = [cidr('100.64.0.0/20'), cidr('fd99::/40')];

  it('gives a network of the size, inside the pool, that nobody has, as long as there is one', () => {
    const lengths = fc.array(fc.integer({ min: 20, max: 26 }), { maxLength: 30 });
    fc.assert(
      fc.property(lengths, (all) => {
        const taken: ReturnType<typeof cidr>[] = [];
        let free = 2 ** 12;
        for (const [i, length] of all.entries()) {
          const real = cidr(`10.${i}.0.0/${length}`);
          const found = allocate(POOLS, taken, 'c1', real);
          if (!found) {
            // Nothing of the size is left: every slot of it is touched.
            for (let at = 0; at < 2 ** (length - 20); at += 1) {
              const slot = cidr(`100.${64}.${(at * 2 ** (32 - length)) >> 8}.${(at * 2 ** (32 - length)) & 255}/${length}`);
              expect(
                taken.some((t) => overlaps(t, slot)),
                slot.text,
              ).to.equal(true);
            }
            continue;
          }
          expect(found.length).to.equal(length);
          expect(overlaps(found, POOLS[0]!)).to.equal(true);
          expect(
            taken.some((t) => overlaps(t, found)),
            found.text,
          ).to.equal(false);
          taken.push(found);
          free -= 2 ** (32 - length);
        }
        expect(free).to.be.at.least(0);
      }),
    );
  });

  it('gives the same to a cluster that comes back, and of another family from its pool', () => {
    const first = allocate(POOLS, [], 'c1', cidr('10.1.0.0/24'));
    expect(allocate(POOLS, [cidr('100.64.0.0/32'), cidr('10.0.0.0/8')], 'c1', cidr('10.1.0.0/24'))!.text).to.equal(first!.text);
    expect(allocate(POOLS, [], 'c2', cidr('10.1.0.0/24'))!.text).to.not.equal(first!.text);
    expect(allocate(POOLS, [], 'c1', cidr('fd10::/48'))!.text).to.match(/^fd99:0?:?[0-9a-f:]*\/48$/);
  });

  it('is quick to skip a large network that is taken, and has none where the pool is too small', () => {
    const pool = [cidr('100.64.0.0/10')];
    expect(allocate(pool, [cidr('100.64.0.0/11'), cidr('100.96.0.0/12')], 'c1', cidr('10.1.0.0/30'))!.text).to.match(
      /^100\.1(1[2-9]|2[0-7])\./,
    );
    expect(allocate(pool, [], 'c1', cidr('10.0.0.0/9'))).to.equal(undefined);
  });
});
