/** The control plane of one cluster: `main CONFIG`: its API server, and Kubernetes' controllers. */
import { renameSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { startApiServer } from '@kosmos/apiserver';
import type { KubeClient } from '@kosmos/kernel';
import { connectCluster } from '../connect.ts';
import { messageOf } from '../errors.ts';
import { Nodes, Pods } from '../kube.ts';
import { lineLogger } from '../log.ts';
import { writeApiEndpoints } from './api-endpoints.ts';
import { Proxy } from '../proxy/proxy.ts';
import { byService, EndpointSlices, Services } from '../services.ts';
import type { ControlPlaneConfig } from './config.ts';

/** A listener on 127.0.0.1 of this machine, which the supervisor has from outside of the lab. */
const LISTENER_FD = 4;
const PORT = 6443;
const STOP_MS = 3000;

const config = JSON.parse(process.argv[2] as string) as ControlPlaneConfig;
const log = lineLogger();
const stop = new AbortController();

const server = await startApiServer({
  name: `${config.lab}-${config.cluster}`,
  host: config.address,
  port: PORT,
  advertise: [`127.0.0.1:${config.port}`, ...config.otherAddresses],
  dataDir: config.data,
  serviceCIDRs: [...config.serviceCIDRs],
  metrics: true,
  controllers: ['*'],
});
await server.attach(createServer().listen({ fd: LISTENER_FD }));
for (const host of config.otherAddresses) await server.attach(createServer().listen({ host, port: PORT }));
for (const signal of ['SIGTERM', 'SIGINT'] as const) {
  process.on(signal, () => {
    stop.abort();
    setTimeout(() => process.exit(1), STOP_MS).unref();
    void server.stop().then(() => process.exit(0));
  });
}
writeWhole(config.kubeconfig, server.kubeconfig({ server: `https://127.0.0.1:${config.port}` }));
writeWhole(config.innerKubeconfig, server.kubeconfig());

const { client, informer, start } = connectCluster(config.innerKubeconfig, 'lab-control-plane', log);
type Message = { id: number } & (
  { type: 'delete-node'; node: string } | { type: 'certify-node'; node: string; addresses: string; dir: string }
);
process.on('message', (m: Message) => {
  const work = m.type === 'delete-node' ? deleteNode(client, m.node) : m.type === 'certify-node' ? certifyNode(m) : undefined;
  work?.then(
    () => process.send?.({ id: m.id }),
    (error: unknown) => process.send?.({ id: m.id, error: messageOf(error) }),
  );
});
await writeApiEndpoints(client, { address: config.address, port: PORT });
process.send?.({ type: 'ready' });

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
await start(stop.signal);
await proxy.start();

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
  const { cert, key } = await server.issueCertificate({
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
