import { askSummary, type Certificate, type CertificateRequest, startApiServer } from '@kosmos/apiserver';
import { KUBELET_CLIENT } from '@kosmos/apiserver/streams';
import type { Informer, Kind, KObject, KubeClient } from '@kosmos/kernel';
import { familyOf } from '../cidr.ts';
import { EndpointSlices, Services } from '../services.ts';
import type { ControlPlaneConfig } from './config.ts';
import type { ControlPlane } from './control-plane.ts';

const PORT = 6444;
const [NAME, NAMESPACE] = ['metrics-server', 'kube-system'];
const APIServices: Kind<KObject> = {
  group: 'apiregistration.k8s.io',
  version: 'v1',
  kind: 'APIService',
  plural: 'apiservices',
  namespaced: false,
};

/** What metrics-server does beside a kube-apiserver, for `kubectl top`: serves metrics.k8s.io, by what kubelets measure. */
export interface MetricsServer {
  /** By this certificate the server knows kube-apiserver, which has let in whoever asks. */
  readonly aggregator: Certificate;
  /** Serves what these know, and tells kube-apiserver where. */
  publish(cluster: {
    client: KubeClient;
    nodes: Informer<KObject>;
    pods: Informer<KObject>;
    certify: ControlPlane['certify'];
    ca: string;
  }): Promise<void>;
}

export async function startMetricsServer(config: ControlPlaneConfig): Promise<MetricsServer> {
  let known: { nodes: Informer<KObject>; pods: Informer<KObject>; kubelets: Certificate & { ca: string } } | undefined;
  const server = await startApiServer({
    name: NAME,
    host: config.address,
    port: PORT,
    advertise: [`${NAME}.${NAMESPACE}.svc`],
    controllers: [],
    metrics: {
      nodes: () => [...(known?.nodes.list() ?? [])],
      pods: (namespace) => [...(known?.pods.list() ?? [])].filter(({ metadata }) => namespace === '' || metadata.namespace === namespace),
      summary: (node) => (known ? askSummary(node, known.kubelets) : Promise.resolve(undefined)),
    },
  });
  const asked: Omit<CertificateRequest, 'until'> = { commonName: 'aggregator', organizations: ['system:masters'], usage: 'client' };
  return {
    aggregator: await server.issueCertificate(asked),
    async publish({ client, nodes, pods, certify, ca }) {
      known = { nodes, pods, kubelets: { ca, ...(await certify({ commonName: KUBELET_CLIENT, usage: 'client' })) } };
      const options = { fieldManager: 'lab', force: true };
      const metadata = { name: NAME, namespace: NAMESPACE };
      const ports = [{ name: 'https', port: 443, protocol: 'TCP', targetPort: PORT }];
      await client.apply(Services, { apiVersion: 'v1', kind: 'Service', metadata, spec: { ports } }, options);
      const slice = {
        apiVersion: 'discovery.k8s.io/v1',
        kind: 'EndpointSlice',
        metadata: { ...metadata, labels: { 'kubernetes.io/service-name': NAME } },
        addressType: familyOf(config.address),
        endpoints: [{ addresses: [config.address], conditions: { ready: true } }],
        ports: [{ name: 'https', port: PORT, protocol: 'TCP' }],
      };
      await client.apply(EndpointSlices, slice, options);
      const spec = {
        group: 'metrics.k8s.io',
        version: 'v1beta1',
        service: { name: NAME, namespace: NAMESPACE, port: 443 },
        caBundle: Buffer.from(server.ca).toString('base64'),
        groupPriorityMinimum: 100,
        versionPriority: 100,
      };
      const api = {
        apiVersion: 'apiregistration.k8s.io/v1',
        kind: 'APIService',
        metadata: { name: `${spec.version}.${spec.group}` },
        spec,
      };
      await client.apply(APIServices, api, options);
    },
  };
}
