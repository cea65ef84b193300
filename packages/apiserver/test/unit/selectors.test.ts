import { expect } from 'chai';
import { fieldSelector, labelSelector } from '../../src/http/selectors.ts';

describe('label selectors', () => {
  const table: [text: string, labels: Record<string, string>, result: boolean][] = [
    ['a=b', { a: 'b' }, true],
    ['a==b', { a: 'c' }, false],
    ['a!=b', {}, true],
    ['a', { a: '' }, true],
    ['!a', { a: '' }, false],
    ['a in (b, c)', { a: 'c' }, true],
    ['a notin (b,c)', { a: 'd' }, true],
    ['a in ()', { a: '' }, true],
    ['a>1', { a: '2' }, true],
    ['a<1', { a: '2' }, false],
    ['x/y=z,!q', { 'x/y': 'z' }, true],
    ['a=', { a: '' }, true],
    ['in=notin', { in: 'notin' }, true],
  ];
  for (const [text, labels, result] of table)
    it(`${text} of ${JSON.stringify(labels)} is ${result}`, () => expect(labelSelector(text)!(labels)).to.equal(result));
  for (const bad of ['a in b', '=', 'a=b,', 'a in (b', '-x=1', 'a>b', 'a b'])
    it(`${bad} is refused`, () => expect(() => labelSelector(bad)).to.throw(/unable to parse/));
});

describe('field selectors', () => {
  it('compare as text, and refuse fields that a kind has not', () => {
    const test = fieldSelector('spec.nodeName=n1,status.phase!=Failed', (f) => f !== 'data.a')!;
    expect([test({ 'spec.nodeName': 'n1' }), test({ 'spec.nodeName': 'n1', 'status.phase': 'Failed' })]).to.deep.equal([true, false]);
    expect(() => fieldSelector('data.a=1', (f) => f !== 'data.a')).to.throw('field label not supported: data.a');
  });
});
