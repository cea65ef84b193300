import { expect } from 'chai';
import { loadRules } from '../../src/cel/load.ts';
import { structuralProblems } from '../../src/schema/structural.ts';

describe('schemas that are not structural are refused', () => {
  before(loadRules);

  const under = (schema: object): string[] =>
    structuralProblems({ type: 'object', properties: { a: schema } } as never, 's').map((c) => `${c.reason} ${c.field}`);
  const table: [what: string, schema: object, problem: string][] = [
    ['a type that is missing', { properties: {} }, 'FieldValueRequired s.properties[a].type'],
    [
      'additionalProperties false',
      { type: 'object', additionalProperties: false },
      'FieldValueForbidden s.properties[a].additionalProperties',
    ],
    [
      'additionalProperties beside properties',
      { type: 'object', properties: {}, additionalProperties: { type: 'string' } },
      'FieldValueForbidden s.properties[a].additionalProperties',
    ],
    ['a type inside anyOf', { type: 'string', anyOf: [{ type: 'string' }] }, 'FieldValueForbidden s.properties[a].anyOf[0].type'],
    ['an array without items', { type: 'array' }, 'FieldValueRequired s.properties[a].items'],
    ['uniqueItems', { type: 'array', items: { type: 'string' }, uniqueItems: true }, 'FieldValueForbidden s.properties[a].uniqueItems'],
    ['$ref', { type: 'object', $ref: '#/x' }, 'FieldValueForbidden s.properties[a].$ref'],
    [
      'a map list without keys',
      { type: 'array', items: { type: 'object' }, 'x-kubernetes-list-type': 'map' },
      'FieldValueRequired s.properties[a].x-kubernetes-list-map-keys',
    ],
    ['a default of another type', { type: 'integer', default: 'x' }, 'FieldValueTypeInvalid s.properties[a].default'],
    ['a union of types', { type: ['string', 'null'] }, 'FieldValueNotSupported s.properties[a].type'],
  ];
  for (const [what, schema, problem] of table) it(what, () => expect(under(schema)).to.include(problem));
  it('but not int-or-string with its anyOf', () => {
    expect(under({ 'x-kubernetes-int-or-string': true, anyOf: [{ type: 'integer' }, { type: 'string' }] })).to.deep.equal([]);
  });
});
