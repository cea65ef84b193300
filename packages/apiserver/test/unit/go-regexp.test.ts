import { expect } from 'chai';
import fc from 'fast-check';
import { goRegExp } from '../../src/schema/go-regexp.ts';

describe("Go's regular expressions", () => {
  it('have their syntax, and no more', () => {
    for (const [pattern, text, found] of [
      ['^[[:alpha:]]+\\z', 'abc', true],
      ['(?i)^ABC$', 'abc', true],
      ['^(?P<year>\\d{4})$', '2026', true],
      ['^\\pL+$', 'é', true],
      ['^.$', '😀', true],
      ['a$', 'a\n', false],
      ['^[a-z0-9]([-a-z0-9]*[a-z0-9])?$', 'a-b', true],
    ] as const)
      expect(goRegExp(pattern)?.test(text), pattern).to.equal(found);
    for (const none of ['(?=a)', '(?<!a)', '(a)\\1', '[', '*', 'a**', 'a{1001}']) expect(goRegExp(none), none).to.equal(undefined);
  });

  it('never take long, whatever they and the text are', function () {
    this.timeout(20_000);
    const since = performance.now();
    for (const pattern of ['^(a+)+$', '^(a|a)*$', '^(a|aa)+$', '(a*)*b', '^(([a-z])+.)+[A-Z]([a-z])+$', 'a*a*a*a*a*b'])
      expect(goRegExp(pattern)!.test(`${'a'.repeat(20_000)}!`), pattern).to.equal(false);
    expect(performance.now() - since).to.be.lessThan(10_000);
  });

  it('find what JavaScript finds, where both have the expression', () => {
    const atom = fc.constantFrom('a', 'b', '.', '[ab]', '[^a]', '(a|b)', '(ab)', '\\d', '\\w');
    const part = fc.tuple(atom, fc.constantFrom('', '*', '+', '?', '{1,2}')).map(([a, q]) => a + q);
    const pattern = fc.tuple(fc.constantFrom('', '^'), fc.array(part, { minLength: 1, maxLength: 5 }), fc.constantFrom('', '$'));
    fc.assert(
      fc.property(pattern, fc.stringMatching(/^[ab1 ]{0,12}$/), ([start, parts, end], text) => {
        const source = start + parts.join('') + end;
        expect(goRegExp(source)!.test(text), `${source} in ${JSON.stringify(text)}`).to.equal(new RegExp(source).test(text));
      }),
      { numRuns: 2000 },
    );
  });
});
