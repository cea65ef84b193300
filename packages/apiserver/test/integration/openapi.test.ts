import { expect } from 'chai';
import { Client } from './client.ts';

const PROTOBUF = 'application/com.github.proto-openapi.spec.v2.v1.0+protobuf';
const strings = { apiVersion: { type: 'string' }, kind: { type: 'string' } };
const metadata = { $ref: '#/definitions/io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta' };

/** A message's fields as they are written: the number of each, and a number or its bytes. */
function fieldsOf(bytes: Buffer): [number: number, value: number | Buffer][] {
  let at = 0;
  const varint = (): number => {
    let value = 0;
    for (let scale = 1; ; scale *= 128) {
      const byte = bytes[at++]!;
      value += (byte & 127) * scale;
      if (byte < 128) return value;
    }
  };
  const found: [number, number | Buffer][] = [];
  while (at < bytes.length) {
    const key = varint();
    const length = key % 8 === 2 ? varint() : key % 8 === 1 ? 8 : 0;
    found.push([Math.floor(key / 8), key % 8 === 0 ? varint() : bytes.subarray(at, (at += length))]);
  }
  return found;
}

const field = (bytes: Buffer, number: number): Buffer => fieldsOf(bytes).find(([n]) => n === number)![1] as Buffer;
/** The message under a name, among fields of a number that are pairs of both. */
const under = (bytes: Buffer, number: number, name: string): Buffer => {
  const pairs = fieldsOf(bytes).filter(([n]) => n === number);
  return field(pairs.find(([, pair]) => field(pair as Buffer, 1).toString() === name)![1] as Buffer, 2);
};

describe('OpenAPI v2', () => {
  let client: Client;
  before(async () => {
    client = await Client.start();
    const spec = {
      type: 'object',
      required: ['size', 'maybe'],
      properties: {
        size: { type: 'integer', format: 'int32', minimum: 1, maximum: 9, multipleOf: 1, default: 5 },
        name: { type: 'string', maxLength: 300, pattern: '^a', enum: ['a', 'ab'] },
        parts: {
          type: 'array',
          'x-kubernetes-list-type': 'map',
          'x-kubernetes-list-map-keys': ['k'],
          items: { type: 'object', required: ['k'], properties: { k: { type: 'string' } } },
        },
        maybe: { type: 'string', nullable: true },
        port: { 'x-kubernetes-int-or-string': true, anyOf: [{ type: 'integer' }, { type: 'string' }] },
        free: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true, properties: { a: { type: 'string' } } },
        inner: { type: 'object', 'x-kubernetes-embedded-resource': true, properties: { spec: { type: 'object' } } },
        either: { type: 'object', properties: { a: { type: 'string' } }, oneOf: [{ required: ['a'] }] },
      },
    };
    const made = await client.call('POST', '/apis/apiextensions.k8s.io/v1/customresourcedefinitions', {
      metadata: { name: 'cups.ex.io' },
      spec: {
        group: 'ex.io',
        scope: 'Namespaced',
        names: { plural: 'cups', singular: 'cup', kind: 'Cup' },
        versions: [
          {
            name: 'v1',
            served: true,
            storage: true,
            subresources: { status: {} },
            schema: { openAPIV3Schema: { type: 'object', properties: { spec } } },
          },
        ],
      },
    });
    expect(made.status, made.text).to.equal(201);
  });
  after(() => client.stop());

  it('has the types of built-in kinds under the names of their packages, with what lists are merged by', async () => {
    const { body, headers } = await client.call('GET', '/openapi/v2');
    expect([headers['content-type'], body.swagger]).to.deep.equal(['application/json', '2.0']);
    const { definitions } = body;
    expect(definitions['io.k8s.api.core.v1.Pod']).to.deep.equal({
      type: 'object',
      properties: {
        ...strings,
        metadata,
        spec: { $ref: '#/definitions/io.k8s.api.core.v1.PodSpec' },
        status: { $ref: '#/definitions/io.k8s.api.core.v1.PodStatus' },
      },
      'x-kubernetes-group-version-kind': [{ group: '', version: 'v1', kind: 'Pod' }],
    });
    expect(definitions['io.k8s.api.core.v1.PodSpec'].properties.containers).to.deep.equal({
      type: 'array',
      items: { $ref: '#/definitions/io.k8s.api.core.v1.Container' },
      'x-kubernetes-list-map-keys': ['name'],
      'x-kubernetes-list-type': 'map',
      'x-kubernetes-patch-merge-key': 'name',
      'x-kubernetes-patch-strategy': 'merge',
    });
    expect(definitions['io.k8s.apimachinery.pkg.util.intstr.IntOrString']).to.deep.equal({ type: 'string', format: 'int-or-string' });
    expect(definitions['io.k8s.apimachinery.pkg.api.resource.Quantity']).to.deep.equal({ type: 'string' });
    expect(definitions['io.k8s.api.core.v1.PodList'].properties.items.items).to.deep.equal({
      $ref: '#/definitions/io.k8s.api.core.v1.Pod',
    });
    for (const home of ['io.k8s.apiextensions-apiserver.pkg.apis.apiextensions', 'io.k8s.kube-aggregator.pkg.apis.apiregistration'])
      expect(
        Object.keys(definitions).some((name) => name.startsWith(`${home}.v1.`)),
        home,
      ).to.equal(true);
    const refs = new Set(JSON.stringify(body).match(/#\/definitions\/[^"]+/g));
    expect([...refs].filter((ref) => !definitions[ref.slice('#/definitions/'.length)])).to.deep.equal([]);
  });

  it('says of a custom kind what has one type, so that kubectl refuses nothing good', async () => {
    const { definitions } = (await client.call('GET', '/openapi/v2')).body;
    expect(definitions['io.ex.v1.Cup']).to.deep.equal({
      type: 'object',
      properties: {
        ...strings,
        metadata,
        spec: {
          type: 'object',
          required: ['size'],
          properties: {
            size: { type: 'integer', format: 'int32', minimum: 1, maximum: 9, multipleOf: 1 },
            name: { type: 'string', maxLength: 300, pattern: '^a', enum: ['a', 'ab'] },
            parts: {
              type: 'array',
              'x-kubernetes-list-type': 'map',
              'x-kubernetes-list-map-keys': ['k'],
              items: { type: 'object', required: ['k'], properties: { k: { type: 'string' } } },
            },
            maybe: {},
            port: { 'x-kubernetes-int-or-string': true },
            free: { 'x-kubernetes-preserve-unknown-fields': true },
            inner: {
              type: 'object',
              required: ['kind', 'apiVersion'],
              'x-kubernetes-embedded-resource': true,
              properties: { ...strings, metadata, spec: { type: 'object' } },
            },
            either: { type: 'object', properties: { a: { type: 'string' } } },
          },
        },
      },
      'x-kubernetes-group-version-kind': [{ group: 'ex.io', version: 'v1', kind: 'Cup' }],
    });
    expect(definitions['io.ex.v1.CupList'].required).to.deep.equal(['items']);
  });

  it('has the operations by which clients know what a server can', async () => {
    const { paths } = (await client.call('GET', '/openapi/v2')).body;
    const pods = '/api/v1/namespaces/{namespace}/pods';
    expect(Object.keys(paths[pods])).to.deep.equal(['get', 'post', 'delete', 'parameters']);
    expect(Object.keys(paths['/api/v1/pods'])).to.deep.equal(['get']);
    const { patch } = paths[`${pods}/{name}`];
    expect(patch['x-kubernetes-group-version-kind']).to.deep.equal({ group: '', version: 'v1', kind: 'Pod' });
    expect(patch.parameters.map((p: { name: string }) => p.name)).to.include.members(['body', 'dryRun', 'fieldValidation', 'force']);
    expect(paths[`${pods}/{name}/exec`].post['x-kubernetes-action']).to.equal('connect');
    expect(Object.keys(paths['/apis/ex.io/v1/namespaces/{namespace}/cups/{name}/status'])).to.include.members(['get', 'put', 'patch']);
  });

  it('is protobuf for whoever asks for that, JSON else, and nothing when the client has it', async () => {
    for (const accept of ['application/com.github.proto-openapi.spec.v2@v1.0+protobuf', `${PROTOBUF}, application/json;q=0.5`]) {
      const { status, headers } = await client.call('GET', '/openapi/v2', undefined, { accept });
      expect([status, headers['content-type']]).to.deep.equal([200, PROTOBUF]);
    }
    const json = await client.call('GET', '/openapi/v2', undefined, { accept: '*/*' });
    expect([json.status, json.body.swagger]).to.deep.equal([200, '2.0']);
    const known = await client.call('GET', '/openapi/v2', undefined, { 'if-none-match': String(json.headers['etag']) });
    expect([known.status, known.text]).to.deep.equal([304, '']);
    const none = await client.call('GET', '/openapi/v2', undefined, { accept: 'text/html' });
    expect([none.status, none.text]).to.deep.equal([406, '']);
  });

  it('is the same document as protobuf', async () => {
    const { bytes } = await client.call('GET', '/openapi/v2', undefined, { accept: PROTOBUF });
    expect(field(bytes, 1).toString()).to.equal('2.0');
    const cup = under(field(bytes, 9), 1, 'io.ex.v1.Cup');
    expect(field(under(cup, 31, 'x-kubernetes-group-version-kind'), 2).toString()).to.equal(
      '[{"group":"ex.io","version":"v1","kind":"Cup"}]',
    );
    const spec = under(field(cup, 25), 1, 'spec');
    expect(field(spec, 19).toString()).to.equal('size');
    expect(field(field(spec, 22), 1).toString()).to.equal('object');
    const size = under(field(spec, 25), 1, 'size');
    expect([field(size, 2).toString(), field(size, 7).readDoubleLE(), field(size, 9).readDoubleLE()]).to.deep.equal(['int32', 9, 1]);
    const name = under(field(spec, 25), 1, 'name');
    expect([field(name, 11), field(field(name, 20), 2).toString()]).to.deep.equal([300, '"a"']);
    const item = under(field(bytes, 8), 2, '/apis/ex.io/v1/namespaces/{namespace}/cups/{name}');
    const patch = field(item, 8);
    expect(field(under(patch, 13, 'x-kubernetes-action'), 2).toString()).to.equal('"patch"');
    expect(field(field(field(field(under(field(patch, 9), 1, '200'), 1), 2), 1), 1).toString()).to.equal('#/definitions/io.ex.v1.Cup');
    const dryRun = field(field(field(fieldsOf(patch).filter(([n]) => n === 8)[1]![1] as Buffer, 1), 2), 3);
    expect([field(dryRun, 2).toString(), field(dryRun, 4).toString()]).to.deep.equal(['query', 'dryRun']);
  });
});
