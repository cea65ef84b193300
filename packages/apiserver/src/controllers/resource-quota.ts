import { quantityValue } from '../kinds/quantity.ts';
import { equal } from '../schema/schema.ts';
import type { Context, Controller, SharedInside } from './context.ts';
import { Claims, keyOf, Pods, splitKey, type Kind, type KubeObject, type Pod } from './kube.ts';
import { isFinished } from './pods.ts';
import { requestsOf } from './scheduler/nodes.ts';

interface Quota extends KubeObject {
  spec: { hard?: Record<string, string> };
  status?: { hard?: Record<string, string>; used?: Record<string, string> };
}

const Quotas: Kind<Quota> = { group: '', plural: 'resourcequotas', kind: 'ResourceQuota' };

/** Kinds that are counted by their plain name; others by `count/PLURAL.GROUP`. */
const PLAIN = ['configmaps', 'persistentvolumeclaims', 'replicationcontrollers', 'resourcequotas', 'secrets', 'services'];

/** Says how much of each quota is used. */
export const resourceQuotaController: Controller<SharedInside> = {
  name: 'resourcequota-controller',
  start(c) {
    const quotas = c.informer(Quotas);
    const queue = c.queue((key) => sync(c, key));
    quotas.on((now) => {
      if (now) queue.add(keyOf(now));
    });
    c.shared.everyKind.on((resource, now, before) => {
      const { namespace } = (now ?? before)!;
      // Only pods and claims change in what they take while they are there.
      if (!namespace || (now && before && !['pods', 'persistentvolumeclaims'].includes(resource.storage))) return;
      for (const quota of quotas.list(namespace)) queue.add(keyOf(quota));
    });
  },
};

async function sync(c: Context<SharedInside>, key: string): Promise<void> {
  const quota = c.informer(Quotas).get(...splitKey(key));
  if (!quota) return;
  const hard = quota.spec.hard ?? {};
  const used = Object.fromEntries(Object.keys(hard).flatMap((name) => entry(name, usage(c, quota.metadata.namespace ?? '', name))));
  const status = { hard, used };
  if (equal(status, quota.status)) return;
  await c.client.updateStatus(Quotas, quota, (o) => {
    o.status = status;
  });
}

const entry = (name: string, used: string | undefined): [string, string][] => (used === undefined ? [] : [[name, used]]);

function usage(c: Context<SharedInside>, namespace: string, name: string): string | undefined {
  const counted = name.startsWith('count/') ? name.slice('count/'.length) : PLAIN.includes(name) ? name : undefined;
  if (counted !== undefined) return String(c.shared.store.list(counted, namespace).length);
  const pods = c
    .informer(Pods)
    .list(namespace)
    .filter((p) => !isFinished(p));
  if (name === 'pods') return String(pods.length);
  if (name === 'requests.storage') {
    const claims = c.informer(Claims).list(namespace);
    return format(
      'memory',
      claims.reduce((n, x) => n + quantityValue(x.spec.resources?.requests?.storage ?? 0), 0),
    );
  }
  const [kind, resource = kind!] = name.split('.', 2);
  const sum = pods.reduce((n, p) => n + ((kind === 'limits' ? limitsOf(p) : requestsOf(p))[resource] ?? 0), 0);
  return ['requests', 'limits', 'cpu', 'memory'].includes(kind!) ? format(resource, sum) : undefined;
}

function limitsOf({ spec }: Pod): Record<string, number> {
  const total: Record<string, number> = {};
  for (const { resources } of spec.containers)
    for (const [name, value] of Object.entries(resources?.limits ?? {})) total[name] = (total[name] ?? 0) + quantityValue(value);
  return total;
}

/** A number as the quantity that Kubernetes would write. */
function format(resource: string, n: number): string {
  if (resource === 'cpu') return Number.isInteger(n) ? String(n) : `${Math.round(n * 1000)}m`;
  for (const [suffix, size] of [
    ['Gi', 2 ** 30],
    ['Mi', 2 ** 20],
    ['Ki', 2 ** 10],
  ] as const)
    if (n > 0 && n % size === 0) return `${n / size}${suffix}`;
  return String(n);
}
