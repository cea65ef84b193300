/** The kubelet of one node: `main CONFIG`, run in the node's network namespace. Pods outlive it. */
import { setTimeout as sleep } from 'node:timers/promises';
import { connectCluster } from '../connect.ts';
import { messageOf } from '../errors.ts';
import { Nodes, Pods } from '../kube.ts';
import { lineLogger } from '../log.ts';
import { Proxy } from '../proxy/proxy.ts';
import { tellReady } from '../ready.ts';
import { byService, EndpointSlices, Services } from '../services.ts';
import type { NodeConfig } from './config.ts';
import { kubeletEvents } from './events.ts';
import { Kubelet } from './kubelet.ts';
import { podNetwork } from './pod-network.ts';
import { keepLease, keepReporting, nodeResources, registerNode } from './registration.ts';
import { rootPlan, thisMachine } from './root/layers.ts';
import { Sources } from './sources.ts';
import { serveStreams } from './streams.ts';

const RETRY_MS = 500;

const config = JSON.parse(process.argv[2] as string) as NodeConfig;
const log = lineLogger();
const stop = new AbortController();
for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, () => process.exit(0));

const connection = connectCluster(config.kubeconfig, 'lab-kubelet', log);
const { client, informer, start } = connection;
const pods = informer(Pods, { fields: `spec.nodeName=${config.node}` });
const nodes = informer(Nodes, { fields: `metadata.name=${config.node}` });
const proxy = new Proxy({
  node: config.node,
  addresses: config.addresses,
  podCIDRs: config.clusterCIDRs,
  services: informer(Services),
  slices: informer(EndpointSlices, { indexes: byService }),
  nodes,
  log,
});
await start(stop.signal);
const events = kubeletEvents(client, config.node, log);
events.sayOfNode('Starting', 'Starting kubelet.');
for (;;) {
  try {
    await registerNode({ client, config, old: nodes.get({ cluster: 'host', name: config.node }), events, signal: stop.signal });
    break;
  } catch (error) {
    log.warn({ error: messageOf(error) }, 'node not registered, will be tried again');
    await sleep(RETRY_MS);
  }
}
await proxy.start();
keepLease(client, config.node, log, stop.signal);
keepReporting({ client, config, nodes, events, log, signal: stop.signal });
const kubelet = new Kubelet(
  {
    config,
    client,
    network: podNetwork(config),
    sources: new Sources(connection, stop.signal, (_kind, namespace, name) => kubelet.sourceChanged(namespace, name)),
    events,
    log,
    root: rootPlan(thisMachine()),
    allocatable: nodeResources(),
  },
  pods,
);
kubelet.start();
await serveStreams(config, kubelet);
log.info({ node: config.node }, 'node is ready');
tellReady();
