import { map, MAPS, TABLE, MERGE } from './maps.ts';
import type { Step } from './side.ts';

export const options = (): Step[] => {
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

export const deletions = (): Step[] =>
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

export const bodies = (): Step[] =>
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

export function patches(): Step[] {
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
