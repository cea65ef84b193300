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

  it('counts what texts and lists are long', async () => {
    const text = { type: 'string', maxLength: 20_000 };
    await define({ ...text, 'x-kubernetes-validations': [{ rule: "self.contains(self + 'b') || true", message: 'contained' }] });
    expect(causes(await create('long', 'a'.repeat(15_000)))[1]).to.contain('actual cost limit exceeded');
    expect(causes(await create('short', 'a'.repeat(500)))).to.deep.equal([201]);
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
});
