import { expect } from 'chai';
import { causes, Client } from './client.ts';

const AUTHORIZATION = '/apis/authorization.k8s.io/v1';
const AUTHENTICATION = '/apis/authentication.k8s.io/v1';
const attributes = { verb: 'get', resource: 'pods', namespace: 'default' };

describe('reviews', () => {
  let client: Client;
  before(async () => {
    client = await Client.start();
  });
  after(() => client.stop());
  const ask = async (path: string, spec: object, metadata: object = {}): Promise<string[]> =>
    causes(await client.call('POST', path, { metadata, spec }));

  it('of access are refused where they ask for nothing, for two things or for nobody', async () => {
    expect(await ask(`${AUTHORIZATION}/selfsubjectaccessreviews`, {})).to.deep.equal(['422', 'FieldValueInvalid spec.resourceAttributes']);
    const both = { resourceAttributes: attributes, nonResourceAttributes: { verb: 'get', path: '/' } };
    expect(await ask(`${AUTHORIZATION}/selfsubjectaccessreviews`, both)).to.deep.equal([
      '422',
      'FieldValueInvalid spec.nonResourceAttributes',
    ]);
    expect(await ask(`${AUTHORIZATION}/subjectaccessreviews`, { resourceAttributes: attributes })).to.deep.equal([
      '422',
      'FieldValueInvalid spec.user',
    ]);
    const bob = { user: 'bob', resourceAttributes: attributes };
    expect(await ask(`${AUTHORIZATION}/subjectaccessreviews`, bob, { name: 'x' })).to.deep.equal(['422', 'FieldValueInvalid metadata']);
    const other = { user: 'bob', resourceAttributes: { ...attributes, namespace: 'kube-system' } };
    expect(await ask(`${AUTHORIZATION}/namespaces/default/localsubjectaccessreviews`, other)).to.deep.equal([
      '422',
      'FieldValueInvalid spec.resourceAttributes.namespace',
    ]);
  });

  it('of access say by which binding it is given', async () => {
    await client.call('POST', '/apis/rbac.authorization.k8s.io/v1/namespaces/default/rolebindings', {
      metadata: { name: 'readers' },
      roleRef: { kind: 'ClusterRole', name: 'view' },
      subjects: [{ kind: 'ServiceAccount', name: 'reader' }],
    });
    const user = 'system:serviceaccount:default:reader';
    const { body } = await client.call('POST', `${AUTHORIZATION}/subjectaccessreviews`, { spec: { user, resourceAttributes: attributes } });
    expect(body.status).to.deep.equal({
      allowed: true,
      reason: 'RBAC: allowed by RoleBinding "readers/default" of ClusterRole "view" to ServiceAccount "reader/default"',
    });
  });

  it('of rules need a namespace, and those of tokens a token', async () => {
    expect(await ask(`${AUTHORIZATION}/selfsubjectrulesreviews`, {})).to.deep.equal(['400']);
    expect(await ask(`${AUTHENTICATION}/tokenreviews`, {})).to.deep.equal(['400']);
    expect(await ask(`${AUTHENTICATION}/tokenreviews`, { token: 'x' })).to.deep.equal(['201']);
  });

  it('of another kind than the path says are refused', async () => {
    const { status } = await client.call('POST', `${AUTHENTICATION}/tokenreviews`, { kind: 'Pod', apiVersion: 'v1', spec: { token: 'x' } });
    expect(status).to.equal(400);
  });

  it('a binding says all that is wrong with its target', async () => {
    const { details } = (
      await client.call('POST', '/api/v1/namespaces/default/pods/none/binding', { metadata: { name: 'none' }, target: { kind: 'Pod' } })
    ).body;
    expect(details.causes.map((c: { field: string }) => c.field)).to.deep.equal(['target.kind', 'target.name']);
  });
});
