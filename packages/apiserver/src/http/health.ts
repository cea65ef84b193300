import type { Store } from '../storage/store.ts';
import { sendNoPage, sendPlain } from './respond.ts';
import type { Call } from './request.ts';

/** What is looked at, in the order of the answer; a check gives what is wrong, or undefined. */
export type HealthChecks = readonly (readonly [name: string, problem: () => string | undefined])[];

const ENDPOINTS = ['healthz', 'livez', 'readyz'] as const;
type Endpoint = (typeof ENDPOINTS)[number];

export const isHealth = (root: string | undefined): root is Endpoint => ENDPOINTS.includes(root as Endpoint);

/** What kube-apiserver waits for after it began to listen. Here it is done before, so none of it ever fails. */
const HOOKS = [
  'start-apiserver-admission-initializer',
  'generic-apiserver-start-informers',
  'priority-and-fairness-config-consumer',
  'priority-and-fairness-filter',
  'storage-object-count-tracker-hook',
  'start-apiextensions-informers',
  'start-apiextensions-controllers',
  'crd-informer-synced',
  'start-system-namespaces-controller',
  'start-cluster-authentication-info-controller',
  'start-kube-apiserver-identity-lease-controller',
  'start-kube-apiserver-identity-lease-garbage-collector',
  'start-legacy-token-tracking-controller',
  'start-service-ip-repair-controllers',
  'rbac/bootstrap-roles',
  'scheduling/bootstrap-system-priority-classes',
  'priority-and-fairness-config-producer',
  'bootstrap-controller',
  'start-kubernetes-service-cidr-controller',
  'aggregator-reload-proxy-client-cert',
  'start-kube-aggregator-informers',
  'apiservice-status-local-available-controller',
  'apiservice-status-remote-available-controller',
  'apiservice-registration-controller',
  'apiservice-discovery-controller',
  'kube-apiserver-autoregistration',
].map((name) => `poststarthook/${name}`);

/** The checks of an endpoint under the names of Kubernetes: what is etcd there is the store. */
export function healthChecks(endpoint: Endpoint, store: Store, ready: () => boolean): HealthChecks {
  const fine = (): undefined => undefined;
  const kept = (): string | undefined => store.problem;
  const readyOnly = endpoint === 'readyz';
  return [
    ['ping', fine],
    ['log', fine],
    ['etcd', kept],
    ...(readyOnly
      ? ([
          ['etcd-readiness', kept],
          ['informer-sync', fine],
        ] as const)
      : []),
    ...[
      ...HOOKS,
      'autoregister-completion',
      'poststarthook/apiservice-openapi-controller',
      'poststarthook/apiservice-openapiv3-controller',
    ].map((name) => [name, fine] as const),
    ...(readyOnly ? ([['shutdown', () => (ready() ? undefined : 'process is shutting down')]] as const) : []),
  ];
}

/** All checks in one answer: why one failed is told only to whoever may ask for it by its name. */
export function healthOf(endpoint: string, checks: HealthChecks, query: URLSearchParams): { ok: boolean; text: string } {
  const excluded = new Set(query.getAll('exclude'));
  let lines = '';
  let ok = true;
  for (const [name, problem] of checks) {
    if (excluded.delete(name)) lines += `[+]${name} excluded: ok\n`;
    else if (problem() === undefined) lines += `[+]${name} ok\n`;
    else {
      ok = false;
      lines += `[-]${name} failed: reason withheld\n`;
    }
  }
  if (excluded.size) {
    const unknown = [...excluded].sort().map((name) => JSON.stringify(name));
    lines += `warn: some health checks cannot be excluded: no matches for ${unknown.join(',')}\n`;
  }
  if (!ok) return { ok, text: `${lines}${endpoint} check failed\n` };
  return { ok, text: query.has('verbose') ? `${lines}${endpoint} check passed\n` : 'ok' };
}

/** Answers `/readyz`, and below it what its checks are called. */
export function sendHealth(call: Call, endpoint: Endpoint, checks: HealthChecks): void {
  const { pathname } = call.url;
  if (pathname === `/${endpoint}`) {
    const { ok, text } = healthOf(endpoint, checks, call.url.searchParams);
    return sendPlain(call, ok ? 200 : 500, text);
  }
  const check = checks.find(([name]) => pathname === `/${endpoint}/${name}`);
  if (!check) return sendNoPage(call);
  const problem = check[1]();
  return problem === undefined ? sendPlain(call, 200, 'ok') : sendPlain(call, 500, `internal server error: ${problem}\n`);
}
