import type { Context, Controller } from '../context.ts';
import { EndpointSlices, keyOf, Nodes, Pods, Services, splitKey, type Endpoint, type Pod, type Service } from '../kube.ts';
import { isReady, isTerminating } from '../pods.ts';
import type { WorkQueue } from '../queue.ts';
import { hasLabels } from '../../kinds/label-selector.ts';
import { addressesOf, familiesOf, hasAddress, hostnameOf, isHeadless, portsOf, selectsPods } from './ports.ts';
import { HEADLESS, MANAGED_BY, reconcileSlices, SERVICE_NAME, slicesOf, type Group } from './slices.ts';
import { watchServices } from './watch.ts';

const MANAGER = 'endpointslice-controller.k8s.io';
const ZONE = 'topology.kubernetes.io/zone';

/** Keeps the endpoints of services that select pods, in slices. */
export const endpointSliceController: Controller = {
  name: 'endpointslice-controller',
  start(c) {
    const queue: WorkQueue = c.queue((key) => sync(c, key));
    watchServices(c, queue);
    c.informer(EndpointSlices).on((now, before) => {
      const { labels, namespace } = (now ?? before)!.metadata;
      if (labels?.[MANAGED_BY] === MANAGER) queue.add(`${namespace}/${labels[SERVICE_NAME]}`);
    });
    c.informer(Nodes).on((now, before) => {
      if (now?.metadata.labels?.[ZONE] === before?.metadata.labels?.[ZONE]) return;
      for (const service of c.informer(Services).list()) if (selectsPods(service)) queue.add(keyOf(service));
    });
  },
};

async function sync(c: Context, key: string): Promise<void> {
  const [namespace, name] = splitKey(key);
  const service = c.informer(Services).get(namespace, name);
  const existing = slicesOf(c, namespace, name, MANAGER);
  if (!service) {
    for (const slice of existing) await c.client.delete(EndpointSlices, slice);
    return;
  }
  if (!selectsPods(service) || isTerminating(service)) return;
  const pods = c
    .informer(Pods)
    .list(namespace)
    .filter((pod) => hasLabels(service.spec.selector, pod.metadata.labels) && hasAddress(pod));
  const groups = familiesOf(service).flatMap((family) => groupsOf(c, service, family, pods));
  const labels = {
    ...withoutOwn(service.metadata.labels),
    [MANAGED_BY]: MANAGER,
    [SERVICE_NAME]: name,
    ...(isHeadless(service) && { [HEADLESS]: '' }),
  };
  await reconcileSlices(c, existing, { ownerKind: Services, owner: service, labels, groups });
}

function withoutOwn(labels: Record<string, string> = {}): Record<string, string> {
  const { [MANAGED_BY]: _m, [SERVICE_NAME]: _s, [HEADLESS]: _h, ...rest } = labels;
  return rest;
}

/** Pods that a named port leads to at different numbers are in different slices. */
function groupsOf(c: Context, service: Service, addressType: string, pods: readonly Pod[]): Group[] {
  const groups = new Map<string, Group>();
  for (const pod of pods) {
    const addresses = addressesOf(pod, addressType);
    if (addresses.length === 0) continue;
    const ports = portsOf(service, pod);
    const id = JSON.stringify(ports);
    let group = groups.get(id);
    if (!group) groups.set(id, (group = { addressType, ports, endpoints: [] }));
    group.endpoints.push(endpointOf(c, service, pod, addresses));
  }
  return groups.size ? [...groups.values()] : [{ addressType, ports: [], endpoints: [] }];
}

function endpointOf(c: Context, service: Service, pod: Pod, addresses: string[]): Endpoint {
  const { name, namespace = '', uid } = pod.metadata;
  const { nodeName } = pod.spec;
  const serving = isReady(pod);
  const terminating = isTerminating(pod);
  const hostname = hostnameOf(pod, service);
  const zone = nodeName ? c.informer(Nodes).get('', nodeName)?.metadata.labels?.[ZONE] : undefined;
  const ready = Boolean(service.spec.publishNotReadyAddresses) || (serving && !terminating);
  const hints = ready ? hintsOf(service, nodeName, zone) : undefined;
  return {
    addresses,
    conditions: { ready, serving, terminating },
    ...(hostname !== undefined && { hostname }),
    targetRef: { kind: 'Pod', namespace, name, uid },
    ...(nodeName && { nodeName }),
    ...(zone !== undefined && { zone }),
    ...(hints && { hints }),
  };
}

/** Whom traffic should come from, as the service asks for. */
function hintsOf({ spec }: Service, node: string | undefined, zone: string | undefined): Endpoint['hints'] {
  const forZones = zone === undefined ? undefined : [{ name: zone }];
  switch (spec.trafficDistribution) {
    case 'PreferClose':
    case 'PreferSameZone':
      return forZones && { forZones };
    case 'PreferSameNode':
      return node ? { ...(forZones && { forZones }), forNodes: [{ name: node }] } : undefined;
    default:
      return undefined;
  }
}
