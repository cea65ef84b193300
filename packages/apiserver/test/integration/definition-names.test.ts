import { eventually } from '@kosmos/testing';
import { expect } from 'chai';
import { Client } from './client.ts';

const CRDS = '/apis/apiextensions.k8s.io/v1/customresourcedefinitions';
const MERGE = { 'content-type': 'application/merge-patch+json' };

describe('names of definitions', () => {
  let client: Client;
  before(async () => {
    client = await Client.start();
  });
  after(() => client.stop());

  async function define(plural: string, names: object): Promise<number> {
    const { status } = await client.call('POST', CRDS, {
      metadata: { name: `${plural}.nm.io` },
      spec: {
        group: 'nm.io',
        scope: 'Cluster',
        names: { plural, ...names },
        versions: [{ name: 'v1', served: true, storage: true, schema: { openAPIV3Schema: { type: 'object' } } }],
      },
    });
    return status;
  }
  const rename = (plural: string, names: object): Promise<unknown> =>
    client.call('PATCH', `${CRDS}/${plural}.nm.io`, { spec: { names } }, MERGE);
  /** The names that a definition has, its conditions in short, and what a list of its kind answers. */
  async function state(plural: string): Promise<unknown[]> {
    const { status } = (await client.call('GET', `${CRDS}/${plural}.nm.io`)).body;
    const conditions = status.conditions.map((c: Record<string, string>) => `${c['type']} ${c['status']} ${c['reason']} ${c['message']}`);
    return [status.acceptedNames, ...conditions, (await client.call('GET', `/apis/nm.io/v1/${plural}`)).status];
  }
  const ACCEPTED = 'NamesAccepted True NoConflicts no conflicts found';
  const ESTABLISHED = 'Established True InitialNamesAccepted the initial names have been accepted';
  const NOT = 'Established False NotAccepted not all names are accepted';

  // As kube-apiserver 1.36.2 settled the same definitions.
  it('are those of who came first; others are not served, and say why', async () => {
    await define('ones', { kind: 'One', shortNames: ['o'] });
    await define('twos', { kind: 'One', singular: 'two' });
    await define('threes', { kind: 'Three', shortNames: ['o', 'one', 't'] });
    await define('fours', { kind: 'Four', singular: 'ones' });
    expect(await state('ones')).to.deep.equal([
      { plural: 'ones', singular: 'one', shortNames: ['o'], kind: 'One', listKind: 'OneList' },
      ACCEPTED,
      ESTABLISHED,
      200,
    ]);
    expect(await state('twos')).to.deep.equal([
      { plural: 'twos', singular: 'two', kind: '' },
      'NamesAccepted False ListKindConflict "OneList" is already in use',
      NOT,
      404,
    ]);
    expect(await state('threes')).to.deep.equal([
      { plural: 'threes', singular: 'three', kind: 'Three', listKind: 'ThreeList' },
      'NamesAccepted False ShortNamesConflict ["o" is already in use, "one" is already in use]',
      NOT,
      404,
    ]);
    expect(await state('fours')).to.deep.equal([
      { plural: 'fours', kind: 'Four', listKind: 'FourList' },
      'NamesAccepted False SingularConflict "ones" is already in use',
      NOT,
      404,
    ]);
    const { body } = await client.call('GET', '/apis/nm.io/v1');
    expect(body.resources.map((r: { name: string }) => r.name)).to.deep.equal(['ones']);
  });

  it('stay with what is served when others are wanted that are taken', async () => {
    const names = { plural: 'ones', singular: 'one', shortNames: ['o'], kind: 'One', listKind: 'OneList' };
    await rename('ones', { shortNames: ['o', 'two'] });
    expect(await state('ones')).to.deep.equal([names, 'NamesAccepted False ShortNamesConflict "two" is already in use', ESTABLISHED, 200]);
    const { body } = await client.call('GET', '/apis/nm.io/v1');
    expect(body.resources[0].shortNames).to.deep.equal(['o']);
    await rename('ones', { shortNames: ['o'] });
    expect((await state('ones'))[1]).to.equal(ACCEPTED);
    await rename('threes', { shortNames: ['t'] });
    expect((await state('threes')).slice(1)).to.deep.equal([ACCEPTED, ESTABLISHED, 200]);
  });

  it('go to who waits for them when they are free', async () => {
    await client.call('DELETE', `${CRDS}/ones.nm.io`);
    for (const [plural, kind, singular] of [
      ['twos', 'One', 'two'],
      ['fours', 'Four', 'ones'],
    ])
      await eventually(async () =>
        expect(await state(plural!)).to.deep.equal([{ plural, singular, kind, listKind: `${kind}List` }, ACCEPTED, ESTABLISHED, 200]),
      );
  });

  it('are never given twice, however many want them at a time', async () => {
    await Promise.all(Array.from({ length: 8 }, (_, i) => define(`many${i}`, { kind: 'Many', singular: `many-${i}` })));
    const { body } = await client.call('GET', CRDS);
    const kinds = body.items.map((crd: { status: { acceptedNames: { kind: string } } }) => crd.status.acceptedNames.kind);
    expect(kinds.filter((kind: string) => kind === 'Many')).to.have.lengthOf(1);
  });
});
