import { readFileSync } from 'node:fs';
import { eventually } from '@kosmos/testing';
import { expect } from 'chai';
import { Client, configMap, MAPS, type Answer } from './client.ts';

const { steps } = JSON.parse(readFileSync(new URL('../fixtures/golden/cases/04-crd.json', import.meta.url), 'utf8')) as {
  steps: { body: unknown }[];
};
const WIDGET = '/apis/golden.example.com/v1/namespaces/default/widgets/w';

describe('server-side apply', () => {
  let client: Client;
  before(async () => {
    client = await Client.start();
    await client.call('POST', '/apis/apiextensions.k8s.io/v1/customresourcedefinitions', steps[0]!.body);
  });
  after(() => client.stop());

  const apply = (path: string, manager: string, content: object, force = false): Promise<Answer> =>
    client.call(
      'PATCH',
      `${path}?fieldManager=${manager}&force=${force}`,
      { apiVersion: 'golden.example.com/v1', kind: 'Widget', metadata: { name: 'w' }, ...content },
      { 'content-type': 'application/apply-patch+yaml' },
    );

  it('writes nothing when nothing changes', async () => {
    const first = await apply(WIDGET, 'a', { spec: { size: 's', ports: [{ name: 'x', port: 1 }, { name: 'y' }] } });
    const second = await apply(WIDGET, 'a', { spec: { size: 's', ports: [{ name: 'x', port: 1 }, { name: 'y' }] } });
    expect([first.status, second.status]).to.deep.equal([201, 200]);
    expect(second.body.metadata.resourceVersion).to.equal(first.body.metadata.resourceVersion);
  });

  it('takes away what its manager no longer applies, and only that', async () => {
    await apply(WIDGET, 'b', { spec: { ports: [{ name: 'z', port: 3 }] } });
    const { body } = await apply(WIDGET, 'a', { spec: { size: 's', ports: [{ name: 'y', port: 2 }] } });
    expect(body.spec.ports).to.deep.equal([
      { name: 'y', port: 2, protocol: 'TCP' },
      { name: 'z', port: 3, protocol: 'TCP' },
    ]);
  });

  it('names every field that somebody else owns, and takes them with force', async () => {
    const refused = await apply(WIDGET, 'c', { spec: { size: 'm', ports: [{ name: 'z', port: 4 }] } });
    expect(refused.status).to.equal(409);
    expect(refused.body.details.causes.map((c: any) => [c.message, c.field])).to.deep.equal([
      ['conflict with "a"', '.spec.size'],
      ['conflict with "b"', '.spec.ports[name="z"].port'],
    ]);
    expect((await apply(WIDGET, 'c', { spec: { size: 'm' } }, true)).body.spec.size).to.equal('m');
  });

  it('keeps the owners of status apart from those of the spec', async () => {
    await apply(`${WIDGET}/status`, 's', { status: { phase: 'On', replicas: 3 } });
    const { body } = await apply(`${WIDGET}/status`, 's', { status: { phase: 'Off' } });
    expect(body.status).to.deep.equal({ phase: 'Off' });
    expect(body.metadata.managedFields.find((m: any) => m.manager === 's')).to.deep.include({
      subresource: 'status',
      fieldsV1: { 'f:status': { 'f:phase': {} } },
    });
    expect(body.metadata.generation).to.equal((await client.call('GET', WIDGET)).body.metadata.generation);
  });

  it('refuses what does not fit the kind with the 500 of Kubernetes, by path', async () => {
    const say = async (spec: object): Promise<string> => {
      const { status, body } = await apply(WIDGET, 'x', { spec });
      return `${status} ${body.reason} ${body.message.split(': ').slice(1).join(': ')}`;
    };
    expect(await say({ zzz: 1 })).to.equal('500 undefined .spec.zzz: field not declared in schema');
    expect(await say({ size: 1 })).to.equal('500 undefined .spec.size: expected string, got &value.valueUnstructured{Value:1}');
    expect(await say({ ports: [{ port: 1 }] })).to.equal(
      '500 undefined .spec.ports: element 0: associative list with keys has an element that omits key field "name" (and doesn\'t have default value)',
    );
    expect(await say({ ports: [{ name: 'x' }, { name: 'x' }] })).to.equal(
      '500 undefined .spec.ports: duplicate entries for key [name="x"]',
    );
  });

  it('gives a creator what it sent and its defaults, not what the server makes of it', async () => {
    const service = {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name: 'owned' },
      spec: { selector: { a: 'b' }, ports: [{ port: 80 }] },
    };
    const { body } = await client.call('POST', '/api/v1/namespaces/default/services?fieldManager=me', service);
    expect(body.spec.clusterIP).to.match(/^10\./);
    expect(body.metadata.managedFields[0].fieldsV1).to.deep.equal({
      'f:spec': {
        'f:internalTrafficPolicy': {},
        'f:ports': {
          '.': {},
          'k:{"port":80,"protocol":"TCP"}': { '.': {}, 'f:port': {}, 'f:protocol': {}, 'f:targetPort': {} },
        },
        'f:selector': {},
        'f:sessionAffinity': {},
        'f:type': {},
      },
    });
  });

  it("forgets the managers when a single empty one is sent, keeps them for none, and calls what there was the first apply's", async () => {
    await client.call('POST', MAPS, configMap('forgotten', { a: '1' }));
    const path = `${MAPS}/forgotten`;
    const patch = (content: object, query = '', type = 'merge-patch+json'): Promise<Answer> =>
      client.call('PATCH', `${path}${query}`, content, { 'content-type': `application/${type}` });
    expect((await patch({ metadata: { managedFields: [] } })).body.metadata.managedFields).to.have.length(1);
    expect((await patch({ metadata: { managedFields: [{}] } })).body.metadata.managedFields).to.equal(undefined);
    expect((await patch({ data: { b: '2' } })).body.metadata.managedFields, 'nor begins to note them').to.equal(undefined);
    const config = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'forgotten' }, data: { a: 'new' } };
    const refused = await patch(config, '?fieldManager=x', 'apply-patch+yaml');
    expect([refused.status, refused.body.message]).to.deep.equal([
      409,
      'Apply failed with 1 conflict: conflict with "before-first-apply" using v1: .data.a',
    ]);
    const { body } = await patch(config, '?fieldManager=x&force=true', 'apply-patch+yaml');
    expect(body.metadata.managedFields.map((m: any) => [m.manager, m.fieldsV1])).to.deep.equal([
      ['x', { 'f:data': { 'f:a': {} } }],
      ['before-first-apply', { 'f:data': { '.': {}, 'f:b': {} } }],
    ]);
    body.metadata.managedFields[0].manager = 'renamed';
    const renamed = await client.call('PUT', path, body);
    expect(renamed.body.metadata.managedFields.map((m: any) => m.manager)).to.deep.equal(['renamed', 'before-first-apply']);
  });

  // As kube-apiserver 1.36.2 notes them.
  it('notes when a manager last set something, and no time for who applied what was there', async () => {
    const config = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'timed' }, data: { x: '1' } };
    const managers = ({ body }: Answer): [string, boolean][] => body.metadata.managedFields.map((m: any) => [m.manager, 'time' in m]);
    const apply = (manager: string, data: object): Promise<Answer> =>
      client.call(
        'PATCH',
        `${MAPS}/timed?fieldManager=${manager}`,
        { ...config, data },
        { 'content-type': 'application/apply-patch+yaml' },
      );
    await apply('b', { x: '1' });
    expect(managers(await apply('a', { x: '1' }))).to.deep.equal([
      ['a', false],
      ['b', true],
    ]);
    expect(managers(await apply('a', { x: '1', y: '2' }))).to.have.deep.members([
      ['a', true],
      ['b', true],
    ]);
    const timeOf = ({ body }: Answer): string => body.metadata.managedFields.find((m: any) => m.manager === 'u').time;
    const update = (x: string): Promise<Answer> => client.call('PUT', `${MAPS}/timed?fieldManager=u`, { ...config, data: { x } });
    const first = timeOf(await update('3'));
    // Times are whole seconds.
    const later = await eventually(async () => {
      const answer = timeOf(await update(String(Date.now())));
      return answer !== first && answer;
    });
    expect(later > first).to.equal(true);
  });

  it('lets exactly one of concurrent creates and updates win', async () => {
    const created = await Promise.all(Array.from({ length: 10 }, () => client.call('POST', MAPS, configMap('race'))));
    expect(created.map((a) => a.status).sort()).to.deep.equal([201, ...Array<number>(9).fill(409)]);
    const { resourceVersion } = created.find((a) => a.status === 201)!.body.metadata;
    const updated = await Promise.all(
      Array.from({ length: 10 }, (_, i) => client.call('PUT', `${MAPS}/race`, configMap('race', { a: `new ${i}` }, { resourceVersion }))),
    );
    expect(updated.map((a) => a.status).sort()).to.deep.equal([200, ...Array<number>(9).fill(409)]);
  });
});
