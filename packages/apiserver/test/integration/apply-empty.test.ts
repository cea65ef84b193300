import { expect } from 'chai';
import { Client, type Answer } from './client.ts';

/* As kube-apiserver 1.36.2 answered the same. */

const LIST = { type: 'array', items: { type: 'string' } };
const SET = { ...LIST, 'x-kubernetes-list-type': 'set' };
const MAP = {
  type: 'array',
  'x-kubernetes-list-type': 'map',
  'x-kubernetes-list-map-keys': ['k'],
  items: { type: 'object', required: ['k'], properties: { k: { type: 'string' }, list: LIST, set: SET } },
};
const STRINGS = { type: 'object', additionalProperties: { type: 'string' } };
const BAG = { apiVersion: 'ex.io/v1', kind: 'Bag' };
const BAGS = '/apis/ex.io/v1/bags';
const EMPTY = { list: [], set: [], map: [], strings: {}, whole: {} };
const FULL = { list: ['a'], set: ['a'], map: [{ k: 'a', list: [], set: [] }], strings: { x: 'y' }, whole: { x: 'y' } };

describe('ownership of what is empty', () => {
  let client: Client;
  before(async () => {
    client = await Client.start();
    const properties = { list: LIST, set: SET, map: MAP, strings: STRINGS, whole: { ...STRINGS, 'x-kubernetes-map-type': 'atomic' } };
    const schema = { openAPIV3Schema: { type: 'object', properties: { spec: { type: 'object', properties } } } };
    await client.call('POST', '/apis/apiextensions.k8s.io/v1/customresourcedefinitions', {
      metadata: { name: 'bags.ex.io' },
      spec: {
        group: 'ex.io',
        scope: 'Cluster',
        names: { plural: 'bags', kind: 'Bag' },
        versions: [{ name: 'v1', served: true, storage: true, schema }],
      },
    });
  });
  after(() => client.stop());

  const apply = (name: string, spec: object | undefined, manager = 'me', metadata = {}, query = ''): Promise<Answer> =>
    client.call(
      'PATCH',
      `${BAGS}/${name}?fieldManager=${manager}${query}`,
      { ...BAG, metadata: { name, ...metadata }, ...(spec ? { spec } : {}) },
      { 'content-type': 'application/apply-patch+yaml' },
    );
  const owned = ({ body }: Answer): unknown => Object.fromEntries(body.metadata.managedFields.map((m: any) => [m.manager, m.fieldsV1]));

  it("an applied list that is merged by its items is nobody's without them; a map, or what is atomic, is", async () => {
    const answer = await apply('a', EMPTY);
    expect(owned(answer)).to.deep.equal({ me: { 'f:spec': { 'f:list': {}, 'f:strings': {}, 'f:whole': {} } } });
    expect(answer.body.spec).to.deep.equal(EMPTY);
    const full = await apply('a', FULL);
    expect(owned(full)).to.deep.equal({
      me: {
        'f:spec': {
          'f:list': {},
          'f:map': { 'k:{"k":"a"}': { '.': {}, 'f:k': {}, 'f:list': {} } },
          'f:set': { 'v:"a"': {} },
          'f:strings': { 'f:x': {} },
          'f:whole': {},
        },
      },
    });
  });

  it('applied again without its items, a list goes with the last, and a map stays that is still applied', async () => {
    await apply('b', FULL);
    const { body } = await apply('b', EMPTY);
    expect(body.spec).to.deep.equal({ list: [], strings: {}, whole: {} });
    const none = await apply('b', {});
    expect(none.body.spec).to.deep.equal({});
  });

  it('who applies only such lists owns nothing, and takes nothing from others', async () => {
    await apply('c', FULL);
    const answer = await apply('c', { set: [], map: [] }, 'other');
    expect(Object.keys(owned(answer) as object)).to.deep.equal(['me']);
    expect(answer.body.spec).to.deep.equal(FULL);
    const some = await apply('c', { set: [], map: [{ k: 'z' }] }, 'other');
    expect((owned(some) as any).other).to.deep.equal({ 'f:spec': { 'f:map': { 'k:{"k":"z"}': { '.': {}, 'f:k': {} } } } });
  });

  it('who creates with them owns them', async () => {
    const answer = await client.call('POST', `${BAGS}?fieldManager=me`, { ...BAG, metadata: { name: 'd' }, spec: EMPTY });
    const all = { '.': {}, 'f:list': {}, 'f:map': {}, 'f:set': {}, 'f:strings': {}, 'f:whole': {} };
    expect(owned(answer)).to.deep.equal({ me: { 'f:spec': all } });
  });

  it('metadata of custom kinds is owned by its items too', async () => {
    const answer = await apply('e', undefined, 'me', { labels: {}, annotations: {}, finalizers: [] });
    expect(owned(answer)).to.deep.equal({ me: { 'f:metadata': { 'f:annotations': {}, 'f:labels': {} } } });
    await apply('e', undefined, 'me', { finalizers: ['x.io/a'] });
    const both = await apply('e', undefined, 'other', { finalizers: ['x.io/b'] });
    expect(both.body.metadata.finalizers).to.deep.equal(['x.io/a', 'x.io/b']);
    expect(owned(both)).to.deep.equal({
      me: { 'f:metadata': { 'f:finalizers': { 'v:"x.io/a"': {} } } },
      other: { 'f:metadata': { 'f:finalizers': { 'v:"x.io/b"': {} } } },
    });
  });

  it('several conflicts are listed by manager', async () => {
    await client.call('POST', `${BAGS}?fieldManager=first`, {
      ...BAG,
      metadata: { name: 'f' },
      spec: { list: ['a'], strings: { x: 'y' } },
    });
    const { status, body } = await apply('f', { list: ['b'], strings: { x: 'z' } });
    expect([status, body.message]).to.deep.equal([
      409,
      'Apply failed with 2 conflicts: conflicts with "first" using ex.io/v1:\n- .spec.list\n- .spec.strings.x',
    ]);
    expect(body.details.causes[0].message).to.equal('conflict with "first" using ex.io/v1');
  });
});
