import { expect } from 'chai';
import { observe, UNKNOWN } from '../../src/node/probes/state.ts';

describe('the result of a probe', () => {
  // Outcomes: + and -; the result after each: ? is unknown.
  const cases: [string, { success: number; failure: number }, string, string][] = [
    ['counts at once with thresholds of one', { success: 1, failure: 1 }, '-+-+', '-+-+'],
    ['is unknown until enough came in a row', { success: 1, failure: 3 }, '---', '??-'],
    ['stays while too few differ', { success: 1, failure: 3 }, '+--+--+---', '+++++++++-'],
    ['takes several successes to come back', { success: 2, failure: 1 }, '-+-++', '----+'],
  ];
  for (const [what, thresholds, outcomes, wanted] of cases) {
    it(what, () => {
      let state = UNKNOWN;
      const seen = [...outcomes].map((outcome) => {
        state = observe(state, outcome === '+', thresholds);
        return state.result === undefined ? '?' : state.result ? '+' : '-';
      });
      expect(seen.join('')).to.equal(wanted);
    });
  }
});
