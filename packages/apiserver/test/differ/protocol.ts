import { facts } from '../../src/kinds/facts.ts';
import { map, MAPS, TABLE, MERGE, SOME } from './maps.ts';
import { reviews, warnings } from './reviews.ts';
import type { Case, Step } from './side.ts';
import { bodies, deletions, options, patches } from './writes.ts';

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
