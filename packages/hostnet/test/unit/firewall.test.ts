import { expect } from 'chai';
import fc from 'fast-check';
import { HostNetError, type IptablesChange, iptablesLines } from '../../src/index.ts';
import { changed, hostile, leaves } from '../support/hostile.ts';

const LINES: readonly (readonly [IptablesChange, readonly string[]])[] = [
  [
    { op: 'replaceChain', chain: 'KOSMOS-FORWARD', rules: [{ iif: 'vx-bridge', jump: 'ACCEPT' }, { iif: 'a', oif: 'b', jump: 'DROP' }] },
    [':KOSMOS-FORWARD - [0:0]', '-A KOSMOS-FORWARD -i vx-bridge -j ACCEPT', '-A KOSMOS-FORWARD -i a -o b -j DROP'],
  ],
  [{ op: 'deleteChain', chain: 'C' }, ['-F C', '-X C']],
  [{ op: 'insertRule', chain: 'FORWARD', position: 2, rule: { jump: 'C' } }, ['-I FORWARD 2 -j C']],
  [{ op: 'deleteRule', chain: 'FORWARD', rule: { oif: 'eth0', jump: 'C' } }, ['-D FORWARD -o eth0 -j C']],
]; // prettier-ignore

describe('changes of iptables', () => {
  for (const [change, lines] of LINES) it(`write: ${lines.join('; ')}`, () => expect(iptablesLines(change)).to.deep.equal(lines));

  it('have the same number of plain lines whatever stands in any field, or are refused', () => {
    for (const [sample, usual] of LINES) {
      const texts = leaves(sample, 'string').map((path) => ({ path, leaf: hostile as fc.Arbitrary<unknown> }));
      const numbers = leaves(sample, 'number').map((path) => ({
        path,
        leaf: fc.oneof(fc.double(), fc.integer(), hostile) as fc.Arbitrary<unknown>,
      }));
      for (const { path, leaf } of [...texts, ...numbers].filter(({ path: [key] }) => key !== 'op')) {
        const hold = fc.property(leaf, (value) => {
          let lines: string[];
          try {
            lines = iptablesLines(changed(sample, path, value));
          } catch (error) {
            expect(error).to.be.instanceOf(HostNetError).with.property('code', 'HOSTNET_E_VALUE');
            return;
          }
          expect(lines).to.have.length(usual.length);
          for (const line of lines) {
            expect(line).to.match(/^[A-Za-z0-9_.:~ [\]-]+$/);
            expect(line.split(' ').filter((word) => word.startsWith('-') && !/^-[A-Zio]?j?$/.test(word))).to.deep.equal([]);
          }
        });
        fc.assert(hold, { numRuns: 200 });
      }
    }
  });
});
