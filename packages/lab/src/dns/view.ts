import type { Informer, KObject } from '@kosmos/kernel';
import { BY_SERVICE, byService, type EndpointSlice, type Service } from '../services.ts';
import { addressKey, type ClusterView } from './cluster-records.ts';

const BY_ADDRESS = 'address';

export const serviceIndexes = {
  [BY_ADDRESS]: (service: Service): string[] => (service.spec?.clusterIPs ?? []).filter((ip) => ip !== 'None').map(addressKey),
};
export const sliceIndexes = {
  ...byService,
  [BY_ADDRESS]: (slice: EndpointSlice): string[] =>
    slice.addressType === 'FQDN' ? [] : (slice.endpoints ?? []).flatMap((e) => e.addresses.map(addressKey)),
};

/** The cluster as informers with these indexes know it. */
export function informerView(o: {
  readonly services: Informer<Service>;
  readonly slices: Informer<EndpointSlice>;
  readonly namespaces: Informer<KObject>;
  readonly self: readonly string[];
}): ClusterView {
  return {
    service: (namespace, name) => o.services.get({ cluster: 'host', namespace, name }),
    slices: (namespace, name) => o.slices.by(BY_SERVICE, `${namespace}/${name}`),
    hasNamespace: (name) => o.namespaces.get({ cluster: 'host', name }) !== undefined,
    servicesAt: (ip) => o.services.by(BY_ADDRESS, addressKey(ip)),
    slicesAt: (ip) => o.slices.by(BY_ADDRESS, addressKey(ip)),
    self: o.self,
  };
}
