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
    it(`${bad} is refused`, () => expect(() => labelSelector(bad)).to.throw(/unable to parse|^found /));
});

describe('field selectors', () => {
  it('compare as text, and refuse fields that a kind has not', () => {
    const known = (f: string): void => {
      if (f === 'data.a') throw new Error(`field label not supported: ${f}`);
    };
    const test = fieldSelector('spec.nodeName=n1,status.phase!=Failed', known)!;
    expect([test({ 'spec.nodeName': 'n1' }), test({ 'spec.nodeName': 'n1', 'status.phase': 'Failed' })]).to.deep.equal([true, false]);
    expect(() => fieldSelector('data.a=1', known)).to.throw('field label not supported: data.a');
  });

  it('take what ends a value only behind a backslash', () => {
    const parsed = (text: string): unknown => fieldSelector(text, () => {});
    expect(fieldSelector('a=b\\,c\\=d\\\\', () => {})!({ a: 'b,c=d\\' })).to.equal(true);
    expect(() => parsed('a=\\')).to.throw('invalid field selector: invalid escape sequence: \\');
    expect(() => parsed('a=\\b')).to.throw('invalid field selector: invalid escape sequence: \\b');
    expect(() => parsed('a=b=c')).to.throw('invalid field selector: unescaped character in value: 61');
  });
});
