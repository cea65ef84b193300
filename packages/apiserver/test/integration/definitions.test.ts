import { expect } from 'chai';
import { Client, type Answer } from './client.ts';

const PATH = '/apis/apiextensions.k8s.io/v1/customresourcedefinitions';

describe('definitions of custom resources refuse', () => {
  let client: Client;
  before(async () => {
    client = await Client.start();
  });
  after(() => client.stop());

  const version = (more: object = {}): object => ({
    name: 'v1',
    served: true,
    storage: true,
    schema: {
      openAPIV3Schema: {
        type: 'object',
        properties: { spec: { type: 'object', properties: { a: { type: 'string' }, o: { type: 'object' } } } },
      },
    },
    ...more,
  });
  const define = (...versions: object[]): Promise<Answer> =>
    client.call('POST', `${PATH}?dryRun=All`, {
      metadata: { name: 'as.defs.test' },
      spec: { group: 'defs.test', scope: 'Cluster', names: { plural: 'as', kind: 'A' }, versions },
    });
  const causes = ({ status, body }: Answer): string[] =>
    status === 422 ? body.details.causes.map((c: any) => `${c.reason} ${c.field}`) : [String(status)];

  it('columns, scales and fields that do not fit, told of where all versions share them', async () => {
    expect(causes(await define(version({ additionalPrinterColumns: [{ name: 'A', type: 'text', jsonPath: '.spec.a' }] })))).to.deep.equal([
      'FieldValueInvalid spec.additionalPrinterColumns[0].type',
    ]);
    const scale = { subresources: { scale: { specReplicasPath: '.status.x', statusReplicasPath: '.status.y' } } };
    expect(causes(await define(version(scale), version({ name: 'v2', storage: false })))).to.deep.equal([
      'FieldValueInvalid spec.versions[0].subresources.scale.specReplicasPath',
    ]);
    expect(causes(await define(version({ selectableFields: [{ jsonPath: '.spec.o' }, { jsonPath: '.spec.b' }] })))).to.deep.equal([
      'FieldValueInvalid spec.selectableFields[0].jsonPath',
      'FieldValueInvalid spec.selectableFields[1].jsonPath',
    ]);
    expect(causes(await define(version({ selectableFields: [{ jsonPath: '.spec.a' }] })))).to.deep.equal(['201']);
  });

  it('to lose a version that objects may be kept in', async () => {
    await client.call('POST', PATH, {
      metadata: { name: 'bs.defs.test' },
      spec: { group: 'defs.test', scope: 'Cluster', names: { plural: 'bs', kind: 'B' }, versions: [version()] },
    });
    const answer = await client.call(
      'PATCH',
      `${PATH}/bs.defs.test`,
      { spec: { versions: [version({ name: 'v2' })] } },
      {
        'content-type': 'application/merge-patch+json',
      },
    );
    expect(causes(answer)).to.deep.equal(['FieldValueInvalid status.storedVersions[0]']);
  });

  const refused = async (spec: object, metadata: object = {}): Promise<string[]> =>
    causes(
      await client.call('POST', `${PATH}?dryRun=All`, {
        metadata: { name: 'cs.defs.test', ...metadata },
        spec: { group: 'defs.test', scope: 'Cluster', names: { plural: 'cs', kind: 'C' }, versions: [version()], ...spec },
      }),
    );

  it('names, versions and conversions that are none', async () => {
    expect(await refused({ names: { plural: 'cs', kind: 'C', shortNames: ['A b'], categories: ['X'] } })).to.deep.equal([
      'FieldValueInvalid spec.names.shortNames[0]',
      'FieldValueInvalid spec.names.categories[0]',
    ]);
    expect(await refused({ versions: [] })).to.deep.equal(['FieldValueInvalid status.storedVersions', 'FieldValueInvalid spec.versions']);
    expect(await refused({ versions: [version(), version({ storage: false })] })).to.deep.equal(['FieldValueInvalid spec.versions']);
    expect(await refused({ versions: [version({ deprecationWarning: 'x' })] })).to.deep.equal([
      'FieldValueInvalid spec.versions[0].deprecationWarning',
    ]);
    expect(await refused({ conversion: { strategy: 'Webhook' } })).to.deep.equal([
      'FieldValueRequired spec.conversion.webhookClientConfig',
      'FieldValueRequired spec.conversion.conversionReviewVersions',
    ]);
    expect(await refused({ preserveUnknownFields: true })).to.deep.equal(['FieldValueInvalid spec.preserveUnknownFields']);
  });

  it('groups of the Kubernetes community that it did not approve', async () => {
    const spec = { group: 'x.k8s.io' };
    expect(await refused(spec, { name: 'cs.x.k8s.io' })).to.deep.equal([
      'FieldValueRequired metadata.annotations[api-approved.kubernetes.io]',
    ]);
    const annotations = { 'api-approved.kubernetes.io': 'unapproved, a test' };
    expect(await refused(spec, { name: 'cs.x.k8s.io', annotations })).to.deep.equal(['201']);
  });

  it('sets of objects that are no whole', async () => {
    const tags = { type: 'array', 'x-kubernetes-list-type': 'set', items: { type: 'object' } };
    const schema = { openAPIV3Schema: { type: 'object', properties: { tags } } };
    expect(await refused({ versions: [version({ schema })] })).to.deep.equal([
      'FieldValueInvalid spec.validation.openAPIV3Schema.properties[tags].items.x-kubernetes-map-type',
    ]);
  });
});

describe('custom resources', () => {
  let client: Client;
  before(async () => {
    client = await Client.start();
    const schema = {
      openAPIV3Schema: { type: 'object', properties: { spec: { type: 'object', properties: { n: { type: 'integer' } } } } },
    };
    await client.call('POST', PATH, {
      metadata: { name: 'ds.defs.test' },
      spec: {
        group: 'defs.test',
        scope: 'Cluster',
        names: { plural: 'ds', kind: 'D' },
        versions: [
          { name: 'v1', served: true, storage: true, schema },
          { name: 'v1beta1', served: true, storage: false, schema, deprecated: true },
        ],
      },
    });
  });
  after(() => client.stop());
  const d = { apiVersion: 'defs.test/v1', kind: 'D', metadata: { name: 'd' }, spec: { n: 1 } };

  it('are only changed by who says which version', async () => {
    const made = await client.call('POST', '/apis/defs.test/v1/ds', d);
    const blind = await client.call('PUT', '/apis/defs.test/v1/ds/d', { ...d, spec: { n: 2 } });
    expect([blind.status, blind.body.details.causes[0].field]).to.deep.equal([422, 'metadata.resourceVersion']);
    const { resourceVersion } = made.body.metadata;
    const seen = await client.call('PUT', '/apis/defs.test/v1/ds/d', { ...d, metadata: { name: 'd', resourceVersion }, spec: { n: 2 } });
    expect([seen.status, seen.body.spec.n]).to.deep.equal([200, 2]);
  });

  it('say when their version goes', async () => {
    const { headers } = await client.call('GET', '/apis/defs.test/v1beta1/ds');
    expect(headers['warning']).to.contain('defs.test/v1beta1 D is deprecated');
    expect((await client.call('GET', '/apis/defs.test/v1/ds')).headers['warning']).to.equal(undefined);
  });

  it('that have a field twice are refused or warned of, as the client asks', async () => {
    const text = '{"apiVersion":"defs.test/v1","kind":"D","metadata":{"name":"e"},"spec":{"n":1,"n":2}}';
    const strict = await client.call('POST', '/apis/defs.test/v1/ds?fieldValidation=Strict', text);
    expect([strict.status, strict.body.message]).to.deep.equal([
      400,
      'D in version "v1" cannot be handled as a D: strict decoding error: duplicate field "spec.n"',
    ]);
    const warned = await client.call('POST', '/apis/defs.test/v1/ds', text);
    expect(warned.status).to.equal(201);
    expect(warned.headers['warning']).to.contain('duplicate field');
  });
});
