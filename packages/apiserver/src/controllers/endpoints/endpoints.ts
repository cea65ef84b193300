import { ApiError } from '../../http/errors.ts';
import { equal } from '../../schema/schema.ts';
import type { Context, Controller } from '../context.ts';
import { EndpointsKind, Pods, Services, splitKey, type EndpointAddress, type Endpoints, type Pod, type Service } from '../kube.ts';
import { isReady, isTerminating } from '../pods.ts';
import { hasLabels } from '../../kinds/label-selector.ts';
import { addressesOf, familiesOf, hasAddress, hostnameOf, isHeadless, portsOf, selectsPods } from './ports.ts';
import { HEADLESS } from './slices.ts';
import { watchServices } from './watch.ts';

const MANAGED_BY = 'endpoints.kubernetes.io/managed-by';
const MANAGER = 'endpoint-controller';
const MAX_ADDRESSES = 1000;

/** Keeps the endpoints of services that select pods in the older form, which many still read. */
export const endpointsController: Controller = {
  name: 'endpoints-controller',
  component: 'endpoint-controller',
  start(c) {
    const queue = c.queue((key) => sync(c, key));
    watchServices(c, queue);
    c.informer(EndpointsKind).on((now, before) => {
      const { namespace, name, labels } = (now ?? before)!.metadata;
      if (!now || labels?.[MANAGED_BY] === MANAGER) queue.add(`${namespace}/${name}`);
    });
  },
};

async function sync(c: Context, key: string): Promise<void> {
  const [namespace, name] = splitKey(key);
  const service = c.informer(Services).get(namespace, name);
  const existing = c.informer(EndpointsKind).get(namespace, name);
  if (!service) {
    if (existing?.metadata.labels?.[MANAGED_BY] === MANAGER) await c.client.delete(EndpointsKind, existing);
    return;
  }
  if (!selectsPods(service) || isTerminating(service)) return;
  const subsets = subsetsOf(c, service);
  const labels = { ...service.metadata.labels, ...(isHeadless(service) && { [HEADLESS]: '' }), [MANAGED_BY]: MANAGER };
  if (!existing) {
    await c.client.create(EndpointsKind, { metadata: { name, namespace, labels }, subsets }).catch((error: unknown) => {
      if (!(error instanceof ApiError && error.code === 403)) throw error; // the namespace is going
    });
  } else if (!equal(existing.subsets ?? [], subsets) || !equal(existing.metadata.labels, labels)) {
    await c.client.update(EndpointsKind, existing, (o) => {
      o.subsets = subsets;
      o.metadata.labels = labels;
    });
  }
}

/** Addresses with the same ports, each once, in order. */
function subsetsOf(c: Context, service: Service): NonNullable<Endpoints['subsets']> {
  const subsets = new Map<string, { ports: ReturnType<typeof portsOf>; ready: EndpointAddress[]; not: EndpointAddress[] }>();
  const { publishNotReadyAddresses = false } = service.spec;
  const family = familiesOf(service)[0]!;
  const byIp = (a: EndpointAddress, b: EndpointAddress): number => (a.ip < b.ip ? -1 : 1);
  let room = MAX_ADDRESSES;
  for (const pod of c.informer(Pods).list(service.metadata.namespace)) {
    if (!hasLabels(service.spec.selector, pod.metadata.labels) || !hasAddress(pod)) continue;
    if (isTerminating(pod) && !publishNotReadyAddresses) continue;
    const [ip] = addressesOf(pod, family);
    const ports = portsOf(service, pod);
    if (ip === undefined || (ports.length === 0 && !(isHeadless(service) && !service.spec.ports?.length)) || room === 0) continue;
    room -= 1;
    const id = JSON.stringify(ports);
    let subset = subsets.get(id);
    if (!subset) subsets.set(id, (subset = { ports, ready: [], not: [] }));
    (publishNotReadyAddresses || isReady(pod) ? subset.ready : subset.not).push(addressOf(pod, service, ip));
  }
  return [...subsets]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([, { ports, ready, not }]) => ({
      ...(ready.length > 0 && { addresses: ready.sort(byIp) }),
      ...(not.length > 0 && { notReadyAddresses: not.sort(byIp) }),
      ...(ports.length > 0 && {
        // Kubernetes leaves the name of an only port out.
        ports: ports.map(({ name, ...p }) => ({ ...(name && { name }), ...p })),
      }),
    }));
}

function addressOf(pod: Pod, service: Service, ip: string): EndpointAddress {
  const { name, namespace = '', uid } = pod.metadata;
  const hostname = hostnameOf(pod, service);
  return {
    ip,
    ...(hostname !== undefined && { hostname }),
    ...(pod.spec.nodeName && { nodeName: pod.spec.nodeName }),
    targetRef: { kind: 'Pod', namespace, name, uid },
  };
}
