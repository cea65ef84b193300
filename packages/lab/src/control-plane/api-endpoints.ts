import type { Kind, KObject, KubeClient } from '@kosmos/kernel';
import { familyOf } from '../cidr.ts';
import { EndpointSlices } from '../services.ts';

interface Endpoints extends KObject {
  readonly subsets: readonly object[];
}
const EndpointsKind: Kind<Endpoints> = { group: '', version: 'v1', kind: 'Endpoints', plural: 'endpoints', namespaced: true };

/** What kube-apiserver writes of itself, so that pods reach it by the service `kubernetes`. */
export async function writeApiEndpoints(client: KubeClient, at: { readonly address: string; readonly port: number }): Promise<void> {
  const options = { fieldManager: 'kube-apiserver', force: true };
  const [name, namespace] = ['kubernetes', 'default'];
  const ports = [{ name: 'https', port: at.port, protocol: 'TCP' as const }];
  const slice = {
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata: { name, namespace, labels: { 'kubernetes.io/service-name': name } },
    addressType: familyOf(at.address),
    endpoints: [{ addresses: [at.address], conditions: { ready: true } }],
    ports,
  };
  await client.apply(EndpointSlices, slice, options);
  const labels = { 'endpointslice.kubernetes.io/skip-mirror': 'true' };
  const subsets = [{ addresses: [{ ip: at.address }], ports }];
  await client.apply(EndpointsKind, { apiVersion: 'v1', kind: 'Endpoints', metadata: { name, namespace, labels }, subsets }, options);
}
