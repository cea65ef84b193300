import { expect } from 'chai';
import fc from 'fast-check';
import { duplicateFields } from '../../src/schema/duplicates.ts';

describe('fields that a text has twice', () => {
  it('are found wherever they are, each once', () => {
    expect(duplicateFields('{"a":1,"b":{"c":[{"d":1,"d":2},{"d":{}, "x":[[],{"y":1,"y":2}]}],"c":0},"a":2,"a":3}')).to.deep.equal([
      'b.c[0].d',
      'b.c[1].x[1].y',
      'b.c',
      'a',
    ]);
  });

  it('are none where strings only look like it', () => {
    expect(duplicateFields(String.raw`{"a":"\"a\":1,{","b":["b","b",{"b":"}"}],"c\"":{"a":1},"c":{"a":1}}`)).to.deep.equal([]);
  });

  it('are none in what JSON.stringify writes', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        expect(duplicateFields(JSON.stringify(value))).to.deep.equal([]);
      }),
    );
  });
});
