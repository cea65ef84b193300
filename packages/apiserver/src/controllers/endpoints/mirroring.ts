import type { Context, Controller } from '../context.ts';
import { EndpointsKind, EndpointSlices, Services, splitKey, type EndpointAddress, type Endpoint } from '../kube.ts';
import { isTerminating } from '../pods.ts';
import { familyOf } from './ports.ts';
import { MANAGED_BY, reconcileSlices, SERVICE_NAME, slicesOf, type Group } from './slices.ts';

const MANAGER = 'endpointslicemirroring-controller.k8s.io';
const SKIP = 'endpointslice.kubernetes.io/skip-mirror';
const LEADER = 'control-plane.alpha.kubernetes.io/leader';

/** Copies endpoints that somebody wrote by hand, for services without a selector, into slices. */
export const endpointSliceMirroringController: Controller = {
  name: 'endpointslice-mirroring-controller',
  start(c) {
    const queue = c.queue((key) => sync(c, key));
    for (const kind of [EndpointsKind, Services])
      c.informer(kind).on((now, before) => {
        const { namespace, name } = (now ?? before)!.metadata;
        queue.add(`${namespace}/${name}`);
      });
    c.informer(EndpointSlices).on((now, before) => {
      const { labels, namespace } = (now ?? before)!.metadata;
      if (labels?.[MANAGED_BY] === MANAGER) queue.add(`${namespace}/${labels[SERVICE_NAME]}`);
    });
  },
};

async function sync(c: Context, key: string): Promise<void> {
  const [namespace, name] = splitKey(key);
  const existing = slicesOf(c, namespace, name, MANAGER);
  const endpoints = c.informer(EndpointsKind).get(namespace, name);
  const service = c.informer(Services).get(namespace, name);
  const isMirrored =
    endpoints &&
    service &&
    !isTerminating(endpoints) &&
    Object.keys(service.spec.selector ?? {}).length === 0 &&
    endpoints.metadata.labels?.[SKIP] !== 'true' &&
    endpoints.metadata.annotations?.[LEADER] === undefined;
  if (!isMirrored) {
    for (const slice of existing) await c.client.delete(EndpointSlices, slice);
    return;
  }
  const groups: Group[] = (endpoints.subsets ?? []).flatMap(({ addresses = [], notReadyAddresses = [], ports = [] }) => {
    const all = [...addresses.map((a) => endpointOf(a, true)), ...notReadyAddresses.map((a) => endpointOf(a, false))];
    return ['IPv4', 'IPv6'].flatMap((addressType) => {
      const of = all.filter((e) => familyOf(e.addresses[0]!) === addressType);
      return of.length > 0 ? [{ addressType, ports: ports.map((p) => ({ name: '', ...p })), endpoints: of }] : [];
    });
  });
  const { [SKIP]: _s, ...labels } = endpoints.metadata.labels ?? {};
  const own = { ...labels, [MANAGED_BY]: MANAGER, [SERVICE_NAME]: name };
  await reconcileSlices(c, existing, { ownerKind: EndpointsKind, owner: endpoints, labels: own, groups });
}

const endpointOf = ({ ip, hostname, nodeName, targetRef }: EndpointAddress, ready: boolean): Endpoint => ({
  addresses: [ip],
  conditions: { ready },
  ...(hostname !== undefined && { hostname }),
  ...(targetRef && { targetRef }),
  ...(nodeName !== undefined && { nodeName }),
});
