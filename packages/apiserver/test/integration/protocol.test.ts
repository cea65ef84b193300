import { expect } from 'chai';
import { parse } from 'yaml';
import { causes, Client, configMap, MAPS } from './client.ts';

describe('the protocol', () => {
  let client: Client;
  before(async () => {
    client = await Client.start();
  });
  after(() => client.stop());

  it('takes kind and apiVersion from the path where a built-in object has none', async () => {
    const { status, body } = await client.call('POST', MAPS, { metadata: { name: 'plain' } });
    expect([status, body.kind, body.apiVersion]).to.deep.equal([201, 'ConfigMap', 'v1']);
  });

  it('gets one object by its name, whatever else is asked', async () => {
    await client.call('POST', MAPS, configMap('one'));
    expect((await client.call('GET', `${MAPS}/one?watch=true`)).body.metadata.name).to.equal('one');
    expect((await client.call('POST', `${MAPS}/one`, configMap('one'))).status).to.equal(405);
    expect((await client.call('GET', `${MAPS}/one?resourceVersion=99999999`)).status).to.equal(504);
    const table = { accept: 'application/json;as=Table;v=v1;g=meta.k8s.io' };
    expect((await client.call('GET', `${MAPS}?includeObject=Some`, undefined, table)).status).to.equal(400);
  });

  it('answers in YAML whoever asks for it, as Go writes it; what is refused too, but no watch', async () => {
    const yaml = { accept: 'application/yaml' };
    const data = { lines: 'a\nb\n', maybe: 'yes', number: '1', plain: 'text', time: '2026-01-01T00:00:00Z' };
    await client.call('POST', MAPS, configMap('yaml', data));
    const one = await client.call('GET', `${MAPS}/yaml`, undefined, yaml);
    expect(one.headers['content-type']).to.equal('application/yaml');
    expect(one.text.slice(0, one.text.indexOf('metadata:'))).to.equal(
      'apiVersion: v1\ndata:\n  lines: |\n    a\n    b\n  maybe: "yes"\n  number: "1"\n  plain: text\n  time: "2026-01-01T00:00:00Z"\nkind: ConfigMap\n',
    );
    const json = await client.call('GET', MAPS);
    expect(parse((await client.call('GET', MAPS, undefined, yaml)).text)).to.deep.equal(json.body);
    const none = await client.call('GET', `${MAPS}/none`, undefined, yaml);
    expect([none.status, none.headers['content-type'], parse(none.text).reason]).to.deep.equal([404, 'application/yaml', 'NotFound']);
    for (const path of [`${MAPS}?watch=1`, '/version'])
      expect((await client.call('GET', path, undefined, yaml)).status, path).to.equal(406);
  });

  it('names finalizers and owners that are none by the paths of Kubernetes', async () => {
    const owner = { apiVersion: 'v1', kind: 'Pod', name: 'p', uid: '' };
    expect(
      causes(await client.call('POST', MAPS, configMap('bad', {}, { finalizers: ['mine', 'a b'], ownerReferences: [owner] }))),
    ).to.deep.equal([
      '422',
      'FieldValueInvalid metadata.finalizers[0]',
      'FieldValueInvalid metadata.finalizers',
      'FieldValueInvalid metadata.finalizers[1]',
      'FieldValueInvalid metadata.ownerReferences.uid',
    ]);
  });

  it('checks the options of writes', async () => {
    expect(causes(await client.call('POST', `${MAPS}?fieldManager=${'m'.repeat(129)}`, configMap('opt')))).to.deep.equal([
      '422',
      'FieldValueTooLong fieldManager',
    ]);
    await client.call('POST', MAPS, configMap('opt'));
    const both = { propagationPolicy: 'Orphan', orphanDependents: true };
    expect(causes(await client.call('DELETE', `${MAPS}/opt`, both))).to.deep.equal(['422', 'FieldValueInvalid propagationPolicy']);
  });

  it('leaves the pods of a job that is deleted without a word about them, and says so', async () => {
    const jobs = '/apis/batch/v1/namespaces/default/jobs';
    const job = (name: string): object => ({
      apiVersion: 'batch/v1',
      kind: 'Job',
      metadata: { name },
      spec: { template: { spec: { restartPolicy: 'Never', containers: [{ name: 'c', image: 'i' }] } } },
    });
    await client.call('POST', jobs, job('a'));
    const silent = await client.call('DELETE', `${jobs}/a`);
    expect(silent.body.metadata.finalizers).to.deep.equal(['orphan']);
    expect(silent.headers['warning']).to.contain('child pods are preserved by default');
    await client.call('POST', jobs, job('b'));
    const told = await client.call('DELETE', `${jobs}/b?propagationPolicy=Background`);
    expect([told.body.status, told.headers['warning']]).to.deep.equal(['Success', undefined]);
  });

  it('says of its kinds what differs from their group, once', async () => {
    const accept = 'application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList';
    const { body } = await client.call('GET', '/apis', undefined, { accept });
    const apps = body.items.find((i: { metadata: { name: string } }) => i.metadata.name === 'apps');
    const deployments = apps.versions[0].resources.find((r: { resource: string }) => r.resource === 'deployments');
    expect(deployments.responseKind).to.deep.equal({ group: '', version: '', kind: 'Deployment' });
    expect(deployments.subresources[0].responseKind).to.deep.equal({ group: 'autoscaling', version: 'v1', kind: 'Scale' });
  });

  it('shows one and the same event in both groups, each by its names', async () => {
    const core = '/api/v1/namespaces/default/events';
    const newer = '/apis/events.k8s.io/v1/namespaces/default/events';
    const regarding = { kind: 'Pod', name: 'p', namespace: 'default' };
    const made = await client.call('POST', newer, {
      apiVersion: 'events.k8s.io/v1',
      kind: 'Event',
      metadata: { name: 'e' },
      eventTime: '2024-01-01T00:00:00.000000Z',
      type: 'Normal',
      reason: 'R',
      action: 'A',
      note: 'hello',
      regarding,
      reportingController: 'example.com/c',
      reportingInstance: 'i',
    });
    expect([made.status, made.body.note]).to.deep.equal([201, 'hello']);
    const { body } = await client.call('GET', `${core}?fieldSelector=involvedObject.name%3Dp`);
    expect(body.items[0]).to.deep.include({ message: 'hello', involvedObject: regarding, reportingComponent: 'example.com/c', source: {} });
    const list = await client.call('GET', `${newer}?fieldSelector=regarding.name%3Dp`);
    expect([list.body.items[0].note, list.body.items[0].kind]).to.deep.equal(['hello', undefined]);
    expect(causes(await client.call('POST', newer, { metadata: { name: 'f' }, regarding }))).to.deep.equal([
      '422',
      'FieldValueRequired eventTime',
      'FieldValueInvalid type',
    ]);
    await client.call('DELETE', `${core}/e`);
    expect((await client.call('GET', `${newer}/e`)).status).to.equal(404);
  });
});
