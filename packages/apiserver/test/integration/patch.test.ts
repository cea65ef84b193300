import { expect } from 'chai';
import { causes, Client, configMap, MAPS, type Answer } from './client.ts';

const TYPES = {
  json: 'application/json-patch+json',
  merge: 'application/merge-patch+json',
  strategic: 'application/strategic-merge-patch+json',
};
const PATCH = 'FieldValueInvalid patch';

describe('patches', () => {
  let client: Client;
  before(async () => {
    client = await Client.start();
  });
  after(() => client.stop());
  beforeEach(async () => {
    await client.call('DELETE', `${MAPS}/p`);
    await client.call('POST', MAPS, configMap('p', { a: '1' }));
  });
  const patch = (type: keyof typeof TYPES, body: unknown, query = ''): Promise<Answer> =>
    client.call('PATCH', `${MAPS}/p${query}`, body, { 'content-type': TYPES[type] });

  it('that make no object of this kind are invalid, not a bad request', async () => {
    expect(causes(await patch('merge', { data: { a: 1 } }))).to.deep.equal(['422', PATCH]);
    expect(causes(await patch('strategic', { data: { a: 1 } }))).to.deep.equal(['422', PATCH]);
    expect(causes(await patch('json', [{ op: 'replace', path: '/data/a', value: 1 }]))).to.deep.equal(['422', PATCH]);
    expect(causes(await patch('merge', { kind: 'Secret' }))).to.deep.equal(['422', PATCH]);
    expect((await patch('strategic', { kind: 'Secret' })).body.kind).to.equal('ConfigMap');
  });

  it('are read as strictly as is asked for', async () => {
    for (const [type, body] of [
      ['merge', { colour: 'red' }],
      ['strategic', { colour: 'red' }],
      ['merge', '{"data":{"a":"1","a":"2"}}'],
      ['json', [{ op: 'add', path: '/data/b', value: '1', why: 'not' }]],
    ] as const) {
      expect(causes(await patch(type, body, '?fieldValidation=Strict')), JSON.stringify(body)).to.deep.equal(['422', PATCH]);
      expect((await patch(type, body)).headers['warning'], JSON.stringify(body)).to.be.a('string');
      expect((await patch(type, body, '?fieldValidation=Ignore')).headers['warning']).to.equal(undefined);
    }
  });

  it('of operations find places as the library of Kubernetes does', async () => {
    const data = async (...operations: object[]): Promise<unknown> => {
      const { status, body } = await patch('json', operations, '?dryRun=All');
      return status === 200 ? body.data : status;
    };
    expect(await data({ op: 'replace', path: '/data/new', value: '2' })).to.deep.equal({ a: '1', new: '2' });
    expect(await data({ op: 'test', path: '/data/none', value: null })).to.deep.equal({ a: '1' });
    expect(await data({ op: 'move', from: '/data/a', path: '/data/b' })).to.deep.equal({ b: '1' });
    expect(await data({ op: 'copy', from: '/data/a', path: '/data/b' })).to.deep.equal({ a: '1', b: '1' });
    expect(await data({ op: 'remove', path: '/data/none' })).to.equal(422);
    expect(await data({ op: 'add', path: '/none/b', value: '1' })).to.equal(422);
    expect(await data({ op: 'add' })).to.equal(422);
    expect(await data({ op: 'mend', path: '/data/a' })).to.equal(422);
    expect(await data({ op: 1, path: '/data/a' })).to.equal(400);
    const finalizers = { op: 'add', path: '/metadata/finalizers', value: ['a.b/1', 'a.b/2'] };
    const { body } = await patch('json', [finalizers, { op: 'remove', path: '/metadata/finalizers/-1' }], '?dryRun=All');
    expect(body.metadata.finalizers).to.deep.equal(['a.b/1']);
    const { status } = await patch('json', [finalizers, { op: 'add', path: '/metadata/finalizers/3', value: 'a.b/3' }], '?dryRun=All');
    expect(status).to.equal(422);
  });

  it('may not change what an object is', async () => {
    expect(causes(await patch('merge', { metadata: { uid: 'other' } }))).to.deep.equal([
      '422',
      'FieldValueInvalid metadata.uid',
      'FieldValueInvalid metadata.uid',
    ]);
    expect(causes(await patch('merge', { metadata: { deletionTimestamp: '2020-01-01T00:00:00Z' } }))).to.deep.equal([
      '422',
      'FieldValueInvalid metadata.deletionTimestamp',
      'FieldValueInvalid metadata.deletionTimestamp',
    ]);
    expect((await patch('merge', { metadata: { generation: 7, creationTimestamp: null } })).status).to.equal(200);
  });

  it('that nobody expects in a strategic merge are answered without a reason', async () => {
    const node = { metadata: { name: 'n' }, spec: { taints: [] }, status: {} };
    await client.call('POST', '/api/v1/nodes', node);
    const conditions = async (status: object): Promise<[number, string | undefined]> => {
      const answer = await client.call('PATCH', '/api/v1/nodes/n/status', { status }, { 'content-type': TYPES.strategic });
      return [answer.status, answer.body.reason];
    };
    expect(await conditions({ conditions: [{ status: 'True' }] })).to.deep.equal([500, undefined]);
    expect(await conditions({ $patch: 'mend' })).to.deep.equal([500, undefined]);
    expect(await conditions({ $retainKeys: ['phase'], conditions: [] })).to.deep.equal([400, 'BadRequest']);
    const order = { '$setElementOrder/conditions': [{ type: 'A' }], conditions: [{ type: 'B', status: 'True' }] };
    expect(await conditions(order)).to.deep.equal([500, undefined]);
  });
});

describe('versions and identities in writes', () => {
  let client: Client;
  before(async () => {
    client = await Client.start();
  });
  after(() => client.stop());

  it('a version that no version can be, and one in a creation, are answered without a reason', async () => {
    expect((await client.call('POST', MAPS, configMap('v', {}, { resourceVersion: '5' }))).status).to.equal(500);
    expect((await client.call('POST', MAPS, configMap('v', {}, { resourceVersion: 'new' }))).status).to.equal(201);
    expect((await client.call('PUT', `${MAPS}/v`, configMap('v', {}, { resourceVersion: 'new' }))).status).to.equal(500);
  });

  it('an update makes a lease, and no config map, where there is none', async () => {
    const leases = '/apis/coordination.k8s.io/v1/namespaces/default/leases';
    expect((await client.call('PUT', `${leases}/l`, { metadata: { name: 'l' }, spec: {} })).status).to.equal(201);
    expect((await client.call('PUT', `${leases}/l`, { metadata: { name: 'l' }, spec: {} })).status).to.equal(422);
    expect((await client.call('PUT', `${MAPS}/none`, configMap('none'))).status).to.equal(404);
  });

  it('an owner that is named twice is one', async () => {
    const owner = { apiVersion: 'v1', kind: 'Pod', name: 'p', uid: '1' };
    const { body, headers } = await client.call('POST', MAPS, configMap('owned', {}, { ownerReferences: [owner, owner] }));
    expect(body.metadata.ownerReferences).to.deep.equal([owner]);
    expect(headers['warning']).to.contain('duplicate');
  });
});
