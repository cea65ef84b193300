import { expect } from 'chai';
import { Client, type Answer } from './client.ts';

const DEFINITIONS = '/apis/apiextensions.k8s.io/v1/customresourcedefinitions';
const RUNAWAY = { rule: 'self.all(x, self.all(y, x != y || x == y))', message: 'runs' };
const texts = (n: number): string[] => Array.from({ length: n }, (_, i) => `s${i}`);
const list = (maxItems: number, ...rules: object[]): object => ({
  type: 'array',
  maxItems,
  items: { type: 'string', maxLength: 20 },
  'x-kubernetes-validations': rules,
});

/* What kube-apiserver 1.36.2 answered to the same. */
describe('what rules may cost', () => {
  let client: Client;
  let count = 0;
  before(async () => {
    client = await Client.start();
  });
  after(() => client.stop());

  const define = (spec: object): Promise<Answer> => {
    const plural = `costs${(count += 1)}`;
    const schema = { openAPIV3Schema: { type: 'object', properties: { spec } } };
    return client.call('POST', DEFINITIONS, {
      metadata: { name: `${plural}.cost.test` },
      spec: {
        group: 'cost.test',
        scope: 'Cluster',
        names: { plural, kind: `Cost${count}` },
        versions: [{ name: 'v1', served: true, storage: true, schema }],
      },
    });
  };
  const create = (name: string, spec: unknown): Promise<Answer> =>
    client.call('POST', `/apis/cost.test/v1/costs${count}`, { apiVersion: 'cost.test/v1', kind: `Cost${count}`, metadata: { name }, spec });
  const causes = ({ status, body }: Answer): unknown[] => [
    status,
    ...(body.details?.causes ?? []).map((c: { field: string; message: string }) => `${c.field}: ${c.message}`),
  ];

  it('ends a rule that goes too far, and all after it', async () => {
    await define({
      type: 'object',
      properties: { a: list(600, RUNAWAY), b: list(600, { rule: 'self.size() < 0', message: 'never' }) },
    });
    expect(causes(await create('big', { a: texts(600), b: ['x'] }))).to.deep.equal([
      422,
      `spec.a: Invalid value: "array": 'operation cancelled: actual cost limit exceeded': no further validation rules will be run due to call cost exceeds limit for rule: runs`,
    ]);
    expect(causes(await create('small', { a: texts(60), b: ['x'] }))).to.deep.equal([422, 'spec.b: Invalid value: never']);
    expect(causes(await create('good', { a: texts(60) }))).to.deep.equal([201]);
  });

  it('counts how long lists are', async () => {
    await define(list(1200, { rule: 'self.all(x, x in self)', message: 'in' }));
    expect(causes(await create('long', texts(1100)))[1]).to.contain('actual cost limit exceeded');
    expect(causes(await create('short', texts(900)))).to.deep.equal([201]);
  });

  it('ends the rules of an object that all together go too far', async () => {
    const names = Array.from({ length: 15 }, (_, i) => `a${String(i).padStart(2, '0')}`);
    await define({ type: 'object', properties: Object.fromEntries(names.map((name) => [name, list(400, RUNAWAY)])) });
    const [status, ...found] = causes(await create('big', Object.fromEntries(names.map((name) => [name, texts(400)]))));
    expect([status, found.length]).to.deep.equal([422, 1]);
    expect(found[0]).to.match(
      /^spec\.a\d\d: Invalid value: "array": validation failed due to running out of cost budget, no further validation rules will be run$/,
    );
    const half = Object.fromEntries(names.slice(0, 7).map((name) => [name, texts(400)]));
    expect(causes(await create('half', half))).to.deep.equal([201]);
  });

  const HINT = '(try simplifying the rule, or adding maxItems, maxProperties, and maxLength where arrays, maps, and strings are declared)';
  const AT = 'spec.validation.openAPIV3Schema.properties[spec]';
  const rule = (at: string, factor: string): string =>
    `${at}.x-kubernetes-validations[0].rule: Forbidden: estimated rule cost exceeds budget by factor of ${factor} ${HINT}`;
  const contributed = (at: string): string =>
    `${at}.x-kubernetes-validations[0].rule: Forbidden: contributed to estimated rule cost total exceeding cost limit for entire OpenAPIv3 schema`;
  const whole = (factor: string): string =>
    `spec.validation.openAPIV3Schema: Forbidden: x-kubernetes-validations estimated rule cost total for entire OpenAPIv3 schema exceeds budget by factor of ${factor} ${HINT}`;

  it('is told of a definition before it is made, by how large its values may get', async () => {
    const nested = { rule: 'self.all(x, self.exists(y, x == y))', message: 'm' };
    const texts100 = { type: 'array', maxItems: 600, items: { type: 'string', maxLength: 100 }, 'x-kubernetes-validations': [nested] };
    expect(causes(await define(texts100))).to.deep.equal([422, rule(AT, '1.7x')]);
    expect(causes(await define({ ...texts100, maxItems: 400 }))).to.deep.equal([201]);
    const matching = { rule: "self.all(x, x.matches('^[a-z]*$'))", message: 'm' };
    expect(
      causes(await define({ type: 'array', maxItems: 1000, items: { type: 'string' }, 'x-kubernetes-validations': [matching] })),
    ).to.deep.equal([422, rule(AT, '62.9x'), contributed(AT), whole('6.3x')]);
    expect(causes(await define({ type: 'array', items: { type: 'string' }, 'x-kubernetes-validations': [nested] }))).to.deep.equal([
      422,
      rule(AT, 'more than 100x'),
      contributed(AT),
      whole('more than 100x'),
    ]);
  });

  it('is told times as often as a rule may run, and of all rules together', async () => {
    const inner = { type: 'object', properties: { l: list(350, RUNAWAY) } };
    const at = `${AT}.properties[a].items.properties[l]`;
    expect(causes(await define({ type: 'object', properties: { a: { type: 'array', maxItems: 40, items: inner } } }))).to.deep.equal([
      422,
      rule(at, '11.3x'),
      contributed(at),
      whole('1.127701x'),
    ]);
    const names = Array.from({ length: 14 }, (_, i) => `a${i}`);
    const many = await define({ type: 'object', properties: Object.fromEntries(names.map((name) => [name, list(600, RUNAWAY)])) });
    const [status, ...found] = causes(many) as [number, ...string[]];
    expect([status, found.length, found.at(-1)]).to.deep.equal([422, 5, whole('1.159620x')]);
  });

  it('is as cel-go estimates it for each kind of expression', async () => {
    const small = { type: 'string', maxLength: 100 };
    const properties = {
      l: { type: 'array', maxItems: 1000, items: { type: 'integer' } },
      s: small,
      r: { type: 'string', maxLength: 50 },
      m: { type: 'object', maxProperties: 10, additionalProperties: { type: 'string', maxLength: 20 } },
      ls: { type: 'array', maxItems: 50, items: { type: 'string', maxLength: 10 } },
      lo: { type: 'array', maxItems: 20, items: { type: 'object', properties: { k: { type: 'string', maxLength: 5 } } } },
      u: { type: 'string', enum: ['aa', 'bbbb'] },
    };
    for (const [expression, factor] of [
      ['self.s == self.r', '2.7x'],
      ['self.s.contains(self.r)', '80.7x'],
      ['self.s + self.r == "x"', '6.8x'],
      ['self.s in self.ls', '5.7x'],
      ['self.m.all(k, k == "a")', '4.6x'],
      ['self.m.all(k, v, k == v)', '5.6x'],
      ['self.lo.exists(e, has(e.k))', '10.6x'],
      ['self.lo.map(e, e.k).all(k, k == "a")', '37.7x'],
      ['self.ls.join(",") == "a"', '21.1x'],
    ] as const) {
      const validations = [{ rule: `self.l.all(w, self.l.all(w2, (${expression})))`, message: 'm' }];
      const [, found] = causes(await define({ type: 'object', properties, 'x-kubernetes-validations': validations })) as [number, string];
      expect(/factor of (\S+x)/.exec(found)?.[1], expression).to.equal(factor);
    }
    const free = { rule: 'self.l.all(w, self.l.all(w2, self.u == "aa"))', message: 'm' };
    expect(causes(await define({ type: 'object', properties, 'x-kubernetes-validations': [free] }))).to.deep.equal([201]);
  });
});
