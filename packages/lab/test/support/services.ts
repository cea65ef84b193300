import type { Endpoint, EndpointSlice, Service } from '../../src/services.ts';

const metadata = (name: string, labels: Readonly<Record<string, string>> = {}) =>
  ({ name, namespace: 'default', labels }) as Service['metadata'];

/** The service default/web at 10.201.0.9, port http 80. */
export function service(spec: object, name = 'web'): Service {
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: metadata(name),
    spec: {
      clusterIP: '10.201.0.9',
      clusterIPs: ['10.201.0.9'],
      ports: [{ name: 'http', port: 80, ...('type' in spec && { nodePort: 30_080 }) }],
      ...spec,
    },
  };
}

export function slice(endpoints: readonly Endpoint[], of = 'web'): EndpointSlice {
  return {
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata: metadata(`${of}-abcde`, { 'kubernetes.io/service-name': of }),
    addressType: 'IPv4',
    endpoints,
    ports: [{ name: 'http', protocol: 'TCP', port: 8080 }],
  };
}
