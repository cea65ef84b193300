import { OBJECTS } from '../fixtures/objects.ts';
import { kindAt, mutations } from './mutations.ts';
import type { Case, Step } from './side.ts';

const MERGE = 'application/merge-patch+json';
const STRATEGIC = 'application/strategic-merge-patch+json';
const JSON_PATCH = 'application/json-patch+json';
const APPLY = 'application/apply-patch+yaml';
const TABLE = 'application/json;as=Table;v=v1;g=meta.k8s.io';

/** What there is to ask of each built-in kind. */
export const objectCases = (): Case[] =>
  OBJECTS.flatMap(([path, object]) =>
    casesOf(
      path.replace('/default/', '/differ/'),
      JSON.parse(JSON.stringify(object).replaceAll('"namespace":"default"', '"namespace":"differ"')),
    ),
  );

function casesOf(path: string, object: Record<string, any>): Case[] {
  const kind = kindAt(path);
  const { schema, subresources } = kind;
  const name: string = object['metadata']?.name ?? 'there';
  const good = { ...object, metadata: { labels: { a: 'b', differ: 'yes' }, annotations: { a: 'b' }, ...object['metadata'], name } };
  const own = `${path}/${name}`;
  const title = path.replace('/namespaces/differ', '').replace(/^\/apis?\//, '');
  const save = { rv: '/metadata/resourceVersion', uid: '/metadata/uid' };
  // A name that is not there yet, where the kind does not fix it.
  const other = object['metadata']?.name ?? 'other';
  const second = object['metadata']?.name ?? 'second';
  const create: Step = { do: 'create', method: 'POST', path, body: { ...good, metadata: { ...good.metadata, name: second } }, save };
  const wait: Step = {
    do: 'wait',
    path: `${path}?watch=1&fieldSelector=metadata.name%3D${second}`,
    watch: { lines: 99, ms: 1500 },
    only: [],
  };
  const get: Step = { do: 'get', path: `${path}/${second}`, save };
  const again = object['metadata']?.name
    ? []
    : mutations(schema, good).map(({ what, object: o }) => ({
        do: `create with ${what}`,
        method: 'POST',
        path: `${path}?dryRun=All`,
        body: { ...o, metadata: { ...good.metadata, name: other } },
      }));
  return [
    { name: `${title}: life`, steps: life(path, own, good, other) },
    { name: `${title}: created otherwise`, apart: true, steps: again },
    {
      name: `${title}: changed`,
      // Some kinds have controllers within the API server, which are done then.
      steps: [create, ...(/apiextensions|apiregistration/.test(path) ? [wait] : []), get],
      next: (answer) => {
        // What is made of its uid is each server's own, too.
        let there = JSON.parse(JSON.stringify(answer).replaceAll(answer.metadata?.uid ?? 'none', '${uid}'));
        // Addresses are each server's own.
        if (there.spec?.clusterIP) there = ownAddresses(there);
        const at = { ...there.metadata, resourceVersion: '${rv}', uid: '${uid}' };
        return [
          ...mutations(schema, there)
            .filter((m) => m.fits)
            .map(({ what, object: o }) => ({
              do: `update with ${what}`,
              method: 'PUT',
              path: `${path}/${second}?dryRun=All`,
              body: { ...o, metadata: at },
            })),
          ...(subresources.includes('status') ? mutations(schema, there, 'status') : []).map(({ what, object: o }) => ({
            do: `update status with ${what}`,
            method: 'PUT',
            path: `${path}/${second}/status?dryRun=All`,
            body: { ...o, metadata: at },
          })),
        ];
      },
    },
    { name: `${title}: changed to the end`, steps: [{ do: 'delete', method: 'DELETE', path: `${path}/${second}?gracePeriodSeconds=0` }] },
  ];
}

const ownAddresses = (service: any): any => ({
  ...service,
  spec: {
    ...service.spec,
    clusterIP: undefined,
    clusterIPs: undefined,
    ports: service.spec.ports.map((p: object) => ({ ...p, nodePort: undefined })),
  },
});

/** From creation to deletion, by every way to write and to read. */
function life(path: string, own: string, good: Record<string, any>, other: string): Step[] {
  const { metadata, ...content } = good;
  const name: string = metadata.name;
  const patch = (what: string, type: string, body: unknown, query = ''): Step => ({
    do: what,
    method: 'PATCH',
    path: `${own}${query}`,
    type,
    body,
  });
  const config = (more: object) => ({ apiVersion: '${apiVersion}', kind: '${kind}', metadata: { name, ...more } });
  const save = { rv: '/metadata/resourceVersion', uid: '/metadata/uid', kind: '/kind', apiVersion: '/apiVersion' };
  return [
    { do: 'create with nothing', method: 'POST', path, body: {} },
    { do: 'create with a name', method: 'POST', path: `${path}?dryRun=All`, body: { metadata: { name: other } } },
    { do: 'create dry', method: 'POST', path: `${path}?dryRun=All`, body: good },
    { do: 'create', method: 'POST', path: `${path}?fieldManager=m1`, body: good, save },
    { do: 'create again', method: 'POST', path, body: good },
    { do: 'create of another kind', method: 'POST', path, body: { ...good, kind: 'Other' } },
    { do: 'create of another version', method: 'POST', path, body: { ...good, kind: '${kind}', apiVersion: 'other.test/v1' } },
    {
      do: 'create with an unknown field',
      method: 'POST',
      path: `${path}?dryRun=All`,
      body: { ...good, nope: 1, metadata: { ...metadata, name: other, no: 1 } },
    },
    {
      do: 'create with an unknown field, strictly',
      method: 'POST',
      path: `${path}?dryRun=All&fieldValidation=Strict`,
      body: { ...good, nope: 1, metadata: { ...metadata, name: other, no: 1 } },
    },
    {
      do: 'create with bad metadata',
      method: 'POST',
      path: `${path}?dryRun=All`,
      body: {
        ...good,
        metadata: {
          name: 'Not a Name!',
          labels: { 'Not a Key!': 'Not a value!' },
          annotations: { 'Not a Key!': 'v' },
          finalizers: ['x'],
          ownerReferences: [{ kind: 'K' }],
        },
      },
    },
    ...(other === name
      ? []
      : [
          {
            do: 'generateName',
            method: 'POST',
            path: `${path}?dryRun=All`,
            body: { ...content, metadata: { generateName: 'generated-' } },
          },
        ]),
    { do: 'get', path: own },
    { do: 'get as a table', path: own, accept: TABLE },
    { do: 'get as metadata', path: own, accept: 'application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io' },
    { do: 'get what is not there', path: `${own}-not` },
    { do: 'list', path: `${path}?labelSelector=differ%3Dyes` },
    { do: 'list as a table', path: `${path}?labelSelector=differ%3Dyes`, accept: TABLE },
    {
      do: 'list as metadata',
      path: `${path}?labelSelector=differ%3Dyes`,
      accept: 'application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io',
    },
    { do: 'list by field', path: `${path}?fieldSelector=metadata.name%3D${name}` },
    { do: 'list by a field that is not there', path: `${path}?fieldSelector=spec.nope%3D1` },
    { do: 'put without a version', method: 'PUT', path: `${own}?dryRun=All`, body: good },
    { do: 'put of another version', method: 'PUT', path: own, body: { ...good, metadata: { ...metadata, resourceVersion: '1' } } },
    {
      do: 'put what is not there',
      method: 'PUT',
      path: `${path}/${other}-not?dryRun=All`,
      body: { ...good, metadata: { name: `${other}-not` } },
    },
    { do: 'put under another name', method: 'PUT', path: own, body: { ...good, metadata: { name: 'x' } } },
    patch('merge patch', MERGE, { metadata: { labels: { a: 'c', more: '1' } } }, '?fieldManager=m2'),
    patch('strategic patch', STRATEGIC, { metadata: { labels: { a: null }, finalizers: ['test/held'] } }, '?fieldManager=m2'),
    patch('json patch', JSON_PATCH, [
      { op: 'test', path: '/metadata/name', value: name },
      { op: 'add', path: '/metadata/labels/x', value: 'y' },
    ]),
    patch('json patch that fails its test', JSON_PATCH, [{ op: 'test', path: '/metadata/name', value: 'no' }]),
    patch('json patch of nothing', JSON_PATCH, [{ op: 'remove', path: '/nope' }]),
    patch('patch of an unknown type', 'text/plain', {}),
    patch('merge patch of the name', MERGE, { metadata: { name: 'x' } }),
    patch('apply without a manager', APPLY, config({ labels: { a: '1' } })),
    patch('apply by the first', APPLY, config({ labels: { ap: '1' } }), '?fieldManager=a1'),
    patch('apply by the second', APPLY, config({ labels: { ap: '2' } }), '?fieldManager=a2'),
    patch('apply by the second with force', APPLY, config({ labels: { ap: '2' } }), '?fieldManager=a2&force=true'),
    patch('apply of all', APPLY, { ...content, ...config({ labels: { ap: '2' } }) }, '?fieldManager=a3'),
    patch('apply of less', APPLY, config({}), '?fieldManager=a3'),
    { do: 'get after patches', path: own, save },
    {
      do: 'watch',
      path: `${path}?watch=1&resourceVersion=\${rv}&fieldSelector=metadata.name%3D${name}&timeoutSeconds=1`,
      watch: { lines: 1, ms: 300 },
    },
    { do: 'delete dry', method: 'DELETE', path: `${own}?dryRun=All` },
    { do: 'delete with a wrong uid', method: 'DELETE', path: own, body: { preconditions: { uid: 'x' } } },
    { do: 'delete with a wrong version', method: 'DELETE', path: own, body: { preconditions: { resourceVersion: '1' } } },
    { do: 'delete with a wrong policy', method: 'DELETE', path: `${own}?propagationPolicy=Nope` },
    { do: 'delete, held', method: 'DELETE', path: `${own}?propagationPolicy=Foreground&gracePeriodSeconds=0` },
    patch('a new finalizer of what goes', MERGE, { metadata: { finalizers: ['test/held', 'test/new'] } }),
    patch('let it go', MERGE, { metadata: { finalizers: null } }),
    { do: 'get what is gone', path: own },
    { do: 'delete what is gone', method: 'DELETE', path: own },
    { do: 'delete all of none', method: 'DELETE', path: `${path}?labelSelector=none%3Dat-all` },
  ];
}
