import type { Kind, KObject, KubeClient } from '@kosmos/kernel';
import { familyOf, hostOf } from '../cidr.ts';
import { EndpointSlices, Services } from '../services.ts';

export interface ConfigMap extends KObject {
  readonly data?: Readonly<Record<string, string>>;
}
export const ConfigMaps: Kind<ConfigMap> = { group: '', version: 'v1', kind: 'ConfigMap', plural: 'configmaps', namespaced: true };
export const Namespaces: Kind<KObject> = { group: '', version: 'v1', kind: 'Namespace', plural: 'namespaces', namespaced: false };

export const CLUSTER_DOMAIN = 'cluster.local';
export const NAMESPACE = 'kube-system';
export const CONFIG_MAP = 'coredns';
export const COREFILE_KEY = 'Corefile';
const SERVICE = 'kube-dns';
/** As kubeadm has it: the tenth address of the service network. */
const DNS_INDEX = 10;
const fieldManager = 'lab-dns';

/** A lab has no way out, so that nothing is forwarded until somebody adds `forward` or a stub zone. */
export const COREFILE = `.:53 {
    errors
    health
    ready
    kubernetes ${CLUSTER_DOMAIN} in-addr.arpa ip6.arpa {
        pods insecure
        fallthrough in-addr.arpa ip6.arpa
        ttl 30
    }
    cache 30 {
        disable success ${CLUSTER_DOMAIN}
        disable denial ${CLUSTER_DOMAIN}
    }
    reload
    loadbalance
}
`;

export const dnsAddresses = (serviceCIDRs: readonly string[]): string[] => serviceCIDRs.map((cidr) => hostOf(cidr, DNS_INDEX));

/** The Service that pods ask, with the server's addresses as endpoints, and the ConfigMap, which is the user's once it is there. */
export async function writeDnsObjects(
  client: KubeClient,
  o: { addresses: readonly string[]; serviceCIDRs: readonly string[]; signal: AbortSignal },
): Promise<void> {
  const { signal } = o;
  const metadata = { namespace: NAMESPACE, labels: { 'k8s-app': 'kube-dns', 'kubernetes.io/name': 'CoreDNS' } };
  const ports = [
    { name: 'dns', protocol: 'UDP', port: 53 },
    { name: 'dns-tcp', protocol: 'TCP', port: 53 },
  ] as const;
  if (!(await client.get(ConfigMaps, CONFIG_MAP, { namespace: NAMESPACE, signal }))) {
    const object = {
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { name: CONFIG_MAP, namespace: NAMESPACE },
      data: { [COREFILE_KEY]: COREFILE },
    };
    await client.apply(ConfigMaps, object, { fieldManager, signal });
  }
  const clusterIPs = dnsAddresses(o.serviceCIDRs);
  const spec = {
    clusterIP: clusterIPs[0] as string,
    clusterIPs,
    ipFamilies: clusterIPs.map(familyOf),
    ipFamilyPolicy: clusterIPs.length > 1 ? 'RequireDualStack' : 'SingleStack',
    ports,
  };
  await client.apply(
    Services,
    { apiVersion: 'v1', kind: 'Service', metadata: { ...metadata, name: SERVICE }, spec },
    { fieldManager, force: true, signal },
  );
  for (const address of o.addresses) {
    const family = familyOf(address);
    const labels = { 'kubernetes.io/service-name': SERVICE, 'endpointslice.kubernetes.io/managed-by': fieldManager };
    const slice = {
      apiVersion: 'discovery.k8s.io/v1',
      kind: 'EndpointSlice',
      metadata: { name: `${SERVICE}-${family.toLowerCase()}`, namespace: NAMESPACE, labels },
      addressType: family,
      endpoints: [{ addresses: [address], conditions: { ready: true } }],
      ports,
    };
    await client.apply(EndpointSlices, slice, { fieldManager, force: true, signal });
  }
}
