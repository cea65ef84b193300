/** Labs in every mode of the network, and what is asked of each: real packets between pods, hosts and services. */
import { resolve } from 'node:path';
import { ClusterKind, ClusterNodeKind, clusterNodeName, ServiceCIDRKind } from '@kosmos/api';
import type { Kind, KObject } from '@kosmos/kernel';
import { type Lab, type LabCluster, topologyOf } from '@kosmos/lab';
import { eventually, startTestLab } from '@kosmos/testing';
import { kubeProxy } from './kube-proxy.ts';
import { runPod } from './network.ts';

const TRAFFIC = resolve('test/support/traffic.mjs');
export const PORT = 7000;

export interface Mode {
  /** Network types of the clusters c1, c2, ... */
  readonly types: readonly ('p2p' | 'gateway')[];
  /** Active gateways of each gateway cluster. */
  readonly gateways: 1 | 2;
  readonly families: 'ipv4' | 'ipv6' | 'dual';
  /** All clusters have the same pod and service networks, and are seen by global ones. */
  readonly equal?: boolean;
  readonly forward?: 'accept' | 'iptables-legacy' | 'iptables-nft' | 'nft';
}

const NODES = 3;
const V4 = (c: number, equal: boolean) => ({ pods: `10.${equal ? 50 : c}.0.0/16`, services: `10.${equal ? 250 : 200 + c}.0.0/16` });
const V6 = (c: number, equal: boolean) => ({ pods: `fd10:${equal ? 50 : c}::/48`, services: `fd20:${equal ? 50 : c}::/112` });
const global = (c: number) => ({
  '10.50.0.0/16': `100.${64 + c}.0.0/16`,
  '10.250.0.0/16': `100.${96 + c}.0.0/16`,
  'fd10:50::/48': `fd99:${c}::/48`,
  'fd20:50::/112': `fd98:${c}::/112`,
});

/** Starts it; n1 (and n2) of each cluster are its gateways, and only these see nodes of other clusters where all clusters have gateways. */
export async function startMode(mode: Mode, config = 'test/support/modes.config.ts'): Promise<Lab> {
  const numbers = mode.types.map((_, i) => i + 1);
  const networks = (c: number, kind: 'pods' | 'services') =>
    [V4(c, mode.equal === true)[kind], ...(mode.families === 'ipv4' ? [] : [V6(c, mode.equal === true)[kind]])].join();
  const gateways = ['n1', 'n2'].slice(0, mode.gateways);
  const lab = await startTestLab({
    config: resolve(config),
    topology: topologyOf({
      underlays: numbers.map((c) => ({ name: `lan${c}`, cidr: `192.168.${c}.0/24,fd00:${c}::/64` })),
      routers: [
        {
          name: 'edge',
          underlays: numbers.map((c) => `lan${c}`),
          ...(mode.types.every((t) => t === 'gateway') && { allow: numbers.flatMap((c) => gateways.map((n) => `c${c}/${n}`)) }),
        },
      ],
      clusters: numbers.map((c) => ({
        name: `c${c}`,
        underlay: `lan${c}`,
        families: mode.families === 'ipv4' ? 'ipv4' : 'dual', // the lab's API server is an IPv4 one
        podCIDR: networks(c, 'pods'),
        serviceCIDR: networks(c, 'services'),
        nodes: c === 3 ? NODES - 1 : NODES,
        cni: { forward: mode.forward ?? 'accept' },
      })),
    }),
  });
  const host = lab.client('c1');
  await Promise.all(
    lab.clusters.map(async ({ name, nodes, podCIDRs, serviceCIDRs }, i) => {
      const map = Object.entries(global(i + 1)).filter(([real]) => [...podCIDRs, ...serviceCIDRs].includes(real));
      const clusterLinkOptions = {
        networkType: mode.types[i],
        ipFamily: mode.families === 'dual' ? 'all' : mode.families,
        cni: 'lab',
        ...(mode.equal && { globalCIDRsMap: Object.fromEntries(map) }),
      };
      await host.patch(ClusterKind, name, { spec: { clusterLinkOptions } });
      // The lab's API server tells of the primary family's only.
      for (const [n, cidr] of serviceCIDRs.entries()) {
        const range = { metadata: { name: `test-${n}` }, spec: { cidrs: [cidr] } };
        await lab.client(name).apply(ServiceCIDRKind, range, { fieldManager: 'test' });
      }
      for (const node of nodes) await eventually(() => host.get(ClusterNodeKind, clusterNodeName(name, node.name)), { message: `ClusterNode of ${name}/${node.name}` });
      for (const node of gateways) await host.patch(ClusterNodeKind, clusterNodeName(name, node), { spec: { roles: ['gateway'] } });
    }),
  );
  await Promise.all(
    lab.clusters.flatMap(({ name, nodes }) =>
      [nodes[0]!, nodes.at(-1)!].map((node) => runPod(lab, name, `on-${node.name}`, node.name, [process.execPath, TRAFFIC, 'server', String(PORT)])),
    ),
  );
  const known = new Map<string, readonly string[]>();
  addresses.set(lab, known);
  for (const cluster of lab.clusters) {
    for (const pod of pods(cluster)) {
      const { status } = (await lab.client(cluster.name).get(PodKind, pod, { namespace: 'default' }))!;
      known.set(`${cluster.name}/${pod}`, (status?.podIPs ?? []).map(({ ip }) => ip).filter((ip) => mode.families !== 'ipv6' || ip.includes(':')));
    }
  }
  await Promise.all(lab.clusters.flatMap((cluster) => cluster.nodes.map((node) => kubeProxy(lab, cluster, node.name, services(lab, cluster)))));
  return lab;
}

const addresses = new WeakMap<Lab, ReadonlyMap<string, readonly string[]>>();
interface Pod extends KObject {
  readonly status?: { readonly podIPs?: readonly { readonly ip: string }[] };
}
const PodKind: Kind<Pod> = { group: '', version: 'v1', kind: 'Pod', plural: 'pods', namespaced: true };

/** Each of the traffic pods behind a service of its own, one of each family. */
function services(lab: Lab, cluster: LabCluster): { vip: string; pod: string }[] {
  return pods(cluster).flatMap((pod, i) =>
    podIPs(lab, cluster, pod).map((ip) => ({ vip: vipOf(cluster, i, ip.includes(':')), pod: ip })),
  );
}

/** The service address of the cluster's pod number `i`, as the cluster itself has it. */
export function vipOf(cluster: LabCluster, i: number, six: boolean): string {
  const cidr = cluster.serviceCIDRs.find((c) => c.includes(':') === six)!;
  return six ? cidr.replace('::/112', `::${90 + i}`) : cidr.replace('.0.0/16', `.9.${90 + i}`);
}

/** Names of the traffic pods: on the first node, which is a gateway, and on the last, which is none. */
export const pods = (cluster: LabCluster): string[] => [cluster.nodes[0]!, cluster.nodes.at(-1)!].map((n) => `on-${n.name}`);

export function podIPs(lab: Lab, cluster: LabCluster, pod: string): readonly string[] {
  return addresses.get(lab)!.get(`${cluster.name}/${pod}`)!;
}

/** How other clusters see an address of this one. */
export function seen(lab: Lab, cluster: LabCluster, ip: string): string {
  const number = lab.clusters.findIndex((c) => c.name === cluster.name) + 1;
  if (lab.clusters.length < 2 || lab.clusters[0]!.podCIDR !== lab.clusters[1]!.podCIDR) return ip;
  for (const [real, to] of Object.entries(global(number))) {
    const start = real.slice(0, real.includes(':') ? real.indexOf('::') : real.indexOf('.0.0'));
    const other = to.slice(0, to.includes(':') ? to.indexOf('::') : to.indexOf('.0.0'));
    if (ip.startsWith(`${start}${real.includes(':') ? ':' : '.'}`)) return `${other}${ip.slice(start.length)}`;
  }
  return ip;
}

export interface Traffic {
  readonly connections: number;
  readonly peers: readonly string[];
  readonly slowestMs: number;
  readonly errors: readonly string[];
  readonly udp?: string;
  readonly closed: { readonly what: string; readonly ms: number };
}

/** All that `traffic.mjs` does, from a pod or node to an address. */
export async function traffic(lab: Lab, from: string, to: string, port = PORT): Promise<Traffic> {
  const { stdout, stderr } = await lab.exec(from, [process.execPath, TRAFFIC, 'client', to, String(port)], { timeoutMs: 60_000 });
  if (stdout === '') throw new Error(`traffic from ${from} to ${to}: ${stderr}`);
  return JSON.parse(stdout) as Traffic;
}
