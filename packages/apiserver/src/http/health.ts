import type { Store } from '../storage/store.ts';
import { sendNoPage, sendPlain } from './respond.ts';
import type { Call } from './request.ts';

/** What is looked at, in the order of the answer; a check gives what is wrong, or undefined. */
export type HealthChecks = readonly (readonly [name: string, problem: () => string | undefined])[];

const ENDPOINTS = ['healthz', 'livez', 'readyz'] as const;
type Endpoint = (typeof ENDPOINTS)[number];

export const isHealth = (root: string | undefined): root is Endpoint => ENDPOINTS.includes(root as Endpoint);

/** What kube-apiserver waits for after it began to listen. Here it is done before. */
const STARTED = [
  'poststarthook/start-apiserver-admission-initializer',
  'poststarthook/generic-apiserver-start-informers',
  'poststarthook/priority-and-fairness-config-consumer',
  'poststarthook/priority-and-fairness-filter',
  'poststarthook/storage-object-count-tracker-hook',
  'poststarthook/start-apiextensions-informers',
  'poststarthook/start-apiextensions-controllers',
  'poststarthook/crd-informer-synced',
  'poststarthook/start-system-namespaces-controller',
  'poststarthook/peer-endpoint-reconciler-controller',
  'poststarthook/start-cluster-authentication-info-controller',
  'poststarthook/start-kube-apiserver-identity-lease-controller',
  'poststarthook/start-kube-apiserver-identity-lease-garbage-collector',
  'poststarthook/storage-readiness',
  'poststarthook/start-legacy-token-tracking-controller',
  'poststarthook/start-service-ip-repair-controllers',
  'poststarthook/rbac/bootstrap-roles',
  'poststarthook/scheduling/bootstrap-system-priority-classes',
  'poststarthook/priority-and-fairness-config-producer',
  'poststarthook/bootstrap-controller',
  'poststarthook/start-kubernetes-service-cidr-controller',
  'poststarthook/start-kube-aggregator-informers',
  'poststarthook/apiservice-status-local-available-controller',
  'poststarthook/apiservice-status-remote-available-controller',
  'poststarthook/apiservice-registration-controller',
  'poststarthook/apiservice-wait-for-first-sync',
  'poststarthook/apiservice-discovery-controller',
  'poststarthook/kube-apiserver-autoregistration',
  'autoregister-completion',
  'poststarthook/apiservice-openapi-controller',
  'poststarthook/apiservice-openapiv3-controller',
];

/** Of these the store has a say in some. */
const KEPT = new Set(['etcd', 'poststarthook/storage-readiness']);

/** The checks of an endpoint under the names of Kubernetes: what is etcd there is the store. */
export function healthChecks(endpoint: Endpoint, store: Store, ready: () => boolean): HealthChecks {
  const own = endpoint === 'readyz' ? ['informer-sync'] : ['loopback-serving-certificate', 'etcd'];
  const checks: [string, () => string | undefined][] = ['ping', 'log', ...own, ...STARTED].map((name) => [
    name,
    () => (KEPT.has(name) ? store.problem : undefined),
  ]);
  if (endpoint === 'readyz') checks.push(['shutdown', () => (ready() ? undefined : 'process is shutting down')]);
  return checks;
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
