/** The kubelet of one node: `main CONFIG`, run in the node's network namespace. Pods outlive it. */
import { setTimeout as sleep } from 'node:timers/promises';
import { connectCluster } from '../connect.ts';
import { messageOf } from '../errors.ts';
import { Nodes, Pods } from '../kube.ts';
import { lineLogger } from '../log.ts';
import { Proxy } from '../proxy/proxy.ts';
import { byService, EndpointSlices, Services } from '../services.ts';
import type { NodeConfig } from './config.ts';
import { Kubelet } from './kubelet.ts';
import { podNetwork } from './pod-network.ts';
import { keepLease, registerNode } from './registration.ts';
import { serveStreams } from './streams.ts';

const RETRY_MS = 500;

const config = JSON.parse(process.argv[2] as string) as NodeConfig;
const log = lineLogger();
const stop = new AbortController();
for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, () => process.exit(0));

const { client, informer, start } = connectCluster(config.kubeconfig, 'lab-kubelet', log);
const pods = informer(Pods, { fields: `spec.nodeName=${config.node}` });
const proxy = new Proxy({
  node: config.node,
  addresses: config.addresses,
  podCIDRs: config.clusterCIDRs,
  services: informer(Services),
  slices: informer(EndpointSlices, { indexes: byService }),
  nodes: informer(Nodes, { fields: `metadata.name=${config.node}` }),
  log,
});
await start(stop.signal);
for (;;) {
  try {
    await registerNode(client, config, stop.signal);
    break;
  } catch (error) {
    log.warn({ error: messageOf(error) }, 'node not registered, will be tried again');
    await sleep(RETRY_MS);
  }
}
await proxy.start();
keepLease(client, config.node, log, stop.signal);
const kubelet = new Kubelet({ config, client, network: podNetwork(config), pods, log });
kubelet.start();
await serveStreams(config, (namespace, name) => kubelet.find(namespace, name));
log.info({ node: config.node }, 'node is ready');
process.send?.({ type: 'ready' });
