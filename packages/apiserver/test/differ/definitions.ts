import type { Case, Step } from './side.ts';

type Json = Record<string, any>;

const CRDS = '/apis/apiextensions.k8s.io/v1/customresourcedefinitions';
const MERGE = 'application/merge-patch+json';
const APPLY = 'application/apply-patch+yaml';
const TABLE = 'application/json;as=Table;v=v1;g=meta.k8s.io';

const string = { type: 'string' };
const list = (items: Json, more: Json = {}): Json => ({ type: 'array', items, ...more });
const object = (properties: Json, more: Json = {}): Json => ({ type: 'object', properties, ...more });

/** Schemas of `spec.x`, each with values to try. */
const SCHEMAS: [what: string, schema: Json, values: unknown[]][] = [
  ['string', { type: 'string', minLength: 2, maxLength: 4, pattern: '^a' }, ['abc', 'a', 'abcde', 'bcd', 1, null, '']],
  ['enum', { type: 'string', enum: ['a', 'b'], default: 'a' }, ['a', 'c', undefined, null]],
  ['nullable', { type: 'string', nullable: true, default: 'd' }, [null, undefined, 'x']],
  ['integer', { type: 'integer', format: 'int32', minimum: 1, maximum: 5, multipleOf: 2 }, [2, 3, 0, 6, 2.5, 2 ** 40, '2']],
  ['number', { type: 'number', exclusiveMinimum: true, minimum: 1 }, [1, 1.5, 'x']],
  ['boolean', { type: 'boolean' }, [true, 'true', 0]],
  [
    'int-or-string',
    { 'x-kubernetes-int-or-string': true, anyOf: [{ type: 'integer' }, { type: 'string' }], pattern: '^[0-9]+%?$' },
    [1, '5%', 'x', 1.5, true],
  ],
  ['list', list(string, { minItems: 1, maxItems: 2 }), [['a'], [], ['a', 'b', 'c'], [1], 'a']],
  [
    'set',
    list(string, { 'x-kubernetes-list-type': 'set' }),
    [
      ['a', 'b'],
      ['a', 'a'],
    ],
  ],
  [
    'map of objects',
    list(object({ k: string, p: { type: 'string', default: 'tcp' }, v: string }, { required: ['k'] }), {
      'x-kubernetes-list-type': 'map',
      'x-kubernetes-list-map-keys': ['k', 'p'],
    }),
    [[{ k: 'a' }], [{ k: 'a' }, { k: 'a' }], [{ k: 'a' }, { k: 'a', p: 'udp' }], [{ v: 'x' }]],
  ],
  [
    'object',
    object({ a: string, b: object({ c: { type: 'integer', default: 3 } }, { default: {} }) }, { required: ['a'] }),
    [{ a: 'x' }, {}, { a: 'x', z: 1 }, { a: 1 }, 'x', []],
  ],
  [
    'additional',
    { type: 'object', additionalProperties: { type: 'integer' }, maxProperties: 2 },
    [{ a: 1 }, { a: 'x' }, { a: 1, b: 2, c: 3 }],
  ],
  ['preserved', { type: 'object', 'x-kubernetes-preserve-unknown-fields': true }, [{ any: [1, { x: null }] }, 'x']],
  [
    'embedded',
    { type: 'object', 'x-kubernetes-embedded-resource': true, 'x-kubernetes-preserve-unknown-fields': true },
    [
      { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'x' } },
      { kind: 'Pod' },
      { apiVersion: 'v1', kind: 'Pod', metadata: { nope: 1, labels: { a: 1 } } },
    ],
  ],
  [
    'junctors',
    { type: 'object', properties: { a: string, b: string }, oneOf: [{ required: ['a'] }, { required: ['b'] }], not: { required: ['c'] } },
    [{ a: 'x' }, { a: 'x', b: 'y' }, {}],
  ],
  ...['date-time', 'date', 'duration', 'email', 'hostname', 'ipv4', 'ipv6', 'cidr', 'uri', 'uuid', 'byte', 'mac', 'nonsense'].map(
    (format): [string, Json, unknown[]] => [
      format,
      { type: 'string', format },
      [
        '2024-01-02T03:04:05Z',
        '2024-01-02',
        '1h',
        'a@b.c',
        'a.b',
        '10.0.0.1',
        '::1',
        '10.0.0.0/8',
        'http://a/b',
        'd9428888-122b-11e1-b85c-61cd3cbb3210',
        'YQ==',
        '00:11:22:33:44:55',
        'not valid!',
      ],
    ],
  ),
  ...(
    [
      ['self.size() > 1', string, ['a', 'ab']],
      ['self > 3', { type: 'integer' }, [3, 4]],
      ['self.all(i, i.startsWith("a"))', list({ type: 'string', maxLength: 9 }, { maxItems: 9 }), [['ab'], ['b']]],
      ['self.a != self.b', object({ a: string, b: string }), [{ a: '1', b: '2' }, { a: '1', b: '1' }, {}]],
      ['!has(self.a) || has(self.b)', object({ a: string, b: string }), [{ a: '1' }, { a: '1', b: '1' }]],
      ['self == oldSelf', string, ['a', 'b']],
      ['isURL(self) && url(self).getScheme() == "https"', { type: 'string', maxLength: 99 }, ['https://a', 'http://a', 'x']],
      ['quantity(self).isGreaterThan(quantity("1Gi"))', { type: 'string', maxLength: 20 }, ['2Gi', '1Mi', 'x']],
      ['isIP(self) && ip(self).family() == 4', { type: 'string', maxLength: 50 }, ['10.0.0.1', '::1', 'x']],
      ['self.matches("^a+$")', { type: 'string', maxLength: 20 }, ['aaa', 'b']],
      ['self.exists_one(x, x == "a")', list({ type: 'string', maxLength: 5 }, { maxItems: 5 }), [['a'], ['a', 'a'], []]],
      ['self.orValue("x") == "x"', string, ['a']],
      ['self.nope == 1', object({ a: string }), [{}]],
      ['self +', string, ['a']],
      ['self', string, ['a']],
      ['nope(self)', string, ['a']],
      ['self.format() == ""', string, ['a']],
      ['duration(self) > duration("1h")', { type: 'string', maxLength: 9 }, ['2h', '1m', 'x']],
      ['semver(self).major() > 1', { type: 'string', maxLength: 20 }, ['2.0.0', '1.0.0', 'x']],
    ] as [string, Json, unknown[]][]
  ).map(([rule, schema, values]): [string, Json, unknown[]] => [
    `rule ${rule}`,
    { ...schema, 'x-kubernetes-validations': [{ rule, message: 'as it says' }] },
    values,
  ]),
];

/** Schemas of the whole that are not structural, or not schemas at all. */
const WRONG: Json[] = [
  {},
  { type: 'string' },
  { type: 'object', properties: { spec: {} } },
  { type: 'object', properties: { spec: { type: 'nope' } } },
  { type: 'object', properties: { spec: { type: 'object', properties: { a: string }, additionalProperties: true } } },
  { type: 'object', properties: { spec: { type: 'array' } } },
  { type: 'object', properties: { spec: { type: 'string', pattern: '(' } } },
  { type: 'object', properties: { spec: { type: 'integer', default: 'x' } } },
  { type: 'object', properties: { spec: { type: 'object', default: { a: 1 } } } },
  { type: 'object', properties: { spec: { type: 'string', 'x-kubernetes-list-type': 'set' } } },
  { type: 'object', properties: { spec: list(string, { 'x-kubernetes-list-type': 'map' }) } },
  {
    type: 'object',
    properties: { spec: list(object({ a: string }), { 'x-kubernetes-list-type': 'map', 'x-kubernetes-list-map-keys': ['b'] }) },
  },
  {
    type: 'object',
    properties: { spec: list(object({ a: string }), { 'x-kubernetes-list-type': 'map', 'x-kubernetes-list-map-keys': ['a'] }) },
  },
  { type: 'object', properties: { spec: { type: 'string', anyOf: [{ type: 'string' }] } } },
  { type: 'object', properties: { spec: { type: 'object', allOf: [{ properties: { a: {} } }] } } },
  { type: 'object', properties: { metadata: { type: 'object', properties: { labels: { type: 'object' } } } } },
  { type: 'object', properties: { metadata: { type: 'object', properties: { name: { type: 'string', maxLength: 3 } } } } },
  { type: 'object', uniqueItems: true },
  { type: 'object', $ref: '#/x' },
  { type: 'object', properties: { spec: { type: 'object', 'x-kubernetes-map-type': 'nope' } } },
  { type: 'object', 'x-kubernetes-embedded-resource': true },
  { type: 'object', nope: 1 },
  { type: 'object', properties: { spec: { type: 'string', 'x-kubernetes-validations': [{ rule: '' }] } } },
  {
    type: 'object',
    properties: { spec: { type: 'string', 'x-kubernetes-validations': [{ rule: 'true', reason: 'Nope', fieldPath: '.x' }] } },
  },
  { type: 'object', properties: { spec: { type: 'string', 'x-kubernetes-validations': [{ rule: 'true', messageExpression: '1' }] } } },
];

function definition(plural: string, x: Json, more: Json = {}): Json {
  const kind = `${plural[0]!.toUpperCase()}${plural.slice(1)}`;
  return {
    metadata: { name: `${plural}.differ.test` },
    spec: {
      group: 'differ.test',
      scope: 'Namespaced',
      names: { plural, kind },
      versions: [{ name: 'v1', served: true, storage: true, schema: { openAPIV3Schema: object({ spec: object({ x }) }) } }],
      ...more,
    },
  };
}

/** Kinds that nobody has defined yet. */
export const definitionCases = (): Case[] => [
  {
    name: 'definitions: wrong schemas',
    apart: true,
    steps: WRONG.map((openAPIV3Schema) => ({
      do: `define ${JSON.stringify(openAPIV3Schema)}`,
      method: 'POST',
      path: `${CRDS}?dryRun=All`,
      body: definition('wrongs', {}, { versions: [{ name: 'v1', served: true, storage: true, schema: { openAPIV3Schema } }] }),
    })),
  },
  {
    name: 'definitions: made',
    steps: [...SCHEMAS.map(([what, x], i) => define(definition(`kind${letters(i)}`, x), what)), define(full(), 'full'), settle('wholes')],
  },
  ...SCHEMAS.map(([what, , values], i): Case => ({
    name: `definitions: values of ${what}`,
    steps: values.flatMap((x) => tried(`/apis/differ.test/v1/namespaces/differ/kind${letters(i)}`, `Kind${letters(i)}`, x)),
  })),
  { name: 'definitions: a whole kind', steps: whole() },
];

const letters = (i: number): string => String.fromCharCode(97 + Math.floor(i / 26), 97 + (i % 26));
const define = (body: Json, what: string): Step => ({ do: `define ${what}`, method: 'POST', path: CRDS, body });
/** Until both serve it, however long each takes for that. */
const settle = (plural: string): Step => ({ do: `wait for ${plural}`, path: `${CRDS}?watch=1`, watch: { lines: 999, ms: 3000 }, only: [] });

function tried(path: string, kind: string, x: unknown): Step[] {
  const body = { apiVersion: 'differ.test/v1', kind, metadata: { name: 'one' }, spec: { x } };
  const value = JSON.stringify(x);
  return [
    { do: `create ${value}`, method: 'POST', path, body },
    { do: `replace by ${value}`, method: 'PATCH', path: `${path}/one`, type: MERGE, body: { spec: { x } } },
    { do: `apply ${value}`, method: 'PATCH', path: `${path}/one?fieldManager=a&force=true`, type: APPLY, body },
  ];
}

const full = (): Json =>
  definition(
    'wholes',
    {},
    {
      names: { plural: 'wholes', kind: 'Whole', singular: 'whole', shortNames: ['wh'], categories: ['all'] },
      versions: ['v1', 'v1beta1'].map((name) => ({
        name,
        served: true,
        storage: name === 'v1',
        deprecated: name !== 'v1',
        schema: {
          openAPIV3Schema: object({
            spec: object({ replicas: { type: 'integer', default: 1 }, color: string, when: { type: 'string', format: 'date-time' } }),
            status: object({ replicas: { type: 'integer' }, selector: string }),
          }),
        },
        subresources: {
          status: {},
          scale: { specReplicasPath: '.spec.replicas', statusReplicasPath: '.status.replicas', labelSelectorPath: '.status.selector' },
        },
        selectableFields: [{ jsonPath: '.spec.color' }],
        additionalPrinterColumns: [
          { name: 'Color', type: 'string', jsonPath: '.spec.color' },
          { name: 'N', type: 'integer', jsonPath: '.spec.replicas', priority: 1 },
          { name: 'When', type: 'date', jsonPath: '.spec.when' },
        ],
      })),
    },
  );

function whole(): Step[] {
  const at = (version: string, rest = ''): string => `/apis/differ.test/${version}/namespaces/differ/wholes${rest}`;
  const body = (version: string, spec: Json, more: Json = {}): Json => ({
    apiVersion: `differ.test/${version}`,
    kind: 'Whole',
    metadata: { name: 'w', ...more },
    spec,
  });
  const patch = (what: string, path: string, type: string, patched: unknown): Step => ({
    do: what,
    method: 'PATCH',
    path,
    type,
    body: patched,
  });
  return [
    { do: 'discovery', path: '/apis/differ.test/v1', only: ['/resources/0', '/groupVersion'] },
    { do: 'group', path: '/apis/differ.test' },
    { do: 'create', method: 'POST', path: at('v1'), body: { ...body('v1', { color: 'red', nope: 1 }), status: { replicas: 3 } } },
    { do: 'create strictly', method: 'POST', path: at('v1', '?fieldValidation=Strict'), body: body('v1', { nope: 1 }, { name: 'x' }) },
    { do: 'create of another version', method: 'POST', path: at('v1'), body: body('v1beta1', {}) },
    { do: 'create of another kind', method: 'POST', path: at('v1'), body: { ...body('v1', {}), kind: 'Other' } },
    { do: 'create without a kind', method: 'POST', path: at('v1'), body: { metadata: { name: 'x' } } },
    { do: 'get in the older version', path: at('v1beta1', '/w') },
    { do: 'list in the older version', path: at('v1beta1') },
    { do: 'table', path: at('v1'), accept: TABLE },
    { do: 'by field', path: at('v1', '?fieldSelector=spec.color%3Dred') },
    { do: 'by another value', path: at('v1', '?fieldSelector=spec.color%3Dblue') },
    { do: 'by an unknown field', path: at('v1', '?fieldSelector=spec.replicas%3D1') },
    { do: 'scale', path: at('v1', '/w/scale') },
    patch('scale to 4', at('v1', '/w/scale'), MERGE, { spec: { replicas: 4 } }),
    patch('scale to -1', at('v1', '/w/scale'), MERGE, { spec: { replicas: -1 } }),
    patch('status', at('v1', '/w/status'), MERGE, { status: { replicas: 2, selector: 'a=b' }, spec: { color: 'blue' } }),
    patch('spec with status', at('v1', '/w'), MERGE, { status: { replicas: 9 }, spec: { color: 'green' } }),
    patch('strategic', at('v1', '/w'), 'application/strategic-merge-patch+json', {}),
    patch('json', at('v1', '/w'), 'application/json-patch+json', [{ op: 'replace', path: '/spec/color', value: 'white' }]),
    patch('apply', `${at('v1', '/w')}?fieldManager=a`, APPLY, body('v1', { color: 'black' })),
    patch('apply with force', `${at('v1', '/w')}?fieldManager=a&force=true`, APPLY, body('v1', { color: 'black' })),
    patch('apply of an unknown field', `${at('v1', '/w')}?fieldManager=a`, APPLY, body('v1', { nope: 1 })),
    patch('apply in the older version', `${at('v1beta1', '/w')}?fieldManager=a`, APPLY, body('v1beta1', { color: 'pink' })),
    { do: 'scale after', path: at('v1', '/w/scale') },
    { do: 'get', path: at('v1', '/w') },
    { do: 'watch', path: at('v1', '?watch=1&timeoutSeconds=1'), watch: { lines: 1, ms: 500 } },
    { do: 'delete', method: 'DELETE', path: at('v1', '/w') },
    { do: 'delete the definition', method: 'DELETE', path: `${CRDS}/wholes.differ.test` },
    settle('wholes'),
    { do: 'list without a definition', path: at('v1') },
  ];
}
