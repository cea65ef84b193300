import { arch, availableParallelism, release, totalmem } from 'node:os';
import type { KubeClient, Logger } from '@kosmos/kernel';
import { messageOf } from '../errors.ts';
import { Leases, Nodes } from '../kube.ts';
import type { NodeConfig } from './config.ts';
import { KUBELET_PORT } from './streams.ts';

const RENEW_MS = 10_000;
const LEASE_S = 40;
const MAX_PODS = 250;
const fieldManager = 'lab-kubelet';

/** Writes the Node object with its addresses, capacity and the Ready condition. */
export async function registerNode(client: KubeClient, config: NodeConfig, signal: AbortSignal): Promise<void> {
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
  const now = new Date().toISOString();
  const condition = (type: string, status: string, reason: string, message: string) => ({
    type,
    status,
    reason,
    message,
    lastHeartbeatTime: now,
    lastTransitionTime: now,
  });
  const resources = { cpu: String(availableParallelism()), memory: `${Math.floor(totalmem() / 1024)}Ki`, pods: String(MAX_PODS) };
  const status = {
    addresses: [...addresses.map((address) => ({ type: 'InternalIP', address })), { type: 'Hostname', address: node }],
    daemonEndpoints: { kubeletEndpoint: { Port: KUBELET_PORT } },
    capacity: resources,
    allocatable: resources,
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
  await client.patch(Nodes, node, { status }, { subresource: 'status', fieldManager, signal });
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
