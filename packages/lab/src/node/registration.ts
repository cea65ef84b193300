import { statfsSync } from 'node:fs';
import { arch, availableParallelism, release, totalmem } from 'node:os';
import type { Informer, KubeClient, Logger } from '@kosmos/kernel';
import { messageOf } from '../errors.ts';
import { isReady, Leases, Nodes, type Node } from '../kube.ts';
import type { NodeConfig } from './config.ts';
import type { Events } from './events.ts';
import { imageNames } from './images.ts';
import { wholly } from './status-writer.ts';
import { KUBELET_PORT } from './streams.ts';

const RENEW_MS = 10_000;
const LEASE_S = 40;
const REPORT_MS = 300_000;
const MAX_PODS = 250;
const fieldManager = 'lab-kubelet';

/** What pods may use of the node: all of the machine, which every node of a lab has. */
export function nodeResources(): Readonly<Record<string, string>> {
  const { bsize, blocks } = statfsSync('/');
  return {
    cpu: String(availableParallelism()),
    'ephemeral-storage': `${Math.floor((bsize * blocks) / 1024)}Ki`,
    memory: `${Math.floor(totalmem() / 1024)}Ki`,
    pods: String(MAX_PODS),
  };
}

const sayStatus = (events: Events, { node }: NodeConfig, status: string) =>
  events.sayOfNode(status, `Node ${node} status is now: ${status}`);

/** Writes the Node object and its status: addresses, capacity, and conditions, of which `old` gives the times of those that did not change. */
export async function registerNode(o: {
  readonly client: KubeClient;
  readonly config: NodeConfig;
  readonly old: Node | undefined;
  readonly events: Events;
  readonly signal: AbortSignal;
}): Promise<void> {
  const { client, config, old, events, signal } = o;
  const { node, podCIDR, podCIDRs, addresses } = config;
  const architecture = arch() === 'x64' ? 'amd64' : arch();
  const labels = { 'kubernetes.io/hostname': node, 'kubernetes.io/os': 'linux', 'kubernetes.io/arch': architecture };
  await client.apply(
    Nodes,
    {
      apiVersion: 'v1',
      kind: 'Node',
      metadata: { name: node, labels },
      spec: { podCIDR, podCIDRs, providerID: `lab://${config.cluster}/${node}` },
    },
    { fieldManager, force: true, signal },
  );
  const now = new Date().toISOString().replace(/\.\d+/, '');
  const condition = (type: string, status: string, reason: string, message: string) => {
    const before = old?.status?.conditions?.find((c) => c.type === type);
    const lastTransitionTime = before?.status === status ? before.lastTransitionTime : now;
    return { type, status, reason, message, lastHeartbeatTime: now, lastTransitionTime };
  };
  const resources = nodeResources();
  const status = {
    addresses: wholly([...addresses.map((address) => ({ type: 'InternalIP', address })), { type: 'Hostname', address: node }]),
    daemonEndpoints: { kubeletEndpoint: { Port: KUBELET_PORT } },
    capacity: resources,
    allocatable: resources,
    images: imageNames.map((name) => ({ names: [name], sizeBytes: 0 })),
    conditions: [
      condition('MemoryPressure', 'False', 'KubeletHasSufficientMemory', 'kubelet has sufficient memory available'),
      condition('DiskPressure', 'False', 'KubeletHasNoDiskPressure', 'kubelet has no disk pressure'),
      condition('PIDPressure', 'False', 'KubeletHasSufficientPID', 'kubelet has sufficient PID available'),
      condition('Ready', 'True', 'KubeletReady', 'kubelet is posting ready status'),
    ],
    nodeInfo: {
      architecture,
      operatingSystem: 'linux',
      osImage: 'Kosmos lab',
      kernelVersion: release(),
      kubeletVersion: 'v1.34.0',
      kubeProxyVersion: '',
      containerRuntimeVersion: 'lab://0.1.0',
      machineID: node,
      systemUUID: node,
      bootID: node,
    },
  };
  const path = `/api/v1/nodes/${node}/status?fieldManager=${fieldManager}`;
  await client.request('PATCH', path, { body: { status }, contentType: 'application/strategic-merge-patch+json', signal });
  if (!old || !isReady(old)) sayStatus(events, config, 'NodeReady');
}

/**
 * Reports again now and then, and at once when the node is away or somebody says that it is not ready. A report that fails is
 * logged and made again with the next one.
 */
export function keepReporting(o: {
  readonly client: KubeClient;
  readonly config: NodeConfig;
  readonly nodes: Informer<Node>;
  readonly events: Events;
  readonly log: Logger;
  readonly signal: AbortSignal;
}): void {
  const { client, config, nodes, events, log, signal } = o;
  const report = () => {
    const old = nodes.get({ cluster: 'host', name: config.node });
    registerNode({ client, config, old, events, signal }).catch((error: unknown) => {
      if (!signal.aborted) log.warn({ error: messageOf(error) }, 'node not reported');
    });
  };
  const isCordoned = ({ spec }: Node) => spec?.unschedulable ?? false;
  nodes.on({
    update: (node, old) => {
      if (!isReady(node) && node.metadata.deletionTimestamp === undefined) report();
      if (isCordoned(node) !== isCordoned(old)) sayStatus(events, config, isCordoned(node) ? 'NodeNotSchedulable' : 'NodeSchedulable');
    },
  });
  let ticks = 0;
  const timer = setInterval(() => {
    const node = nodes.get({ cluster: 'host', name: config.node });
    ticks += 1;
    if (ticks % (REPORT_MS / RENEW_MS) === 0 || !node || !isReady(node)) report();
  }, RENEW_MS);
  signal.addEventListener('abort', () => clearInterval(timer));
}

/** Renews the node's Lease until the signal; a renewal that fails is only logged, the next one is due soon. */
export function keepLease(client: KubeClient, node: string, log: Logger, signal: AbortSignal): void {
  const renew = () => {
    const renewTime = new Date().toISOString().replace('Z', '000Z');
    const lease = {
      apiVersion: 'coordination.k8s.io/v1',
      kind: 'Lease',
      metadata: { name: node, namespace: 'kube-node-lease' },
      spec: { holderIdentity: node, leaseDurationSeconds: LEASE_S, renewTime },
    };
    client
      .apply(Leases, lease, { fieldManager, force: true, signal })
      .catch((error: unknown) => signal.aborted || log.warn({ error: messageOf(error) }, 'node lease not renewed'));
  };
  renew();
  const timer = setInterval(renew, RENEW_MS);
  signal.addEventListener('abort', () => clearInterval(timer));
}
