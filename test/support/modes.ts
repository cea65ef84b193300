/** Rigs in every mode of the network, and what is asked of them. */
import { resolve } from 'node:path';
import type { Cluster, ClusterNode } from '@kosmos/api';
import { type ClusterTopology, topologyOf } from '@kosmos/lab';
import { dualstack } from '@kosmos/plugin-dualstack';
import { gateway } from '@kosmos/plugin-gateway';
import { globalip } from '@kosmos/plugin-globalip';
import { kubeProxy } from './kube-proxy.ts';
import { hooksOf } from './planner.ts';
import { Rig } from './rig.ts';

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
  /** By whom nodes drop what they forward; default nobody. */
  readonly forward?: 'iptables-legacy' | 'iptables-nft' | 'nft' | undefined;
}

const V4 = (c: number, equal: boolean) => ({ pods: `10.${equal ? 50 : c}.0.0/16`, services: `10.${equal ? 250 : 200 + c}.0.0/16` });
const V6 = (c: number, equal: boolean) => ({ pods: `fd10:${equal ? 50 : c}::/48`, services: `fd20:${equal ? 50 : c}::/112` });
const globals = (c: number) => ({
  '10.50.0.0/16': `100.${64 + c}.0.0/16`,
  '10.250.0.0/16': `100.${96 + c}.0.0/16`,
  'fd10:50::/48': `fd99:${c}::/48`,
  'fd20:50::/112': `fd98:${c}::/112`,
});
const six = (text: string) => text.includes(':');

/** Names of a mode's gateways. */
export const gatewayNames = (mode: Mode): string[] => ['n1', 'n2'].slice(0, mode.gateways);

/** Starts it. Where all clusters have gateways, only these see nodes of other clusters. */
export async function startMode(mode: Mode): Promise<Rig> {
  const equal = mode.equal === true;
  const numbers = mode.types.map((_, i) => i + 1);
  const networks = (c: number, kind: 'pods' | 'services') =>
    [...(mode.families === 'ipv6' ? [] : [V4(c, equal)[kind]]), ...(mode.families === 'ipv4' ? [] : [V6(c, equal)[kind]])].join();
  const allow = numbers.flatMap((c) => gatewayNames(mode).map((n) => `c${c}/${n}`));
  const rig = new Rig(
    topologyOf({
      underlays: numbers.map((c) => ({ name: `lan${c}`, cidr: `192.168.${c}.0/24,fd00:${c}::/64` })),
      routers: [{ name: 'edge', underlays: numbers.map((c) => `lan${c}`), ...(mode.types.every((t) => t === 'gateway') && { allow }) }],
      clusters: numbers.map((c) => ({
        name: `c${c}`,
        underlay: `lan${c}`,
        families: mode.families,
        podCIDR: networks(c, 'pods'),
        serviceCIDR: networks(c, 'services'),
        nodes: mode.gateways + 1,
        cni: { forward: mode.forward ?? 'accept' },
      })),
    }),
  );
  try {
    await rig.up();
    const hooks = await hooksOf([gateway({ gateways: 2 }), globalip(), dualstack()]);
    const { clusters, nodes } = objectsOf(rig, mode);
    await rig.hold(hooks, clusters, nodes);
    for (const c of rig.clusters)
      for (const pod of pods(c)) rig.serve(`${c.name}/${pod}`, [process.execPath, TRAFFIC, 'server', String(PORT)]);
    await Promise.all(rig.clusters.flatMap((c) => c.nodes.map((n) => kubeProxy(rig, c, n.name, services(c)))));
    return rig;
  } catch (error) {
    await rig.down();
    throw error;
  }
}

function objectsOf(rig: Rig, mode: Mode): { clusters: Cluster[]; nodes: ClusterNode[] } {
  const clusters = rig.clusters.map((c, i): Cluster => {
    const map = Object.entries(globals(i + 1)).filter(([real]) => [...c.podCIDRs, ...c.serviceCIDRs].includes(real));
    return {
      metadata: { name: c.name, uid: '', resourceVersion: '' },
      spec: {
        clusterLinkOptions: {
          networkType: mode.types[i]!,
          ipFamily: mode.families === 'dual' ? 'all' : mode.families,
          ...(mode.equal && { globalCIDRsMap: Object.fromEntries(map) }),
        },
      },
      status: { clusterLinkStatus: { podCIDRs: c.podCIDRs, serviceCIDRs: c.serviceCIDRs } },
    };
  });
  const nodes = rig.clusters.flatMap((c) =>
    c.nodes.map((n): ClusterNode => {
      const [ip, ip6] = [n.addresses.find((a) => !six(a)), n.addresses.find(six)];
      return {
        metadata: { name: `${c.name}-${n.name}`, uid: '', resourceVersion: '' },
        spec: {
          clusterName: c.name,
          nodeName: n.name,
          interfaceName: 'eth0',
          podCIDRs: n.podCIDRs,
          roles: gatewayNames(mode).includes(n.name) ? ['gateway'] : [],
          ...(ip && { ip }),
          ...(ip6 && { ip6 }),
        },
      };
    }),
  );
  return { clusters, nodes };
}

/** Each of the pods behind a service of its own, one of each family. */
function services(cluster: ClusterTopology): { vip: string; pod: string }[] {
  return pods(cluster).flatMap((pod, i) => podIPs(cluster, pod).map((ip) => ({ vip: vipOf(cluster, i, six(ip)), pod: ip })));
}

/** The service address of the cluster's pod number `i`, as the cluster itself has it. */
export function vipOf(cluster: ClusterTopology, i: number, v6: boolean): string {
  const cidr = cluster.serviceCIDRs.find((c) => six(c) === v6)!;
  return v6 ? cidr.replace('::/112', `::${90 + i}`) : cidr.replace('.0.0/16', `.9.${90 + i}`);
}

/** Names of the pods that take part: on the first node, which is a gateway, and on the last, which is none. */
export const pods = (cluster: ClusterTopology): string[] => [cluster.nodes[0]!, cluster.nodes.at(-1)!].map((n) => `on-${n.name}`);

export function podIPs(cluster: ClusterTopology, pod: string): string[] {
  const { podCIDRs } = cluster.nodes.find((n) => `on-${n.name}` === pod)!;
  return podCIDRs.map((cidr) => (six(cidr) ? cidr.replace('::/64', '::2') : cidr.replace('.0/24', '.2')));
}

/** How other clusters see an address of this one. */
export function seen(rig: Rig, { name }: ClusterTopology, ip: string): string {
  return rig.planner.seenAs(name, ip);
}

export interface Traffic {
  readonly connections: number;
  readonly peers: readonly string[];
  readonly slowestMs: number;
  readonly errors: readonly string[];
  readonly udp?: string;
  readonly closed?: { readonly what: string; readonly ms: number };
}

/** All that `traffic.mjs` does, from a pod or node to addresses, one after the other. */
export async function traffic(rig: Rig, from: string, to: readonly string[], port = PORT): Promise<Traffic[]> {
  const { stdout, stderr } = await rig.exec(from, [process.execPath, TRAFFIC, 'client', ...to.flatMap((ip) => [ip, String(port)])]);
  if (stdout === '') throw new Error(`traffic from ${from} to ${to.join()}: ${stderr}`);
  return JSON.parse(stdout) as Traffic[];
}
