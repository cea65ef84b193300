import { expect } from 'chai';
import fc from 'fast-check';
import { type Candidate, electOrder } from '../../src/elect/order.ts';

const good: Omit<Candidate, 'name'> = { label: undefined, ready: true, schedulable: true, agent: true, able: true };
const nodes = (given: Record<string, Partial<Candidate>>): Candidate[] =>
  Object.entries(given).map(([name, what]) => ({ ...good, name, ...what }));

describe('the order of gateways', () => {
  const cases: readonly { what: string; given: Record<string, Partial<Candidate>>; current: string[]; preferred?: string; is: string[] }[] =
    [
      { what: 'is by name at first', given: { c: {}, a: {}, b: {} }, current: [], is: ['a', 'b'] },
      { what: 'stays, whoever comes', given: { a: {}, b: {}, c: {} }, current: ['c', 'b'], is: ['c', 'b'] },
      { what: 'has labelled nodes only, where there are any', given: { a: {}, b: { label: 'true' } }, current: ['a'], is: ['b'] },
      { what: 'leaves out nodes labelled false', given: { a: { label: 'false' }, b: {} }, current: [], is: ['b'] },
      { what: 'leaves out nodes without an address of each family', given: { a: { able: false }, b: {} }, current: ['a'], is: ['b'] },
      { what: 'moves on when the first is not Ready', given: { a: { ready: false }, b: {}, c: {} }, current: ['a', 'b'], is: ['b', 'c'] },
      { what: 'moves on when the first is cordoned', given: { a: { schedulable: false }, b: {} }, current: ['a', 'b'], is: ['b', 'a'] },
      { what: 'moves on when the agent of the first is away', given: { a: { agent: false }, b: {} }, current: ['a', 'b'], is: ['b', 'a'] },
      { what: 'does not go back when the first is well again', given: { a: {}, b: {} }, current: ['b', 'a'], is: ['b', 'a'] },
      {
        what: 'keeps the last ones, even if none of them is good',
        given: { a: { ready: false }, b: { agent: false } },
        current: ['b', 'a'],
        is: ['b', 'a'],
      },
      { what: 'has the preferred one first', given: { a: {}, b: {}, c: {} }, current: ['a', 'b'], preferred: 'c', is: ['c', 'a'] },
      {
        what: 'has the preferred one first only while it is good',
        given: { a: {}, b: { ready: false } },
        current: ['a', 'b'],
        preferred: 'b',
        is: ['a', 'b'],
      },
      { what: 'drops nodes that are gone', given: { b: {} }, current: ['a', 'b'], is: ['b'] },
    ];
  for (const { what, given, current, preferred, is } of cases) {
    it(what, () => expect(electOrder(nodes(given), current, { count: 2, preferred })).to.deep.equal(is));
  }

  it('is settled: electing again from its result changes nothing, and good ones come before others', () => {
    const flags = fc.record({
      label: fc.constantFrom(undefined, 'true', 'false'),
      ready: fc.boolean(),
      schedulable: fc.boolean(),
      agent: fc.boolean(),
      able: fc.boolean(),
    });
    const names = ['a', 'b', 'c', 'd', 'e'];
    const cluster = fc.tuple(...names.map(() => flags)).map((all) => names.map((name, i): Candidate => ({ name, ...all[i]! })));
    fc.assert(
      fc.property(cluster, fc.shuffledSubarray(names), fc.integer({ min: 1, max: 4 }), (candidates, current, count) => {
        const once = electOrder(candidates, current, { count });
        expect(electOrder(candidates, once, { count })).to.deep.equal(once);
        expect(new Set(once).size).to.equal(once.length);
        const isGood = (name: string) => candidates.some((c) => c.name === name && c.ready && c.schedulable && c.agent);
        expect(once.map(isGood).join()).to.match(/^(true,?)*(false,?)*$/);
      }),
    );
  });
});
