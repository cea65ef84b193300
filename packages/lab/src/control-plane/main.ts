/** The control plane of one cluster: `main CONFIG`: its API server, and Kubernetes' controllers. */
import { renameSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { kubeconfigText, startRemoteControllers } from '@kosmos/apiserver';
import type { KObject, KubeClient } from '@kosmos/kernel';
import { connectCluster } from '../connect.ts';
import { messageOf } from '../errors.ts';
import { Nodes, Pods } from '../kube.ts';
import { lineLogger } from '../log.ts';
import { Proxy } from '../proxy/proxy.ts';
import { tellReady } from '../ready.ts';
import { byService, EndpointSlices, Services } from '../services.ts';
import { writeApiEndpoints } from './api-endpoints.ts';
import { remoteCluster } from './beside-kubernetes.ts';
import { grant } from './accounts.ts';
import { binariesOf } from './binaries.ts';
import type { ControlPlaneConfig } from './config.ts';
import { PORT } from './control-plane.ts';
import { startEmbedded } from './embedded.ts';
import { startKubernetes } from './kubernetes.ts';
import { startMetricsServer } from './metrics-server.ts';

const STOP_MS = 6000;

const config = JSON.parse(process.argv[2] as string) as ControlPlaneConfig;
const log = lineLogger();
const stop = new AbortController();

const binaries = binariesOf(process.env);
const metrics = binaries && (await startMetricsServer(config));
const server = await (binaries && metrics ? startKubernetes(config, binaries, metrics.aggregator) : startEmbedded(config));
for (const signal of ['SIGTERM', 'SIGINT'] as const) {
  process.on(signal, () => {
    stop.abort();
    setTimeout(() => process.exit(1), STOP_MS).unref();
    void server.stop().then(() => process.exit(0));
  });
}
writeWhole(config.kubeconfig, server.kubeconfig(`https://127.0.0.1:${config.port}`));
writeWhole(config.innerKubeconfig, server.kubeconfig());

const connection = connectCluster(config.innerKubeconfig, 'lab-control-plane', log);
const { client, informer, start } = connection;
type Message = { id: number } & (
  | { type: 'delete-node'; node: string }
  | { type: 'certify-node'; node: string; addresses: string; dir: string }
  | { type: 'grant'; manifests: string }
);
process.on('message', (m: Message) => {
  const work = workOf(m);
  work?.then(
    () => process.send?.({ id: m.id }),
    (error: unknown) => process.send?.({ id: m.id, error: messageOf(error) }),
  );
});
if (binaries) {
  startRemoteControllers({
    cluster: remoteCluster(connection),
    volumesDir: join(config.data, 'volumes'),
    report: (error) => log.error({ error: messageOf(error) }, 'a controller failed; it tries again'),
  });
} else await writeApiEndpoints(client, { address: config.address, port: PORT });
tellReady();

// Webhooks, aggregated APIs and the cluster's DNS server reach services from here.
const proxy = new Proxy({
  node: '',
  addresses: [],
  podCIDRs: config.podCIDRs,
  services: informer(Services),
  slices: informer(EndpointSlices, { indexes: byService }),
  nodes: informer(Nodes),
  log,
});
const measured = metrics && { nodes: informer<KObject>(Nodes), pods: informer<KObject>(Pods) };
await start(stop.signal);
await proxy.start();
if (measured) await metrics.publish({ client, ...measured, certify: server.certify, ca: server.ca });

function workOf(m: Message): Promise<void> | undefined {
  switch (m.type) {
    case 'delete-node':
      return deleteNode(client, m.node);
    case 'certify-node':
      return certifyNode(m);
    case 'grant':
      return grant(client, m.manifests, (account, token) => {
        const kubeconfig = kubeconfigText({ name: `${config.lab}-${config.cluster}`, server: client.server, ca: server.ca, token });
        writeWhole(join(dirname(config.innerKubeconfig), `${account}.kubeconfig`), kubeconfig);
      });
  }
}

/** A node that is gone: its Node object, and its pods, which no kubelet ends any more. */
async function deleteNode(client: KubeClient, node: string): Promise<void> {
  await client.delete(Nodes, node);
  for (const pod of await client.list(Pods, { fields: `spec.nodeName=${node}` })) {
    const body = { kind: 'DeleteOptions', apiVersion: 'v1', gracePeriodSeconds: 0, preconditions: { uid: pod.metadata.uid } };
    await client.request('DELETE', `/api/v1/namespaces/${pod.metadata.namespace}/pods/${pod.metadata.name}`, { body });
  }
}

/** A node's serving certificate for its streams, and the CA by which the node knows this API server. */
async function certifyNode({ node, addresses, dir }: { node: string; addresses: string; dir: string }): Promise<void> {
  const { cert, key } = await server.certify({
    commonName: `system:node:${node}`,
    names: [node, ...addresses.split(',')],
    usage: 'server',
  });
  writeWhole(join(dir, 'kubelet.key'), key);
  writeWhole(join(dir, 'kubelet.crt'), cert);
  writeWhole(join(dir, 'ca.crt'), server.ca);
}

function writeWhole(file: string, text: string): void {
  writeFileSync(`${file}.new`, text, { mode: 0o600 });
  renameSync(`${file}.new`, file);
}
