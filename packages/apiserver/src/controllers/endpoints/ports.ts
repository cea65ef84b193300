import { isIPv6 } from 'node:net';
import type { EndpointPort, Pod, Service } from '../kube.ts';
import { isFinished } from '../pods.ts';

/** The ports of a pod that a service leads to; one whose name the pod does not know is left out. */
export function portsOf(service: Service, pod: Pod): EndpointPort[] {
  return (service.spec.ports ?? []).flatMap(({ name = '', protocol, targetPort, appProtocol }) => {
    const port = typeof targetPort === 'number' ? targetPort : namedPort(pod, targetPort, protocol);
    return port === undefined ? [] : [{ name, port, protocol, ...(appProtocol !== undefined && { appProtocol }) }];
  });
}

function namedPort({ spec }: Pod, name: string, protocol: string): number | undefined {
  const containers = [...spec.containers, ...(spec.initContainers ?? []).filter((c) => c.restartPolicy === 'Always')];
  for (const { ports } of containers)
    for (const p of ports ?? []) if (p.name === name && (p.protocol ?? 'TCP') === protocol) return p.containerPort;
  return undefined;
}

export const familyOf = (ip: string): string => (isIPv6(ip) ? 'IPv6' : 'IPv4');

export const addressesOf = ({ status }: Pod, family: string): string[] =>
  (status?.podIPs ?? (status?.podIP ? [{ ip: status.podIP }] : [])).map((p) => p.ip).filter((ip) => familyOf(ip) === family);

export const hasAddress = (pod: Pod): boolean => !isFinished(pod) && Boolean(pod.status?.podIP || pod.status?.podIPs?.length);

/** The name under which DNS knows a pod of this headless service. */
export const hostnameOf = ({ spec, metadata }: Pod, service: Service): string | undefined =>
  spec.hostname && spec.subdomain === service.metadata.name && metadata.namespace === service.metadata.namespace
    ? spec.hostname
    : undefined;

export const isHeadless = ({ spec }: Service): boolean => spec.clusterIP === 'None';
export const familiesOf = ({ spec }: Service): string[] => spec.ipFamilies ?? ['IPv4'];
/** Whether its endpoints are the pods that it selects. */
export const selectsPods = ({ spec }: Service): boolean => spec.type !== 'ExternalName' && Object.keys(spec.selector ?? {}).length > 0;
