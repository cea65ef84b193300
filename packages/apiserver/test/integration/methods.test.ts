import { expect } from 'chai';
import { Client, configMap, MAPS } from './client.ts';

const CRDS = '/apis/apiextensions.k8s.io/v1/customresourcedefinitions';
const WIDGETS = '/apis/ex.io/v1/namespaces/default/widgets';
const widget = (name: string): object => ({ apiVersion: 'ex.io/v1', kind: 'Widget', metadata: { name } });

describe('methods', () => {
  let client: Client;
  before(async () => {
    client = await Client.start();
    const schema = { openAPIV3Schema: { type: 'object' } };
    await client.call('POST', CRDS, {
      metadata: { name: 'widgets.ex.io' },
      spec: {
        group: 'ex.io',
        scope: 'Namespaced',
        names: { plural: 'widgets', singular: 'widget', kind: 'Widget' },
        versions: [{ name: 'v1', served: true, storage: true, subresources: { status: {} }, schema }],
      },
    });
  });
  after(() => client.stop());

  const said = async (method: string, path: string, body?: unknown, headers?: Record<string, string>): Promise<unknown[]> => {
    const { status, body: answer, text } = await client.call(method, path, body, headers);
    return [status, answer?.kind === 'Status' ? [answer.reason, answer.message, answer.details] : (answer?.kind ?? text)];
  };
  const REFUSED = [405, ['MethodNotAllowed', 'the server does not allow this method on the requested resource', {}]];

  it('that a path of a built-in kind has no route for are refused', async () => {
    for (const [method, path] of [
      ['POST', `${MAPS}/x`],
      ['PUT', MAPS],
      ['PATCH', MAPS],
      ['POST', '/api/v1/configmaps'],
      ['DELETE', '/api/v1/configmaps'],
      ['DELETE', '/api/v1/namespaces'],
      ['DELETE', '/api/v1/namespaces/default/pods/x/log'],
      ['GET', '/api/v1/namespaces/default/pods/x/binding'],
      ['DELETE', '/api'],
      ['PUT', '/apis/apps/v1'],
      ['DELETE', '/version'],
    ] as const)
      expect(await said(method, path, method.startsWith('P') ? configMap('x') : undefined), `${method} ${path}`).to.deep.equal(REFUSED);
  });

  it('are not looked at where there is nothing', async () => {
    const none = [404, ['NotFound', 'the server could not find the requested resource', {}]];
    for (const path of ['/api/v9', '/apis/apps/v9', '/apis/authorization.k8s.io/v1/selfsubjectaccessreviews/x'])
      expect(await said('POST', path), path).to.deep.equal(none);
    expect(await said('POST', '/openapi/v4')).to.deep.equal([404, '404 page not found\n']);
    for (const method of ['DELETE', 'OPTIONS'])
      expect(await said(method, '/api/v1/nodes/x/proxy')).to.deep.equal([
        404,
        ['NotFound', 'nodes "x" not found', { name: 'x', kind: 'nodes' }],
      ]);
  });

  it('take types of a body: a built-in kind by its routes, a custom one by its handler', async () => {
    const patch = { 'content-type': 'application/json' };
    expect(await said('PATCH', `${MAPS}/x`, {}, patch)).to.deep.equal([415, ['UnsupportedMediaType', '415: Unsupported Media Type', {}]]);
    const served = 'application/json-patch+json, application/merge-patch+json, application/apply-patch+yaml';
    const why = `the body of the request was in an unknown format - accepted media types include: ${served}`;
    expect(await said('PATCH', `${WIDGETS}/x`, {}, patch)).to.deep.equal([415, ['UnsupportedMediaType', why, undefined]]);
  });

  it('of a custom kind are refused by its name and their verb', async () => {
    const details = { group: 'ex.io', kind: 'widgets' };
    for (const [method, path, verb] of [
      ['OPTIONS', WIDGETS, ''],
      ['OPTIONS', `${WIDGETS}/x`, ''],
      ['POST', `${WIDGETS}/x/status`, 'create'],
      ['DELETE', `${WIDGETS}/x/status`, 'delete'],
    ] as const)
      expect(await said(method, path), `${method} ${path}`).to.deep.equal([
        405,
        ['MethodNotAllowed', `${verb} is not supported on resources of kind "widgets.ex.io"`, details],
      ]);
    const none = [404, ['NotFound', 'widgets.ex.io "x" not found', { name: 'x', ...details }]];
    for (const sub of ['scale', 'nothing']) expect(await said('GET', `${WIDGETS}/x/${sub}`)).to.deep.equal(none);
  });

  it('on a custom kind need a name and a namespace where they use them, and no more', async () => {
    for (const method of ['PUT', 'PATCH']) {
      const patch = { 'content-type': 'application/merge-patch+json' };
      expect(await said(method, WIDGETS, widget('x'), method === 'PATCH' ? patch : undefined)).to.deep.equal([
        400,
        ['BadRequest', 'name must be provided', undefined],
      ]);
    }
    for (const method of ['POST', 'DELETE', 'OPTIONS'])
      expect(await said(method, '/apis/ex.io/v1/widgets'), method).to.deep.equal([404, '404 page not found\n']);
    // The name is the object's.
    expect(await said('POST', `${WIDGETS}/other`, widget('named'))).to.deep.equal([201, 'Widget']);
    expect(await said('HEAD', `${WIDGETS}/named`)).to.deep.equal([200, '']);
    expect(await said('HEAD', '/apis/ex.io/v1/widgets')).to.deep.equal([200, '']);
    expect(await said('POST', '/apis/ex.io/v1')).to.deep.equal([200, 'APIResourceList']);
  });
});
