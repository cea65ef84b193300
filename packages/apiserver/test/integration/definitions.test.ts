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
});
