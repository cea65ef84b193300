import { isAddress, type Family } from '../cidr.ts';
import { isHeadless, type EndpointSlice, type Protocol, type Service } from '../services.ts';
import { backendsOf, forCluster, onNode, type Backend, type NodeView } from './endpoints.ts';

/** One port of a service in one family, as this node is to serve it. */
export interface ServicePort {
  /** `<namespace>/<name>/<protocol>/<port's name>` */
  readonly id: string;
  readonly protocol: Protocol;
  readonly clusterIP: string;
  readonly port: number;
  readonly nodePort: number | undefined;
  /** External and load balancer addresses. */
  readonly externalIPs: readonly string[];
  /** Of session affinity, in seconds; undefined is none. */
  readonly affinity: number | undefined;
  readonly internalLocal: boolean;
  readonly externalLocal: boolean;
  /** Where packets go that may go to the whole cluster. */
  readonly cluster: readonly Backend[];
  /** Where packets go that may not leave the node. */
  readonly local: readonly Backend[];
}

const DEFAULT_AFFINITY_S = 10_800;
/** A service with this label is another proxy's. */
const PROXY_NAME = 'service.kubernetes.io/service-proxy-name';

/** Headless services and those by external name have nothing to translate. */
export function servicePortsOf(service: Service, slices: readonly EndpointSlice[], family: Family, node: NodeView): ServicePort[] {
  const { spec } = service;
  if (!spec || spec.type === 'ExternalName' || isHeadless(service)) return [];
  if (service.metadata.labels?.[PROXY_NAME] !== undefined) return [];
  const addresses = spec.clusterIPs ?? (spec.clusterIP ? [spec.clusterIP] : []);
  const clusterIP = addresses.find((ip) => isAddress(ip, family));
  if (clusterIP === undefined) return [];
  const ingress = (service.status?.loadBalancer?.ingress ?? []).flatMap((i) => (i.ip && i.ipMode !== 'Proxy' ? [i.ip] : []));
  const externalIPs = [...(spec.externalIPs ?? []), ...ingress].filter((ip) => isAddress(ip, family));
  return (spec.ports ?? []).map((p) => {
    const port = { name: p.name ?? '', protocol: p.protocol ?? 'TCP' };
    const backends = backendsOf(slices, family, port, node);
    return {
      id: `${service.metadata.namespace}/${service.metadata.name}/${port.protocol.toLowerCase()}/${port.name}`,
      protocol: port.protocol,
      clusterIP,
      port: p.port,
      nodePort: p.nodePort,
      externalIPs: [...new Set(externalIPs)].sort(),
      affinity:
        spec.sessionAffinity === 'ClientIP' ? (spec.sessionAffinityConfig?.clientIP?.timeoutSeconds ?? DEFAULT_AFFINITY_S) : undefined,
      internalLocal: spec.internalTrafficPolicy === 'Local',
      externalLocal: spec.externalTrafficPolicy === 'Local',
      cluster: forCluster(backends, node),
      local: onNode(backends),
    };
  });
}
