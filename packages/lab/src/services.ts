import type { Kind, KObject, ObjectMeta } from '@kosmos/kernel';

/** The parts of Services and EndpointSlices that the lab reads. */
export type Protocol = 'TCP' | 'UDP' | 'SCTP';

export interface ServicePortSpec {
  readonly name?: string;
  readonly protocol?: Protocol;
  readonly port: number;
  readonly nodePort?: number;
}

export interface Service extends KObject {
  readonly metadata: ObjectMeta;
  readonly spec?: {
    readonly type?: 'ClusterIP' | 'NodePort' | 'LoadBalancer' | 'ExternalName';
    readonly clusterIP?: string;
    readonly clusterIPs?: readonly string[];
    readonly ports?: readonly ServicePortSpec[];
    readonly externalIPs?: readonly string[];
    readonly externalName?: string;
    readonly sessionAffinity?: 'None' | 'ClientIP';
    readonly sessionAffinityConfig?: { readonly clientIP?: { readonly timeoutSeconds?: number } };
    readonly internalTrafficPolicy?: 'Cluster' | 'Local';
    readonly externalTrafficPolicy?: 'Cluster' | 'Local';
    readonly publishNotReadyAddresses?: boolean;
  };
  readonly status?: { readonly loadBalancer?: { readonly ingress?: readonly { readonly ip?: string; readonly ipMode?: string }[] } };
}

export interface Endpoint {
  readonly addresses: readonly string[];
  readonly hostname?: string;
  readonly nodeName?: string;
  readonly zone?: string;
  readonly conditions?: { readonly ready?: boolean; readonly serving?: boolean; readonly terminating?: boolean };
  readonly hints?: { readonly forZones?: readonly { readonly name: string }[]; readonly forNodes?: readonly { readonly name: string }[] };
}

export interface EndpointSlice extends KObject {
  readonly addressType: 'IPv4' | 'IPv6' | 'FQDN';
  readonly endpoints?: readonly Endpoint[] | null;
  readonly ports?: readonly { readonly name?: string; readonly protocol?: Protocol; readonly port?: number }[] | null;
}

export const Services: Kind<Service> = { group: '', version: 'v1', kind: 'Service', plural: 'services', namespaced: true };
export const EndpointSlices: Kind<EndpointSlice> = {
  group: 'discovery.k8s.io',
  version: 'v1',
  kind: 'EndpointSlice',
  plural: 'endpointslices',
  namespaced: true,
};

const SERVICE_NAME = 'kubernetes.io/service-name';

/** `<namespace>/<name>` of the service that a slice is of; undefined for a slice that says none. */
export function serviceOf(slice: EndpointSlice): string | undefined {
  const name = slice.metadata.labels?.[SERVICE_NAME];
  return name ? `${slice.metadata.namespace}/${name}` : undefined;
}

/** The name of an index of slices by `serviceOf`. */
export const BY_SERVICE = 'service';
export const byService = { [BY_SERVICE]: (slice: EndpointSlice): string[] => [serviceOf(slice) ?? ''] };

/** Without an address of its own: its name stands for the addresses of its endpoints. */
export const isHeadless = (service: Service): boolean => service.spec?.clusterIP === 'None';
