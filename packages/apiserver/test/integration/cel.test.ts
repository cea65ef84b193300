import { expect } from 'chai';
import { Client, type Answer } from './client.ts';

const DEFINITIONS = '/apis/apiextensions.k8s.io/v1/customresourcedefinitions';

describe('rules of custom resources', () => {
  let client: Client;
  let count = 0;
  before(async () => {
    client = await Client.start();
  });
  after(() => client.stop());

  const define = (spec: object, extra: object = {}): Promise<Answer> => {
    const plural = `cels${(count += 1)}`;
    return client.call('POST', DEFINITIONS, {
      apiVersion: 'apiextensions.k8s.io/v1',
      kind: 'CustomResourceDefinition',
      metadata: { name: `${plural}.cel.test` },
      spec: {
        group: 'cel.test',
        scope: 'Cluster',
        names: { plural, kind: `Cel${count}` },
        versions: [
          { name: 'v1', served: true, storage: true, schema: { openAPIV3Schema: { type: 'object', properties: { spec }, ...extra } } },
        ],
      },
    });
  };
  const path = (name = ''): string => `/apis/cel.test/v1/cels${count}${name}`;
  const object = (name: string, spec: unknown): object => ({ apiVersion: 'cel.test/v1', kind: `Cel${count}`, metadata: { name }, spec });
  const create = (name: string, spec: unknown): Promise<Answer> => client.call('POST', path(), object(name, spec));
  const replace = (name: string, spec: unknown): Promise<Answer> =>
    client.call('PATCH', path(`/${name}`), [{ op: 'add', path: '/spec', value: spec }], { 'content-type': 'application/json-patch+json' });
  const causes = (answer: Answer): string[] =>
    answer.status === 422 ? answer.body.details.causes.map((c: any) => `${c.field}: ${c.message}`) : [String(answer.status)];

  it('say what is wrong, where, and why, in items of lists and maps too', async () => {
    const answer = await define({
      type: 'object',
      'x-kubernetes-validations': [
        {
          rule: 'self.min <= self.max',
          messageExpression: "'%d is more than %d'.format([self.min, self.max])",
          reason: 'FieldValueForbidden',
          fieldPath: '.min',
        },
        { rule: 'self.min != 13' },
      ],
      properties: {
        min: { type: 'integer' },
        max: { type: 'integer' },
        ports: {
          type: 'array',
          items: {
            type: 'object',
            properties: { port: { type: 'integer' } },
            'x-kubernetes-validations': [{ rule: 'has(self.port)', message: 'a port', reason: 'FieldValueRequired', fieldPath: '.port' }],
          },
        },
        hosts: {
          type: 'object',
          additionalProperties: { type: 'string', 'x-kubernetes-validations': [{ rule: 'isURL(self)', message: 'an URL' }] },
        },
      },
    });
    expect(answer.status, JSON.stringify(answer.body)).to.equal(201);
    expect(causes(await create('good', { min: 1, max: 2, ports: [{ port: 1 }], hosts: { 'a.b': 'https://a' } }))).to.deep.equal(['201']);
    expect(causes(await create('bad', { min: 13, max: 2, ports: [{ port: 1 }, {}], hosts: { 'a.b': 'no' } }))).to.deep.equal([
      'spec.min: Forbidden: 13 is more than 2',
      'spec: Invalid value: failed rule: self.min != 13',
      'spec.ports[1].port: Required value: a port',
      'spec.hosts[a.b]: Invalid value: "no": an URL',
    ]);
    expect(causes(await create('missing', { min: 1 }))).to.deep.equal([
      'spec: Invalid value: "object": no such key: max evaluating rule: self.min <= self.max',
    ]);
  });

  it('of transitions run on updates, those of an optional old value on creation too', async () => {
    await define({
      type: 'object',
      properties: {
        fixed: { type: 'string', 'x-kubernetes-validations': [{ rule: 'self == oldSelf', message: 'fixed' }] },
        state: {
          type: 'string',
          'x-kubernetes-validations': [{ rule: "oldSelf.hasValue() || self == 'new'", message: 'starts as new', optionalOldSelf: true }],
        },
        list: {
          type: 'array',
          'x-kubernetes-list-type': 'map',
          'x-kubernetes-list-map-keys': ['k'],
          items: {
            type: 'object',
            required: ['k'],
            properties: { k: { type: 'string' }, v: { type: 'integer' } },
            'x-kubernetes-validations': [{ rule: 'self.v >= oldSelf.v', message: 'only up' }],
          },
        },
      },
    });
    expect(causes(await create('a', { state: 'old' }))).to.deep.equal(['spec.state: Invalid value: "old": starts as new']);
    expect(causes(await create('a', { fixed: 'x', state: 'new', list: [{ k: 'a', v: 1 }] }))).to.deep.equal(['201']);
    expect(
      causes(
        await replace('a', {
          fixed: 'y',
          state: 'old',
          list: [
            { k: 'b', v: 0 },
            { k: 'a', v: 0 },
          ],
        }),
      ),
    ).to.deep.equal(['spec.fixed: Invalid value: "y": fixed', 'spec.list[1]: Invalid value: only up']);
    expect(
      causes(
        await replace('a', {
          fixed: 'x',
          state: 'old',
          list: [
            { k: 'b', v: 0 },
            { k: 'a', v: 2 },
          ],
        }),
      ),
    ).to.deep.equal(['200']);
  });

  it('that do not compile are refused by name', async () => {
    const cause = async (rule: string, more: object = {}): Promise<string> => {
      const answer = await define({
        type: 'object',
        properties: { n: { type: 'integer' }, list: { type: 'array', items: { type: 'string', ...more } } },
        'x-kubernetes-validations': [{ rule }],
      });
      return causes(answer).join('\n');
    };
    const at = 'spec.validation.openAPIV3Schema.properties[spec].x-kubernetes-validations[0].rule: Invalid value: ';
    expect(await cause('foo(self.n)'))
      .to.match(/^spec\.validation/)
      .and.include(at)
      .and.include("<input>:1:4: undeclared reference to 'foo' (in container '')\n | foo(self.n)\n | ...^");
    expect(await cause('self.nope == 1')).to.include("<input>:1:5: undefined field 'nope'");
    expect(await cause('has(self.nope)')).to.include("undefined field 'nope'");
    expect(await cause("self.n == 'a'")).to.include("found no matching overload for '_==_' applied to '(int, string)'");
    expect(await cause('self.n + 1')).to.include('must evaluate to a bool');
    expect(await cause('self.n >')).to.include('Syntax error');
    expect(await cause('true', { 'x-kubernetes-validations': [{ rule: 'self == oldSelf' }] })).to.include(
      'oldSelf cannot be used on the uncorrelatable portion',
    );
  });

  it('leave alone what an update does not change', async () => {
    await define({ type: 'object', properties: { a: { type: 'string' }, b: { type: 'string' } } });
    expect(causes(await create('old', { a: 'LONG', b: 'x' }))).to.deep.equal(['201']);
    const crd = `${DEFINITIONS}/cels${count}.cel.test`;
    const stricter = [
      {
        op: 'add',
        path: '/spec/versions/0/schema/openAPIV3Schema/properties/spec/properties/a',
        value: { type: 'string', maxLength: 2, 'x-kubernetes-validations': [{ rule: "self != 'LONG'" }] },
      },
    ];
    expect((await client.call('PATCH', crd, stricter, { 'content-type': 'application/json-patch+json' })).status).to.equal(200);
    expect(causes(await replace('old', { a: 'LONG', b: 'y' }))).to.deep.equal(['200']);
    expect(causes(await replace('old', { a: 'LONGER', b: 'y' }))).to.not.deep.equal(['200']);
    expect(causes(await create('new', { a: 'LONG' }))).to.not.deep.equal(['201']);
  });

  it('know the functions of Kubernetes', async () => {
    const rules = [
      "semver('1.2.3-rc.10').isGreaterThan(semver('1.2.3-rc.9')) && semver('1.2.3-rc.9').isLessThan(semver('1.2.3')) && semver('v01.2', true).minor() == 2 && semver('1.0.0+a') == semver('1.0.0') && semver('1.0.0-a').compareTo(semver('1.0.0-1')) == 1",
      "isSemver('1.2.3') && !isSemver('1.2') && isSemver('1.2', true) && !isSemver('1.02.3') && !isSemver('v1.2.3') && !isSemver('1.2-a', true) && !isSemver('')",
      "quantity(self.q).isLessThan(quantity('1Gi')) && isQuantity('1.5e3') && !isQuantity('x') && quantity('1k').asInteger() == 1000",
      "isIP(self.ip) && ip(self.ip).family() == 4 && ip('10.0.0.1') == ip(self.ip) && !isIP('1.2.3')",
      "cidr('10.0.0.0/8').containsIP(self.ip) && cidr('10.0.0.0/8').containsCIDR('10.1.0.0/16') && cidr('fd00::/8').prefixLength() == 8",
      "url('https://u@h:8080/p/q?a=b').getHostname() == 'h' && url('https://h:1/p').getPort() == '1' && url('https://h/p?a=b').getQuery()['a'] == ['b']",
      'self.list.isSorted() && self.list.sum() == 6 && self.list.max() == 3 && self.list.min() == 1 && self.list.indexOf(2) == 1',
      "'a1b22'.findAll('[0-9]+') == ['1', '22'] && 'a1'.find('[0-9]') == '1' && self.ip.matches('(?i)^[0-9.]+$')",
      'sets.contains(self.list, [1]) && sets.intersects(self.list, [3, 9]) && sets.equivalent([1, 2], [2, 1, 1])',
      "!format.dns1123Label().validate('ok').hasValue() && format.named('uuid').value().validate('x').hasValue()",
      "'abc'.charAt(1) == 'b' && 'a,b'.split(',') == ['a', 'b'] && self.words.join('-') == 'a-b' && 'aa'.replace('a', 'b') == 'bb' && ' a '.trim() == 'a'",
      'self.list.all(i, v, v == i + 1) && self.list.exists_one(v, v == 2) && self.list.transformList(i, v, v * 2) == [2, 4, 6]',
      "self.?nothing.orValue('none') == 'none' && optional.none() != null && cel.bind(x, self.list[0], x == 1)",
      "timestamp('2026-01-01T00:00:00Z') - duration('1h') < timestamp(self.when) && self.when.getFullYear() == 2026",
      'self.__namespace__.startsWith("n") && self.a__dash__b == 1 && type(self.port) == string',
    ];
    const properties = {
      q: { type: 'string' },
      ip: { type: 'string' },
      list: { type: 'array', maxItems: 10, items: { type: 'integer' } },
      words: { type: 'array', maxItems: 5, items: { type: 'string', maxLength: 5 } },
      nothing: { type: 'string' },
      when: { type: 'string', format: 'date-time' },
      namespace: { type: 'string' },
      'a-b': { type: 'integer' },
      port: { 'x-kubernetes-int-or-string': true },
    };
    const whens = { type: 'object', properties, 'x-kubernetes-validations': rules.map((rule) => ({ rule })) };
    const defined = await define({ ...whens, properties: { ...properties, when: { type: 'string', format: 'date-time' } } });
    expect(causes(defined)).to.deep.equal(['201']);
    expect(
      causes(
        await create('all', {
          q: '500Mi',
          ip: '10.0.0.1',
          list: [1, 2, 3],
          words: ['a', 'b'],
          when: '2026-06-01T00:00:00Z',
          namespace: 'n',
          'a-b': 1,
          port: 'http',
        }),
      ),
    ).to.deep.equal(['201']);
  });
});
