import type { JsonObject } from '../schema/schema.ts';

/* The roles and bindings that kube-apiserver makes for itself and for users, where they are not there. */

const READ = ['get', 'list', 'watch'];
const WRITE = ['create', 'delete', 'deletecollection', 'patch', 'update'];

const rule = (group: string, resources: string[], verbs: string[]): JsonObject => ({ apiGroups: [group], resources, verbs });
const paths = (...nonResourceURLs: string[]): JsonObject => ({ nonResourceURLs, verbs: ['get'] });
/** With the status that may be read and is not the user's to write. */
const withStatus = (...resources: string[]): string[] => resources.flatMap((r) => [r, `${r}/status`]);

const CORE = [
  'configmaps',
  'persistentvolumeclaims',
  'replicationcontrollers',
  'replicationcontrollers/scale',
  'serviceaccounts',
  'services',
];
const SCALED = ['deployments', 'replicasets', 'statefulsets'].flatMap((r) => [r, `${r}/scale`]);
const BATCH = ['cronjobs', 'jobs'];
const NETWORK = ['ingresses', 'networkpolicies'];

const view: JsonObject[] = [
  rule('', [...CORE, 'endpoints', 'pods', 'persistentvolumeclaims/status', 'services/status'], READ),
  rule('', ['bindings', 'events', 'limitranges', 'namespaces', 'namespaces/status', 'pods/log', 'pods/status'], READ),
  rule('', ['replicationcontrollers/status', ...withStatus('resourcequotas')], READ),
  rule('discovery.k8s.io', ['endpointslices'], READ),
  rule('apps', ['controllerrevisions', ...withStatus('daemonsets', 'deployments', 'replicasets', 'statefulsets'), ...SCALED], READ),
  rule('autoscaling', withStatus('horizontalpodautoscalers'), READ),
  rule('batch', withStatus(...BATCH), READ),
  rule('policy', withStatus('poddisruptionbudgets'), READ),
  rule('networking.k8s.io', [...withStatus('ingresses'), 'networkpolicies'], READ),
];

const edit: JsonObject[] = [
  rule('', ['pods/attach', 'pods/exec', 'pods/portforward', 'pods/proxy', 'secrets', 'services/proxy'], READ),
  rule('', ['serviceaccounts'], ['impersonate']),
  rule('', ['pods', 'pods/attach', 'pods/exec', 'pods/portforward', 'pods/proxy'], WRITE),
  rule('', ['pods/eviction', 'serviceaccounts/token'], ['create']),
  rule('', [...CORE, 'events', 'secrets', 'services/proxy'], WRITE),
  rule('apps', ['daemonsets', 'deployments/rollback', ...SCALED], WRITE),
  rule('autoscaling', ['horizontalpodautoscalers'], WRITE),
  rule('batch', BATCH, WRITE),
  rule('policy', ['poddisruptionbudgets'], WRITE),
  rule('networking.k8s.io', NETWORK, WRITE),
  rule('coordination.k8s.io', ['leases'], [...READ, ...WRITE]),
  ...view,
];

const admin: JsonObject[] = [
  rule('authorization.k8s.io', ['localsubjectaccessreviews'], ['create']),
  rule('rbac.authorization.k8s.io', ['roles', 'rolebindings'], [...READ, ...WRITE]),
  ...edit,
];

/** Rules of the ClusterRoles, by name. Those that users are bound to have what controllers would gather for them. */
export const ROLES: Record<string, JsonObject[]> = {
  'cluster-admin': [rule('*', ['*'], ['*']), { nonResourceURLs: ['*'], verbs: ['*'] }],
  admin,
  edit,
  view,
  'system:basic-user': [
    rule('authorization.k8s.io', ['selfsubjectaccessreviews', 'selfsubjectrulesreviews'], ['create']),
    rule('authentication.k8s.io', ['selfsubjectreviews'], ['create']),
  ],
  'system:discovery': [
    paths('/api', '/api/*', '/apis', '/apis/*', '/healthz', '/livez', '/openapi', '/openapi/*', '/readyz', '/version', '/version/'),
  ],
  'system:service-account-issuer-discovery': [
    paths('/.well-known/openid-configuration', '/.well-known/openid-configuration/', '/openid/v1/jwks', '/openid/v1/jwks/'),
  ],
  'system:monitoring': [paths('/healthz', '/healthz/*', '/livez', '/livez/*', '/metrics', '/metrics/slis', '/readyz', '/readyz/*')],
  'system:public-info-viewer': [paths('/healthz', '/livez', '/readyz', '/version', '/version/')],
};

/** Groups that ClusterRoles are bound to, by the role's and binding's name. */
export const BINDINGS: Record<string, string[]> = {
  'cluster-admin': ['system:masters'],
  'system:basic-user': ['system:authenticated'],
  'system:discovery': ['system:authenticated'],
  'system:service-account-issuer-discovery': ['system:serviceaccounts'],
  'system:monitoring': ['system:monitoring'],
  'system:public-info-viewer': ['system:authenticated', 'system:unauthenticated'],
};

/** Priority classes that are there from the start. */
export const PRIORITIES: Record<string, [value: number, description: string]> = {
  'system-cluster-critical': [
    2_000_000_000,
    'Used for system critical pods that must run in the cluster, but can be moved to another node if necessary.',
  ],
  'system-node-critical': [2_000_001_000, 'Used for system critical pods that must not be moved from their current node.'],
};
