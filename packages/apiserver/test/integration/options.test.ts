import { expect } from 'chai';
import { causes, Client, configMap, MAPS } from './client.ts';

/** What the options of requests are refused for: [method, query, status and causes as "reason field"]. */
const cases: [method: string, query: string, ...causes: string[]][] = [
  ['GET', '?resourceVersionMatch=Exact', '422', 'FieldValueForbidden resourceVersionMatch'],
  ['GET', '?resourceVersionMatch=Exact&resourceVersion=0', '422', 'FieldValueForbidden resourceVersionMatch'],
  ['GET', '?resourceVersionMatch=Some&resourceVersion=1', '422', 'FieldValueNotSupported resourceVersionMatch'],
  ['GET', '?resourceVersionMatch=Exact&resourceVersion=1&continue=a', '422', 'FieldValueForbidden resourceVersionMatch'],
  ['GET', '?sendInitialEvents=true', '422', 'FieldValueForbidden sendInitialEvents'],
  ['GET', '?watch=1&sendInitialEvents=true', '422', 'FieldValueForbidden resourceVersionMatch'],
  ['GET', '?watch=yes&resourceVersionMatch=NotOlderThan', '422', 'FieldValueForbidden resourceVersionMatch'],
  [
    'GET',
    '?watch=1&sendInitialEvents=true&resourceVersionMatch=Exact',
    '422',
    'FieldValueForbidden resourceVersionMatch',
    'FieldValueNotSupported resourceVersionMatch',
  ],
  ['GET', '?limit=few', '400'],
  ['GET', '?limit=', '400'],
  ['GET', '?resourceVersion=new', '400'],
  ['GET', '/opt?resourceVersion=new', '500'],
  ['DELETE', '?resourceVersionMatch=Exact', '422', 'FieldValueForbidden resourceVersionMatch'],
  ['DELETE', '/opt?propagationPolicy=Some', '422', 'FieldValueNotSupported propagationPolicy'],
  ['DELETE', '/opt?propagationPolicy=Orphan&orphanDependents=1', '422', 'FieldValueInvalid propagationPolicy'],
  ['DELETE', '/opt?gracePeriodSeconds=soon', '400'],
  ['DELETE', '/opt?dryRun=Some', '422', 'FieldValueNotSupported dryRun'],
  ['POST', '?dryRun=Some&fieldValidation=Some', '422', 'FieldValueNotSupported dryRun', 'FieldValueNotSupported fieldValidation'],
  ['POST', '?fieldManager=%0A%07', '422', 'FieldValueInvalid fieldManager', 'FieldValueInvalid fieldManager'],
  ['PATCH', '/opt?force=0', '422', 'FieldValueForbidden force'],
];

describe('the options of requests', () => {
  let client: Client;
  before(async () => {
    client = await Client.start();
    await client.call('POST', MAPS, configMap('opt'));
  });
  after(() => client.stop());

  for (const [method, query, ...wanted] of cases)
    it(`${method} ${query} is answered ${wanted.join(', ')}`, async () => {
      const body = method === 'POST' ? configMap('x') : method === 'PATCH' ? {} : undefined;
      const type = { 'content-type': method === 'PATCH' ? 'application/merge-patch+json' : 'application/json' };
      expect(causes(await client.call(method, MAPS + query, body, body ? type : {}))).to.deep.equal(wanted);
    });

  it('are refused by the name of the options that the request has', async () => {
    const { body } = await client.call('PUT', `${MAPS}/opt?dryRun=Some`, configMap('opt'));
    expect(body.details).to.include({ group: 'meta.k8s.io', kind: 'UpdateOptions' });
  });

  it('of a deletion are those of its body, if it has one', async () => {
    await client.call('POST', MAPS, configMap('going', {}, { finalizers: ['a.b/c'] }));
    const gone = await client.call('DELETE', `${MAPS}/going?dryRun=All`, { kind: 'DeleteOptions', propagationPolicy: 'Foreground' });
    expect(gone.body.metadata.finalizers).to.deep.equal(['a.b/c', 'foregroundDeletion']);
    const orphans = await client.call('DELETE', `${MAPS}/going?orphanDependents=false`);
    expect([orphans.status, orphans.body.metadata.finalizers]).to.deep.equal([202, ['a.b/c']]);
    expect((await client.call('DELETE', `${MAPS}/going`, { kind: 'Pod' })).status).to.equal(400);
    expect((await client.call('DELETE', `${MAPS}/going`, 'x', { 'content-type': 'text/plain' })).status).to.equal(415);
  });

  it('give pages of the version that they begin at', async () => {
    const before = (await client.call('GET', MAPS)).body.metadata.resourceVersion;
    await client.call('POST', MAPS, configMap('later'));
    const { body } = await client.call('GET', `${MAPS}?limit=500&resourceVersion=${before}`);
    expect([body.metadata.resourceVersion, body.items.map((i: any) => i.metadata.name).includes('later')]).to.deep.equal([before, false]);
  });

  it('ask for shapes that the answer can have, or for none', async () => {
    const as = (shape: string): Record<string, string> => ({ accept: `application/json;as=${shape};v=v1;g=meta.k8s.io,application/json` });
    const status = async (path: string, headers: Record<string, string>): Promise<number> =>
      (await client.call('GET', path, undefined, headers)).status;
    expect(await status(MAPS, as('PartialObjectMetadata'))).to.equal(406);
    expect(await status(`${MAPS}/opt`, as('PartialObjectMetadataList'))).to.equal(406);
    expect(await status(`${MAPS}/opt`, as('Nothing'))).to.equal(200);
    for (const path of [MAPS, '/api', '/apis/apps/v1', '/version']) expect(await status(path, { accept: 'text/html' }), path).to.equal(406);
    const liked = { accept: 'application/json;as=Table;v=v1;g=meta.k8s.io;q=0.1,application/json' };
    expect((await client.call('GET', MAPS, undefined, liked)).body.kind).to.equal('ConfigMapList');
  });

  it('delete collections of a namespace, not of all', async () => {
    expect((await client.call('DELETE', '/api/v1/configmaps')).status).to.equal(405);
  });
});
