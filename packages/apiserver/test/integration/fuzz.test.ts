import { expect } from 'chai';
import * as fc from 'fast-check';
import { Client } from './client.ts';

type Json = Record<string, any>;

const labels = { a: 'b' };
const podSpec = (more: Json = {}): Json => ({
  containers: [
    {
      name: 'c',
      image: 'i',
      ports: [{ name: 'p', containerPort: 1 }],
      env: [{ name: 'A', valueFrom: { fieldRef: { fieldPath: 'metadata.name' } } }],
      envFrom: [{ configMapRef: { name: 'x' } }],
      volumeMounts: [{ name: 'v', mountPath: '/v', subPath: 's' }],
      livenessProbe: { httpGet: { port: 1 } },
      lifecycle: { preStop: { exec: { command: ['x'] } } },
      resources: { limits: { cpu: '1' }, requests: { cpu: '1' } },
      securityContext: { runAsUser: 1, seccompProfile: { type: 'RuntimeDefault' } },
    },
  ],
  initContainers: [{ name: 'i', image: 'i' }],
  volumes: [
    { name: 'v', configMap: { name: 'x', items: [{ key: 'k', path: 'p' }] } },
    { name: 'w', projected: { sources: [{ serviceAccountToken: { path: 't' } }] } },
  ],
  tolerations: [{ key: 'a', operator: 'Exists' }],
  affinity: {
    nodeAffinity: {
      requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms: [{ matchExpressions: [{ key: 'a', operator: 'Exists' }] }] },
    },
  },
  topologySpreadConstraints: [{ maxSkew: 1, topologyKey: 'k', whenUnsatisfiable: 'DoNotSchedule', labelSelector: {} }],
  hostAliases: [{ ip: '1.2.3.4', hostnames: ['h'] }],
  dnsConfig: { nameservers: ['1.1.1.1'] },
  securityContext: { runAsUser: 1, supplementalGroups: [1] },
  ...more,
});
const template = (more: Json = {}): Json => ({ metadata: { labels }, spec: podSpec(more) });
const selector = { matchLabels: labels, matchExpressions: [{ key: 'a', operator: 'In', values: ['b'] }] };
const job = { template: template({ restartPolicy: 'Never' }) };
const ns = 'namespaces/default';

const OBJECTS: [path: string, object: Json][] = [
  [`/api/v1/${ns}/pods`, { spec: podSpec() }],
  [
    `/api/v1/${ns}/services`,
    {
      spec: {
        type: 'NodePort',
        selector: labels,
        ports: [{ port: 1, targetPort: 'x' }],
        externalIPs: ['1.2.3.4'],
        sessionAffinity: 'ClientIP',
        sessionAffinityConfig: { clientIP: { timeoutSeconds: 1 } },
      },
    },
  ],
  [`/api/v1/${ns}/endpoints`, { subsets: [{ addresses: [{ ip: '1.2.3.4' }], ports: [{ port: 1 }] }] }],
  [`/api/v1/${ns}/configmaps`, { data: { a: 'b' }, binaryData: { c: 'YQ==' }, immutable: false }],
  [`/api/v1/${ns}/secrets`, { type: 'kubernetes.io/tls', data: { 'tls.crt': '', 'tls.key': '' }, stringData: { a: 'b' } }],
  [`/api/v1/${ns}/serviceaccounts`, { secrets: [{ name: 'x' }] }],
  [
    `/api/v1/${ns}/persistentvolumeclaims`,
    { spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } }, selector } },
  ],
  [`/api/v1/${ns}/events`, { involvedObject: { kind: 'Pod', namespace: 'default', name: 'x' }, source: { component: 'x' } }],
  ['/api/v1/persistentvolumes', { spec: { accessModes: ['ReadWriteOnce'], capacity: { storage: '1Gi' }, hostPath: { path: '/x' } } }],
  ['/api/v1/nodes', { spec: { podCIDR: '10.0.0.0/24', podCIDRs: ['10.0.0.0/24'], taints: [{ key: 'a', effect: 'NoSchedule' }] } }],
  ['/api/v1/namespaces', { spec: { finalizers: ['kubernetes'] } }],
  [`/apis/apps/v1/${ns}/deployments`, { spec: { selector, template: template(), strategy: { rollingUpdate: { maxSurge: '1%' } } } }],
  [`/apis/apps/v1/${ns}/replicasets`, { spec: { selector, template: template() } }],
  [`/apis/apps/v1/${ns}/daemonsets`, { spec: { selector, template: template(), updateStrategy: { rollingUpdate: {} } } }],
  [
    `/apis/apps/v1/${ns}/statefulsets`,
    {
      spec: {
        selector,
        serviceName: 's',
        template: template(),
        volumeClaimTemplates: [{ metadata: { name: 'c' }, spec: { accessModes: ['ReadWriteOnce'] } }],
      },
    },
  ],
  [`/apis/batch/v1/${ns}/jobs`, { spec: job }],
  [`/apis/batch/v1/${ns}/cronjobs`, { spec: { schedule: '* * * * *', timeZone: 'UTC', jobTemplate: { spec: job } } }],
  [
    `/apis/networking.k8s.io/v1/${ns}/ingresses`,
    {
      spec: {
        tls: [{ hosts: ['a'] }],
        rules: [
          { host: 'a', http: { paths: [{ path: '/', pathType: 'Exact', backend: { service: { name: 's', port: { number: 1 } } } }] } },
        ],
      },
    },
  ],
  [
    `/apis/networking.k8s.io/v1/${ns}/networkpolicies`,
    {
      spec: {
        podSelector: selector,
        ingress: [{ ports: [{ port: 1, endPort: 2 }], from: [{ ipBlock: { cidr: '10.0.0.0/8', except: ['10.1.0.0/16'] } }] }],
      },
    },
  ],
  ['/apis/networking.k8s.io/v1/servicecidrs', { spec: { cidrs: ['10.1.0.0/24'] } }],
  [
    `/apis/discovery.k8s.io/v1/${ns}/endpointslices`,
    { addressType: 'IPv4', endpoints: [{ addresses: ['1.2.3.4'], conditions: { ready: true } }], ports: [{ name: 'a', port: 1 }] },
  ],
  [
    `/apis/coordination.k8s.io/v1/${ns}/leases`,
    { spec: { holderIdentity: 'x', leaseDurationSeconds: 1, renewTime: '2026-01-01T00:00:00.000000Z' } },
  ],
  [`/apis/policy/v1/${ns}/poddisruptionbudgets`, { spec: { minAvailable: '1%', selector } }],
  [`/apis/rbac.authorization.k8s.io/v1/${ns}/roles`, { rules: [{ apiGroups: [''], resources: ['pods'], verbs: ['get'] }] }],
  [
    `/apis/rbac.authorization.k8s.io/v1/${ns}/rolebindings`,
    { roleRef: { kind: 'Role', name: 'x' }, subjects: [{ kind: 'User', name: 'x' }] },
  ],
  ['/apis/rbac.authorization.k8s.io/v1/clusterroles', { aggregationRule: { clusterRoleSelectors: [selector] }, rules: [] }],
  ['/apis/storage.k8s.io/v1/storageclasses', { provisioner: 'p', parameters: { a: 'b' } }],
  ['/apis/scheduling.k8s.io/v1/priorityclasses', { value: 1 }],
  [
    '/apis/apiextensions.k8s.io/v1/customresourcedefinitions',
    {
      metadata: { name: 'fuzzes.fuzz.test' },
      spec: {
        group: 'fuzz.test',
        scope: 'Namespaced',
        names: { plural: 'fuzzes', kind: 'Fuzz', shortNames: ['fz'] },
        versions: [
          {
            name: 'v1',
            served: true,
            storage: true,
            selectableFields: [{ jsonPath: '.spec.a' }],
            subresources: { status: {}, scale: { specReplicasPath: '.spec.replicas', statusReplicasPath: '.status.replicas' } },
            additionalPrinterColumns: [{ name: 'A', type: 'string', jsonPath: '.spec.a' }],
            schema: {
              openAPIV3Schema: {
                type: 'object',
                properties: {
                  spec: {
                    type: 'object',
                    required: ['a'],
                    properties: {
                      a: { type: 'string', default: 'x' },
                      list: {
                        type: 'array',
                        'x-kubernetes-list-type': 'map',
                        'x-kubernetes-list-map-keys': ['k'],
                        items: { type: 'object', required: ['k'], properties: { k: { type: 'string' } } },
                      },
                    },
                    anyOf: [{ required: ['a'] }],
                    'x-kubernetes-validations': [{ rule: 'self.a != "y"', messageExpression: '"m"', fieldPath: '.a' }],
                  },
                },
              },
            },
          },
        ],
      },
    },
  ],
];

/** Every place in a JSON value, as paths of keys. */
function places(value: unknown, at: string[] = []): string[][] {
  if (typeof value !== 'object' || value === null) return [at];
  return [at, ...Object.entries(value).flatMap(([k, v]) => places(v, [...at, k]))];
}

function put(object: Json, [first, ...rest]: string[], value: unknown): Json {
  const copy: Json = Array.isArray(object) ? ([...object] as unknown as Json) : { ...object };
  copy[first!] = rest.length ? put(copy[first!], rest, value) : value;
  return copy;
}

const odd = fc.oneof(
  fc.constantFrom<unknown>(
    null,
    '',
    ' ',
    'x',
    'a/b/c',
    '../..',
    '-1',
    '1e400',
    '25%',
    'None',
    0,
    -1,
    1.5,
    2 ** 31,
    1e300,
    true,
    [],
    {},
    [null],
    [{}],
    [[]],
    { a: null },
    { '': '' },
    ['x', 'x'],
    'x'.repeat(300),
    '\u0000',
    '\ud800',
    { constructor: 1 },
    '((',
    '.a[',
    'size(self)',
  ),
  fc.jsonValue({ maxDepth: 3 }),
);

describe('what nobody would write', () => {
  let client: Client;
  const reports: unknown[] = [];
  before(async () => {
    client = await Client.start({ report: (e) => reports.push(e) });
  });
  after(() => client.stop());

  for (const [path, object] of OBJECTS) {
    it(`at any place of ${path.split('/').at(-1)} gets an answer that is no internal error`, async function () {
      this.timeout(30_000);
      const good = { ...object, metadata: { name: 'x', labels, annotations: labels, ...object['metadata'] } };
      const made = await client.call('POST', path, good);
      expect(made.status, made.text).to.equal(201);
      const own = `${path}/${good.metadata.name}`;
      const at = places(good).filter((p) => p.length > 0);
      await fc.assert(
        fc.asyncProperty(fc.constantFrom(...at), odd, async (place, value) => {
          const bad = put(good, place, value);
          const answers = await Promise.all([
            client.call('POST', `${path}?dryRun=All`, put(bad, ['metadata'], { ...bad['metadata'], name: 'other' })),
            client.call('PUT', `${own}?dryRun=All`, bad),
            client.call('PATCH', `${own}?dryRun=All`, bad, { 'content-type': 'application/merge-patch+json' }),
            client.call('PATCH', `${own}?dryRun=All`, bad, { 'content-type': 'application/strategic-merge-patch+json' }),
            client.call('PATCH', `${own}?dryRun=All&fieldManager=f&force=true`, bad, { 'content-type': 'application/apply-patch+yaml' }),
          ]);
          // Kubernetes itself answers 500, without a reason, to strategic patches and configurations that fit no list.
          for (const { status, text, body } of answers) if (status >= 500 && body?.reason) throw new Error(`${status}: ${text}`);
        }),
        { numRuns: 60 },
      );
      expect(reports).to.deep.equal([]);
    });
  }

  it('in the query of a list or a watch gets an answer that is no internal error', async function () {
    this.timeout(30_000);
    const names = [
      'labelSelector',
      'fieldSelector',
      'limit',
      'continue',
      'resourceVersion',
      'resourceVersionMatch',
      'sendInitialEvents',
      'allowWatchBookmarks',
      'timeoutSeconds',
      'pretty',
      'dryRun',
      'fieldValidation',
      'fieldManager',
      'gracePeriodSeconds',
    ];
    const value = fc.oneof(
      fc.constantFrom(
        '',
        '0',
        '-1',
        '1e9',
        '99999999999999999999',
        'a in (b',
        '!',
        'a==b,',
        'metadata.name=',
        'metadata.name!=x,',
        'spec.nope=1',
        'a notin ()',
        '!a',
        'NotOlderThan',
        'Exact',
        'true',
        'eyJ2IjoibWV0YS5rOHMuaW8vdjEifQ',
        'x'.repeat(3000),
        '\u0000',
        '%',
      ),
      fc.string({ maxLength: 40, unit: 'binary' }),
    );
    await fc.assert(
      fc.asyncProperty(
        fc.dictionary(fc.constantFrom(...names), value, { maxKeys: 4 }),
        fc.constantFrom('pods', 'configmaps', 'nodes'),
        async (query, plural) => {
          const path = `/api/v1/${plural}?${new URLSearchParams(query)}`;
          for (const [method, accept] of [
            ['GET', 'application/json'],
            ['GET', 'application/json;as=Table;v=v1;g=meta.k8s.io,application/json'],
          ] as const) {
            const { status, text } = await client.call(method, path, undefined, { accept });
            if (status >= 500) throw new Error(`${status}: ${text}`);
          }
        },
      ),
      { numRuns: 150 },
    );
    expect(reports).to.deep.equal([]);
  });
});
