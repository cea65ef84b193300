import { MERGE } from './maps.ts';
import type { Step } from './side.ts';

export const reviews = (): Step[] => {
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
export function warnings(): Step[] {
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
