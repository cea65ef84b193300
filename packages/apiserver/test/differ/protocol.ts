import { facts } from '../../src/kinds/facts.ts';
import type { Case, Step } from './side.ts';

const MAPS = '/api/v1/namespaces/differ/configmaps';
const TABLE = 'application/json;as=Table;v=v1;g=meta.k8s.io';
const MERGE = 'application/merge-patch+json';
const SOME = 'labelSelector=list%3Dyes';

/** What has to do with no kind in particular: paths, methods, media types, queries, lists and watches. */
export const protocolCases = (): Case[] => [
  { name: 'paths', apart: true, steps: paths() },
  { name: 'documents', apart: true, steps: documents() },
  { name: 'methods', apart: true, steps: methods() },
  { name: 'media types', apart: true, steps: mediaTypes() },
  { name: 'lists: to read', steps: [1, 2, 3, 4, 5].map((n) => map(`list-${n}`, { list: 'yes', n: String(n) })) },
  { name: 'lists: queries', apart: true, steps: queries() },
  { name: 'lists: pages', steps: pages() },
  { name: 'watches', steps: watches() },
  { name: 'options: to change', steps: [map('opt'), map('gone')] },
  { name: 'options', apart: true, steps: options() },
  { name: 'options of deletions', steps: deletions() },
  { name: 'bodies', apart: true, steps: bodies() },
  { name: 'patches', steps: patches() },
  { name: 'reviews', apart: true, steps: reviews() },
  { name: 'warnings', steps: warnings() },
];

const map = (name: string, labels?: object): Step => ({
  do: `create ${name}`,
  method: 'POST',
  path: MAPS,
  body: { metadata: { name, labels }, data: { a: '1' } },
});

const get = (path: string): Step => ({ do: `GET ${path}`, path });

const paths = (): Step[] =>
  `/ /api /apis /api/ /apis/ /api/v1 /api/v1/ /api/v2 /api/v1/nope /api/v1/nope/x /apis/apps /apis/apps/ /apis/apps/v1 /apis/apps/v2
   /apis/apps/v1/nope /apis/nope /apis/nope/v1 /apis/nope/v1/nope /api/v1/namespaces/differ/nope /api/v1/namespaces/differ/pods/x/nope
   /api/v1/namespaces/nope /api/v1/namespaces/nope/configmaps /api/v1/namespaces/nope/configmaps/x /api/v1/nodes/x/status/y
   /api/v1/namespaces/differ/pods/x/log /api/v1/namespaces/differ/pods/x/exec /api/v1/namespaces/differ/pods/x/portforward
   /api/v1/namespaces/differ/services/x/proxy /api/v1/nodes/x/proxy/y /apis/apps/v1/deployments/x /apis/apps/v1/namespaces/differ/deployments/x/scale
   /version /version/ /version/x /healthz /livez /readyz /healthz/ping /livez/ping /healthz/nope /nope /swagger.json /openapi /openapi/v3/ /openapi/v3/nope
   /openapi/v3/apis/nope/v1 /logs /debug/pprof /.well-known/openid-configuration /.well-known/nope /openid/v1/jwks /openid/v1/nope
   /api/v1/watch/namespaces /apis/apps/v1/watch/deployments /api/v1/namespaces/differ/configmaps/ /api/v1//configmaps /api/v1/%zz /api/v1/namespaces/differ/configmaps/a%2Fb`
    .split(/\s+/)
    .filter((path) => !path.includes('/watch/'))
    .map(get);

const documents = (): Step[] => [
  ...['/api', '/apis'].flatMap((path) =>
    ['v2', 'v2beta1'].map((v) => ({
      do: `aggregated discovery ${path} ${v}`,
      path,
      accept: `application/json;g=apidiscovery.k8s.io;v=${v};as=APIGroupDiscoveryList,application/json`,
    })),
  ),
  ...facts.groups
    .filter(({ group }) => !/flowcontrol|resource\.k8s/.test(group))
    .flatMap(({ group, versions }) => versions.map(({ version }) => (group ? `apis/${group}/${version}` : `api/${version}`)))
    .map((path) => get(`/${path}`)),
];

const methods = (): Step[] =>
  ['HEAD', 'POST', 'PUT', 'PATCH', 'DELETE'].flatMap((method) =>
    [
      '/api',
      '/apis',
      '/apis/apps',
      '/api/v1',
      '/version',
      '/healthz',
      '/nope',
      MAPS,
      `${MAPS}/x`,
      `${MAPS}/x/status`,
      '/api/v1/namespaces',
    ].map((path) => ({ do: `${method} ${path}`, method, path, ...(method === 'HEAD' ? {} : { body: {} }) })),
  );

const mediaTypes = (): Step[] => [
  ...[
    '*/*',
    'application/*',
    'application/yaml',
    'text/html',
    'text/html,*/*',
    'application/json;q=0.5,application/yaml',
    'application/json;as=Nope;v=v1;g=meta.k8s.io',
    'application/json;as=Table;v=v9;g=meta.k8s.io',
    'application/json;as=Table;v=v1;g=nope',
    'application/json;as=Table;v=v1beta1;g=meta.k8s.io',
    'application/json;as=Table;v=v9;g=meta.k8s.io,application/json',
    'application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io',
    'application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io',
    'application/json;as=PartialObjectMetadata;v=v1beta1;g=meta.k8s.io',
    'application/json;stream=watch',
    'nonsense',
    '',
  ].flatMap((accept) =>
    [
      '/api/v1/namespaces/differ',
      '/api/v1/namespaces/differ/serviceaccounts',
      '/version',
      '/api',
      '/api/v1/namespaces/nope',
      '/api/v1/namespaces/differ/serviceaccounts?watch=1&timeoutSeconds=1',
    ].map((path): Step => ({
      do: `${accept} of ${path}`,
      path,
      accept,
      ...(path.includes('watch=') ? { watch: { lines: 1, ms: 300 } } : {}),
    })),
  ),
  ...['application/yaml', 'text/plain', 'application/json; charset=utf-8', 'application/x-www-form-urlencoded', 'nonsense', ''].map(
    (type) => ({
      do: `create as ${type}`,
      method: 'POST',
      path: `${MAPS}?dryRun=All`,
      type,
      body: JSON.stringify({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'typed' } }),
    }),
  ),
  {
    do: 'create as YAML text',
    method: 'POST',
    path: `${MAPS}?dryRun=All`,
    type: 'application/yaml',
    body: 'metadata:\n  name: typed\ndata:\n  a: "1"\nnope: 1\nnope: 2\n',
  },
  { do: 'create as bad YAML', method: 'POST', path: `${MAPS}?dryRun=All`, type: 'application/yaml', body: 'metadata: {name: [}' },
  ...['None', 'Metadata', 'Object', 'Nope'].map((include) => ({
    do: `table with ${include}`,
    path: `/api/v1/namespaces/differ/serviceaccounts?includeObject=${include}`,
    accept: TABLE,
  })),
];

const queries = (): Step[] =>
  [
    ...[
      'n=1',
      'n!=1',
      'n in (1,2)',
      'n notin (1,2)',
      'n',
      '!n',
      'n>2',
      'n<3',
      'n=1,list=yes',
      'n==1',
      '',
      ',',
      'n in',
      'n in (',
      'n in ()',
      'n>x',
      '=1',
      'a b',
      '!',
      '!!n',
      'n=1,,n=2',
      'n=not valid',
      '-n=1',
      `${'x'.repeat(70)}=1`,
      'n=a/b',
      'a/b/c=1',
      'n in (1',
      'n=(1)',
      'n!in(1)',
      '()',
      'n,!n',
    ].map((s) => `labelSelector=${encodeURIComponent(s)}`),
    ...[
      'metadata.name=list-1',
      'metadata.name!=list-1',
      'metadata.namespace=differ',
      'metadata.name=list-1,metadata.name=list-2',
      'metadata.name',
      'metadata.name=',
      'metadata.name>1',
      'metadata.uid=x',
      'nope=1',
      ',',
      '=',
      'metadata.name=a\\,b',
      'metadata.name=a\\x',
      'metadata.name=list-1,',
    ].map((s) => `${SOME}&fieldSelector=${encodeURIComponent(s)}`),
    ...[
      'limit=0',
      'limit=-1',
      'limit=x',
      'limit=1.5',
      'limit=9999999999999999999',
      'limit=',
      'continue=x',
      'continue=e30',
      'continue=eyJ2IjoibWV0YS5rOHMuaW8vdjEiLCJydiI6MSwic3RhcnQiOiJhXHUwMDAwIn0',
      'continue=x&resourceVersion=1',
      'resourceVersion=0',
      'resourceVersion=x',
      'resourceVersion=-1',
      'resourceVersion=1.5',
      'resourceVersion=99999999',
      'resourceVersion=99999999999999999999999',
      'resourceVersionMatch=Exact',
      'resourceVersionMatch=Nope',
      'resourceVersionMatch=NotOlderThan',
      'resourceVersion=0&resourceVersionMatch=Exact',
      'resourceVersion=0&resourceVersionMatch=NotOlderThan',
      'resourceVersion=0&resourceVersionMatch=Nope',
      'resourceVersion=1&resourceVersionMatch=NotOlderThan',
      'resourceVersionMatch=Exact&continue=x&resourceVersion=1',
      'sendInitialEvents=true',
      'sendInitialEvents=x',
      'timeoutSeconds=x',
      'timeoutSeconds=-1',
      'timeoutSeconds=0',
      'allowWatchBookmarks=x',
      'pretty=true',
      'nope=1',
      'watch=false',
      'watch=0',
      'watch=x&timeoutSeconds=1&labelSelector=none',
    ].map((q) => `${SOME}&${q}`),
  ].map((query): Step => ({
    do: `list ${query}`,
    path: `${MAPS}?${query}`,
    ...(query.includes('watch=x') ? { watch: { lines: 9, ms: 500 } } : {}),
  }));

function pages(): Step[] {
  const save = { next: '/metadata/continue', rv: '/metadata/resourceVersion' };
  return [
    { do: 'first', path: `${MAPS}?${SOME}&limit=2`, save },
    { do: 'second', path: `${MAPS}?${SOME}&limit=2&continue=\${next}`, save: { next: save.next } },
    { do: 'second with a version', path: `${MAPS}?${SOME}&limit=2&continue=\${next}&resourceVersion=1` },
    { do: 'second of another list', path: `/api/v1/namespaces/differ/secrets?limit=2&continue=\${next}` },
    { do: 'third', path: `${MAPS}?${SOME}&limit=2&continue=\${next}` },
    {
      do: 'without selector',
      path: `/api/v1/namespaces?limit=2`,
      only: ['/kind', '/items/0/metadata/name', '/items/1/metadata/name', '/items/2'],
    },
    { do: 'as a table', path: `${MAPS}?${SOME}&limit=2`, accept: TABLE },
    { do: 'from a version', path: `${MAPS}?${SOME}&limit=2&resourceVersion=\${rv}&resourceVersionMatch=Exact` },
    { do: 'at a version', path: `${MAPS}?${SOME}&resourceVersion=\${rv}&resourceVersionMatch=Exact` },
    { do: 'at a version that is no more', path: `${MAPS}?${SOME}&resourceVersion=1&resourceVersionMatch=Exact` },
    { do: 'get at a version', path: `${MAPS}/list-1?resourceVersion=\${rv}` },
    ...['0', 'x', '99999999', '-1'].map((v) => ({ do: `get at ${v}`, path: `${MAPS}/list-1?resourceVersion=${v}` })),
  ];
}

function watches(): Step[] {
  const stream = (query: string, lines = 9): Step => ({
    do: `watch ${query}`,
    path: `${MAPS}?watch=1&${SOME}&timeoutSeconds=2&${query}`,
    watch: { lines, ms: 600 },
  });
  return [
    { do: 'list', path: `${MAPS}?${SOME}`, save: { rv: '/metadata/resourceVersion' } },
    { do: 'change', method: 'PATCH', path: `${MAPS}/list-1`, type: MERGE, body: { data: { a: '2' } } },
    { do: 'out of the selection', method: 'PATCH', path: `${MAPS}/list-2`, type: MERGE, body: { metadata: { labels: { list: null } } } },
    { do: 'into it', method: 'PATCH', path: `${MAPS}/list-2`, type: MERGE, body: { metadata: { labels: { list: 'yes' } } } },
    { do: 'delete', method: 'DELETE', path: `${MAPS}/list-5` },
    stream('resourceVersion=${rv}', 4),
    stream('resourceVersion=${rv}&allowWatchBookmarks=true', 4),
    stream('', 4),
    stream('resourceVersion=0', 4),
    stream('resourceVersion=${rv}&fieldSelector=metadata.name%3Dlist-1', 1),
    stream('sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true', 5),
    stream('sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true&resourceVersion=0', 5),
    stream('sendInitialEvents=true&resourceVersionMatch=NotOlderThan', 4),
    stream('sendInitialEvents=false&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true', 1),
    ...[
      'sendInitialEvents=true',
      'resourceVersionMatch=NotOlderThan',
      'resourceVersionMatch=Exact&sendInitialEvents=true',
      'resourceVersion=x',
      'resourceVersion=99999999',
      'limit=1',
      'continue=x',
      'fieldSelector=nope%3D1',
      'labelSelector=%3D%3D',
    ].map((q) => stream(q, 1)),
    { ...stream('resourceVersion=${rv}', 4), do: 'watch as tables', accept: TABLE },
    {
      ...stream('resourceVersion=${rv}', 4),
      do: 'watch as metadata',
      accept: 'application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io',
    },
    { do: 'watch of one', path: `${MAPS}/list-1?watch=1&timeoutSeconds=1`, watch: { lines: 1, ms: 500 } },
    { do: 'watch by HTTP method', method: 'POST', path: `${MAPS}?watch=1`, body: { metadata: { name: 'list-1' } } },
  ];
}

const options = (): Step[] => {
  const body = { metadata: { name: 'opt' }, data: { a: '1' } };
  const query = [
    'dryRun=',
    'dryRun=Nope',
    'dryRun=All&dryRun=All',
    'dryRun=All&dryRun=None',
    'fieldValidation=Nope&dryRun=All',
    'fieldValidation=&dryRun=All',
    'fieldManager=%00&dryRun=All',
    `fieldManager=${'x'.repeat(200)}&dryRun=All`,
    'force=true&dryRun=All',
    'force=x&dryRun=All',
    'pretty=1&dryRun=All',
    'resourceVersion=1&dryRun=All',
  ];
  return [
    ...query.flatMap((q): Step[] => [
      { do: `create ?${q}`, method: 'POST', path: `${MAPS}?${q}`, body },
      { do: `update ?${q}`, method: 'PUT', path: `${MAPS}/opt?${q}`, body },
      { do: `patch ?${q}`, method: 'PATCH', path: `${MAPS}/opt?${q}`, type: MERGE, body },
      {
        do: `apply ?${q}`,
        method: 'PATCH',
        path: `${MAPS}/opt?${q}`,
        type: 'application/apply-patch+yaml',
        body: { apiVersion: 'v1', kind: 'ConfigMap', ...body },
      },
    ]),
    ...[
      'gracePeriodSeconds=x',
      'gracePeriodSeconds=-1',
      'propagationPolicy=',
      'propagationPolicy=Orphan&orphanDependents=true',
      'orphanDependents=x',
      'dryRun=Nope',
      'preconditions=x',
    ].map((q) => ({
      do: `delete ?${q}`,
      method: 'DELETE',
      path: `${MAPS}/opt?dryRun=All&${q}`,
    })),
  ];
};

const deletions = (): Step[] =>
  [
    {},
    { kind: 'DeleteOptions' },
    { kind: 'DeleteOptions', apiVersion: 'v1' },
    { kind: 'Other', apiVersion: 'v1' },
    { kind: 'DeleteOptions', apiVersion: 'apps/v1' },
    { nope: 1 },
    { gracePeriodSeconds: 'x' },
    { propagationPolicy: 'x' },
    { orphanDependents: 1 },
    { preconditions: { uid: 1 } },
    { dryRun: 'All' },
    [],
    'x',
    '{',
    { orphanDependents: true, propagationPolicy: 'Orphan' },
    { gracePeriodSeconds: -5 },
    { ignoreStoreReadErrorWithClusterBreakingPotential: true },
  ].flatMap((o) => [
    map('gone'),
    {
      do: `delete with ${JSON.stringify(o)}`,
      method: 'DELETE',
      path: `${MAPS}/gone`,
      body: o,
    },
  ]);

const bodies = (): Step[] =>
  [
    '',
    '{',
    '[]',
    '1',
    '"x"',
    'null',
    'true',
    '{}',
    '{"metadata":1}',
    '{"metadata":{"name":1}}',
    '{"metadata":{"name":"n","labels":{"a":1}}}',
    '{"metadata":{"name":"n"},"data":{"a":1}}',
    '{"metadata":{"name":"n"},"data":[]}',
    '{"metadata":{"name":"n","creationTimestamp":"x"}}',
    '{"metadata":{"name":"n","generation":"1"}}',
    '{"metadata":{"name":"n"},"data":{"a":"1","a":"2"}}',
    '{"metadata":{"name":"n","name":"m"}}',
    '{"kind":1}',
    '{"kind":"ConfigMap"}',
    '{"apiVersion":"v1"}',
    '{"kind":"configmap","apiVersion":"v1"}',
    '{"kind":"Secret","apiVersion":"v1","metadata":{"name":"n"}}',
    '{"kind":"ConfigMap","apiVersion":"v2","metadata":{"name":"n"}}',
    '{"kind":"ConfigMap","apiVersion":"a/b/c","metadata":{"name":"n"}}',
    '{"metadata":{"name":"n","namespace":"other"}}',
    '{"metadata":{"name":"n","resourceVersion":"1"}}',
    '{"metadata":{"name":"n","resourceVersion":"x"}}',
    '{"metadata":{"name":"n","uid":"x"}}',
    '{"metadata":{"name":"n","deletionTimestamp":"2020-01-01T00:00:00Z"}}',
    '{"metadata":{"name":"n","managedFields":[{"manager":"x"}]}}',
    '{"metadata":{"name":"n","finalizers":["a","a/b"]}}',
    '{"Metadata":{"name":"n"}}',
    '{"metadata":{"Name":"n"}}',
    '{"metadata":{"name":"n"},"immutable":"true"}',
    '{"metadata":{"name":"n"},"binaryData":{"a":"%"}}',
    '{"metadata":{"name":"n"},"binaryData":{"a":"YQ=="},"data":{"a":"1"}}',
    '{"metadata":{"name":"n"},"data":null}',
    '{"metadata":{"name":"n"},"data":{"a":null}}',
    '{"metadata":{"name":"n"},"data":{"a":"\\ud800"}}',
    '{"metadata":{"name":"n"}} x',
    '{"metadata":{"name":"n"}}{}',
    '{"metadata":{"name":"n"},"data":{"..":"x"}}',
    '{"metadata":{"generateName":"Bad_"}}',
  ].flatMap((body) => [
    { do: `create ${body}`, method: 'POST', path: `${MAPS}?dryRun=All`, body },
    { do: `update ${body}`, method: 'PUT', path: `${MAPS}/opt?dryRun=All`, body: body.replaceAll('"name":"n"', '"name":"opt"') },
    {
      do: `merge patch ${body}`,
      method: 'PATCH',
      path: `${MAPS}/opt?dryRun=All`,
      type: MERGE,
      body: body.replaceAll('"name":"n"', '"name":"opt"'),
    },
    {
      do: `strategic patch ${body}`,
      method: 'PATCH',
      path: `${MAPS}/opt?dryRun=All`,
      type: 'application/strategic-merge-patch+json',
      body: body.replaceAll('"name":"n"', '"name":"opt"'),
    },
    {
      do: `apply ${body}`,
      method: 'PATCH',
      path: `${MAPS}/opt?dryRun=All&fieldManager=f`,
      type: 'application/apply-patch+yaml',
      body: body
        .replaceAll('"name":"n"', '"name":"opt"')
        .replace(/^\{(?!"kind|"apiVersion)/, '{"kind":"ConfigMap","apiVersion":"v1",')
        .replace(',}', '}'),
    },
  ]);

function patches(): Step[] {
  const path = '/apis/apps/v1/namespaces/differ/deployments';
  const containers = (...list: object[]) => ({ spec: { template: { spec: { containers: list } } } });
  const body = {
    metadata: { name: 'patched', labels: { a: 'b' } },
    spec: {
      selector: { matchLabels: { a: 'b' } },
      template: {
        metadata: { labels: { a: 'b' } },
        spec: {
          containers: [
            {
              name: 'a',
              image: 'i',
              env: [
                { name: 'X', value: '1' },
                { name: 'Y', value: '2' },
              ],
              ports: [{ containerPort: 1 }, { containerPort: 2, protocol: 'UDP' }],
            },
            { name: 'b', image: 'j' },
          ],
          tolerations: [{ key: 't', operator: 'Exists' }],
        },
      },
    },
  };
  const to = (type: string, patch: unknown, query = 'dryRun=All'): Step => ({
    do: `${type} ${JSON.stringify(patch)}`,
    method: 'PATCH',
    path: `${path}/patched?${query}`,
    type: `application/${type}`,
    body: patch,
  });
  const strategic = 'strategic-merge-patch+json';
  const merge = 'merge-patch+json';
  const json = 'json-patch+json';
  const apply = (patch: object, manager: string, more = ''): Step =>
    to(
      'apply-patch+yaml',
      { apiVersion: 'apps/v1', kind: 'Deployment', metadata: { name: 'patched' }, ...patch },
      `fieldManager=${manager}${more}`,
    );
  return [
    { do: 'create', method: 'POST', path: `${path}?fieldManager=m`, body },
    to(strategic, containers({ name: 'a', image: 'k' })),
    to(strategic, containers({ name: 'c', image: 'k' })),
    to(strategic, containers({ name: 'a', $patch: 'delete' })),
    to(strategic, containers({ name: 'a', $patch: 'replace', image: 'z' })),
    to(strategic, containers({ $patch: 'replace' }, { name: 'z', image: 'z' })),
    to(strategic, containers({ image: 'k' })),
    to(
      strategic,
      containers({
        name: 'a',
        env: [
          { name: 'X', $patch: 'delete' },
          { name: 'Z', value: '3' },
        ],
      }),
    ),
    to(strategic, containers({ name: 'a', env: null })),
    to(strategic, containers({ name: 'a', ports: [{ containerPort: 1, name: 'x' }] })),
    to(strategic, { spec: { template: { spec: { '$setElementOrder/containers': [{ name: 'b' }, { name: 'a' }] } } } }),
    to(strategic, {
      spec: {
        template: { spec: { '$setElementOrder/containers': [{ name: 'b' }, { name: 'a' }], containers: [{ name: 'a', image: 'q' }] } },
      },
    }),
    to(strategic, { metadata: { finalizers: ['a/b'], '$deleteFromPrimitiveList/finalizers': ['c/d'] } }),
    to(strategic, { spec: { strategy: { $retainKeys: ['type'], type: 'Recreate' } } }),
    to(strategic, { spec: { strategy: { type: 'Recreate' } } }),
    to(strategic, { spec: { template: { $patch: 'delete' } } }),
    to(strategic, { $patch: 'replace', spec: {} }),
    to(strategic, { $patch: 'nope' }),
    to(strategic, { spec: { template: { spec: { tolerations: [{ key: 'u', operator: 'Exists' }] } } } }),
    to(strategic, { spec: 'x' }),
    to(strategic, { spec: { template: { spec: { containers: 'x' } } } }),
    to(strategic, { spec: { template: { spec: { containers: [1] } } } }),
    to(strategic, { spec: { nope: 1 } }),
    to(strategic, []),
    to(merge, containers({ name: 'a', image: 'k' })),
    to(merge, { spec: { template: null } }),
    to(merge, { spec: { replicas: null } }),
    to(merge, { spec: { replicas: 'x' } }),
    to(merge, { spec: { nope: 1 } }),
    to(merge, { spec: { nope: 1 } }, 'dryRun=All&fieldValidation=Strict'),
    to(merge, { metadata: { resourceVersion: '1' } }),
    to(merge, { metadata: { uid: 'x' } }),
    to(merge, { metadata: null }),
    to(merge, { kind: 'Other' }),
    to(merge, { apiVersion: 'v9' }),
    to(merge, 'x'),
    ...[
      [{ op: 'replace', path: '/spec/replicas', value: 5 }],
      [{ op: 'add', path: '/spec/template/spec/containers/-', value: { name: 'c', image: 'c' } }],
      [{ op: 'add', path: '/spec/template/spec/containers/0', value: { name: 'c', image: 'c' } }],
      [{ op: 'add', path: '/spec/template/spec/containers/9', value: { name: 'c', image: 'c' } }],
      [{ op: 'remove', path: '/spec/template/spec/containers/1' }],
      [{ op: 'remove', path: '/spec/template/spec/containers/9' }],
      [{ op: 'move', from: '/metadata/labels/a', path: '/metadata/labels/z' }],
      [{ op: 'copy', from: '/metadata/labels/a', path: '/metadata/labels/z' }],
      [{ op: 'copy', from: '/metadata/labels/no', path: '/metadata/labels/z' }],
      [{ op: 'test', path: '/spec/replicas', value: 1 }],
      [{ op: 'test', path: '/spec/replicas', value: '1' }],
      [{ op: 'nope', path: '/spec' }],
      [{ op: 'add', path: 'spec', value: 1 }],
      [{ op: 'add', path: '', value: {} }],
      [{ op: 'add' }],
      [{ path: '/spec' }],
      [{ op: 'replace', path: '/spec/nope', value: 1 }],
      [{ op: 'add', path: '/spec/nope/x', value: 1 }],
      [{ op: 'add', path: '/metadata/labels/a~1b', value: 'x' }],
      [{ op: 'replace', path: '/spec/selector/matchLabels/a', value: 'z' }],
      [],
      {},
      ['x'],
      [[]],
    ].map((p) => to(json, p)),
    apply(containers({ name: 'a', image: 'ssa' }), 'one'),
    apply(containers({ name: 'a', image: 'ssa' }), 'one', '&force=true'),
    apply(containers({ name: 'a', image: 'two', env: [{ name: 'Q', value: '1' }] }), 'two'),
    apply(containers({ name: 'a', image: 'two', env: [{ name: 'Q', value: '1' }] }), 'two', '&force=true'),
    apply({ spec: { replicas: 3 } }, 'three', '&force=true'),
    apply({ spec: { replicas: 4 } }, 'two'),
    apply({ spec: {} }, 'three'),
    apply(containers({ name: 'd', image: 'x', ports: [{ containerPort: 80 }, { containerPort: 80, protocol: 'UDP' }] }), 'four'),
    apply(containers({ name: 'd', image: 'x' }, { name: 'd', image: 'y' }), 'four'),
    apply(containers({ image: 'x' }), 'four'),
    apply({ spec: { nope: 1 } }, 'four'),
    apply({ spec: { replicas: 'x' } }, 'four'),
    apply({ spec: { template: { spec: { containers: 'x' } } } }, 'four'),
    apply({ metadata: { name: 'other' } }, 'four'),
    apply({ metadata: { name: 'patched', managedFields: [{}] } }, 'four'),
    apply({ metadata: { name: 'patched', resourceVersion: '1' } }, 'four'),
    apply({ metadata: { name: 'patched', labels: null } }, 'four'),
    apply({ kind: 'Other' }, 'four'),
    apply({ apiVersion: 'apps/v2' }, 'four'),
    to('apply-patch+yaml', 'apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: patched, labels: {y: "1"}}\n', 'fieldManager=yaml'),
    to('apply-patch+yaml', 'nonsense: [', 'fieldManager=yaml'),
    to('apply-patch+yaml', '', 'fieldManager=yaml'),
    to(merge, { metadata: { managedFields: [{}] } }, 'fieldManager=m'),
    to(merge, { spec: { replicas: 2 } }, 'fieldManager=m'),
    {
      do: 'status by merge',
      method: 'PATCH',
      path: `${path}/patched/status?fieldManager=s`,
      type: MERGE,
      body: { status: { replicas: 2 } },
    },
    { do: 'scale', path: `${path}/patched/scale` },
    ...[{ spec: { replicas: 7 } }, { spec: { replicas: -1 } }, { spec: { replicas: 'x' } }, { spec: null }, { kind: 'Other' }].map(
      (patch): Step => ({
        do: `scale by ${JSON.stringify(patch)}`,
        method: 'PATCH',
        path: `${path}/patched/scale?fieldManager=s`,
        type: MERGE,
        body: patch,
      }),
    ),
    {
      do: 'scale by put',
      method: 'PUT',
      path: `${path}/patched/scale`,
      body: { metadata: { name: 'patched', namespace: 'differ' }, spec: { replicas: 1 } },
    },
    {
      do: 'scale by put of another name',
      method: 'PUT',
      path: `${path}/patched/scale`,
      body: { metadata: { name: 'x' }, spec: { replicas: 1 } },
    },
    {
      do: 'scale by put of another kind',
      method: 'PUT',
      path: `${path}/patched/scale`,
      body: { kind: 'Deployment', apiVersion: 'apps/v1', metadata: { name: 'patched' } },
    },
    { do: 'scale as a table', path: `${path}/patched/scale`, accept: TABLE },
    { do: 'in the end', path: `${path}/patched` },
    { do: 'delete', method: 'DELETE', path: `${path}/patched` },
  ];
}

const reviews = (): Step[] => {
  const review = (group: string, plural: string, body: unknown): Step => ({
    do: `${plural} ${JSON.stringify(body)}`,
    method: 'POST',
    path: `/apis/${group}/v1/${plural}`,
    body,
  });
  const access = 'authorization.k8s.io';
  const specs = [
    undefined,
    {},
    { resourceAttributes: { verb: 'get', resource: 'pods' } },
    { nonResourceAttributes: { path: '/x', verb: 'get' } },
    { resourceAttributes: {}, nonResourceAttributes: {} },
  ];
  return [
    ...specs.map((spec) => review(access, 'selfsubjectaccessreviews', { spec })),
    ...specs.flatMap((spec) => [
      review(access, 'subjectaccessreviews', { spec: spec && { ...spec, user: 'x' } }),
      review(access, 'subjectaccessreviews', { spec }),
    ]),
    ...specs.map((spec) => review(access, 'namespaces/differ/localsubjectaccessreviews', { spec: spec && { ...spec, user: 'x' } })),
    review(access, 'namespaces/differ/localsubjectaccessreviews', {
      spec: { user: 'x', resourceAttributes: { namespace: 'differ', verb: 'get', resource: 'pods' } },
    }),
    review(access, 'selfsubjectrulesreviews', { spec: {} }),
    review(access, 'selfsubjectrulesreviews', { spec: { namespace: 'differ' } }),
    review('authentication.k8s.io', 'selfsubjectreviews', {}),
    review('authentication.k8s.io', 'tokenreviews', {}),
    review('authentication.k8s.io', 'tokenreviews', { spec: { token: 'x' } }),
    ...[
      {},
      { spec: {} },
      { spec: { expirationSeconds: 1 } },
      { spec: { expirationSeconds: 2 ** 33 } },
      { spec: { audiences: ['a'] } },
      { spec: { boundObjectRef: { kind: 'Pod', apiVersion: 'v1', name: 'none' } } },
      { spec: { boundObjectRef: { kind: 'Nope', apiVersion: 'v1', name: 'none' } } },
    ].map((body) => ({
      do: `token ${JSON.stringify(body)}`,
      method: 'POST',
      path: '/api/v1/namespaces/differ/serviceaccounts/default/token',
      body,
    })),
  ];
};

/** A pod, a template and a claim that are unwise in every way. */
function warnings(): Step[] {
  const sources = {
    rbd: { monitors: ['a'], image: 'i' },
    iscsi: { targetPortal: 'a', iqn: 'iqn.2000-01.com.example:a', lun: 0 },
    azureDisk: { diskName: 'd', diskURI: 'https://a' },
    glusterfs: { endpoints: 'e', path: 'p' },
    cephfs: { monitors: ['a'] },
    quobyte: { registry: 'a:1', volume: 'v' },
    gitRepo: { repository: 'r' },
    flexVolume: { driver: 'a/b' },
    portworxVolume: { volumeID: 'v' },
    photonPersistentDisk: { pdID: 'p' },
    scaleIO: { gateway: 'g', system: 's', secretRef: { name: 'n' }, volumeName: 'v' },
    storageos: { volumeName: 'v' },
    flocker: { datasetName: 'd' },
  };
  const spec = {
    nodeSelector: { 'beta.kubernetes.io/os': 'linux' },
    topologySpreadConstraints: [{ maxSkew: 1, topologyKey: 'failure-domain.beta.kubernetes.io/zone', whenUnsatisfiable: 'DoNotSchedule' }],
    hostAliases: [{ ip: '1.2.3.4' }, { ip: '1.2.3.4' }],
    affinity: {
      nodeAffinity: {
        preferredDuringSchedulingIgnoredDuringExecution: [
          { weight: 1, preference: { matchExpressions: [{ key: 'beta.kubernetes.io/arch', operator: 'Exists' }] } },
        ],
      },
      podAntiAffinity: {
        preferredDuringSchedulingIgnoredDuringExecution: [{ weight: 1, podAffinityTerm: { topologyKey: 'a' } }],
      },
    },
    volumes: [
      {
        name: 'v',
        configMap: {
          name: 'c',
          items: [
            { key: 'a', path: 'p' },
            { key: 'b', path: 'p/q' },
          ],
        },
      },
      {
        name: 'w',
        projected: { sources: ['p', 'p/q'].map((path) => ({ configMap: { name: 'c', items: [{ key: 'a', path }] } })) },
      },
      ...Object.entries(sources).map(([type, source]) => ({ name: type.toLowerCase(), [type]: source })),
    ],
    containers: [
      {
        name: 'c',
        image: 'i',
        resources: { limits: { memory: '1500m' }, requests: { memory: '100m' } },
        env: ['1', '$(A)2', '3'].map((value) => ({ name: 'A', value })),
        ports: [{ containerPort: 80, name: 'x' }, { containerPort: 80 }],
      },
      {
        name: 'd',
        image: 'i:1',
        ports: [
          { containerPort: 80, hostPort: 70, name: 'x' },
          { containerPort: 81, hostIP: '1.2.3.4' },
        ],
      },
    ],
  };
  const labels = { a: 'b' };
  const metadata = {
    labels,
    annotations: { 'scheduler.alpha.kubernetes.io/critical-pod': '', 'seccomp.security.alpha.kubernetes.io/pod': 'runtime/default' },
  };
  const workload = { metadata: { name: 'unwise' }, spec: { selector: { matchLabels: labels }, template: { metadata, spec } } };
  const claim = { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1500m' } } };
  const sets = {
    ...workload,
    spec: { ...workload.spec, serviceName: 's', volumeClaimTemplates: [{ metadata: { name: 'a' }, spec: claim }] },
  };
  const post = (path: string, body: object): Step => ({ do: `POST ${path}`, method: 'POST', path, body });
  return [
    post('/api/v1/namespaces/differ/pods', { metadata: { ...metadata, name: 'unwise' }, spec }),
    post('/apis/apps/v1/namespaces/differ/deployments', workload),
    post('/apis/apps/v1/namespaces/differ/statefulsets', sets),
    ...Object.entries(sources).map(([type, source]) =>
      post('/api/v1/persistentvolumes', {
        metadata: { name: `unwise-${type.toLowerCase()}` },
        spec: { accessModes: ['ReadWriteOnce'], capacity: { storage: '1Gi' }, [type]: source },
      }),
    ),
    post('/api/v1/namespaces/differ/persistentvolumeclaims', { metadata: { name: 'unwise' }, spec: claim }),
    ...['deployments', 'statefulsets'].flatMap((plural) =>
      [{ metadata: { labels } }, { spec: { minReadySeconds: 1 } }].map((body) => ({
        do: `patch ${plural}`,
        method: 'PATCH',
        path: `/apis/apps/v1/namespaces/differ/${plural}/unwise`,
        type: MERGE,
        body,
      })),
    ),
  ];
}
