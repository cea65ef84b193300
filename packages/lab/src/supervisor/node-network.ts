import { createHostNet, type Change, type NftTable } from '@kosmos/hostnet';
import { familyOf, hostOf, prefixOf } from '../cidr.ts';
import { netnsOf, POD_BRIDGE } from '../isolate.ts';
import { joinLan } from '../links.ts';
import { underlayOf, type ClusterTopology, type NodeTopology, type Topology } from '../topology.ts';
import { dropForwarded } from './forward-policy.ts';
import { letForward, plugIn } from './wires.ts';

/** nftables' own name of this number is srcnat. */
const SRCNAT = 100;

/**
 * A node's links, and what a CNI in host-gw mode makes: the pod bridge, routes to the cluster's other nodes, the
 * masquerade of what leaves the pod network; and what the cluster is to imitate beside it.
 */
export async function makeNode(topology: Topology, cluster: ClusterTopology, node: NodeTopology): Promise<void> {
  const netns = netnsOf.node(cluster.name, node.name);
  const net = createHostNet({ netns });
  await letForward(netns, [...node.links.flatMap((l) => l.addresses), ...node.podCIDRs]);
  // Before the links: each takes over the default. Distributions set 1; what passes with it passes with 0 and 2 too.
  for (const conf of ['all', 'default']) await net.setSysctl({ family: 'ipv4', conf, name: 'rp_filter' }, cluster.cni.rpFilter);
  await plugIn(topology, netns, node.links);
  await net.apply([
    { op: 'addLink', name: POD_BRIDGE, kind: 'bridge', mtu: podMtu(topology, node) },
    ...joinLan(
      POD_BRIDGE,
      node.podCIDRs.map((cidr) => `${hostOf(cidr, 1)}/${prefixOf(cidr)}`),
    ),
    ...others(cluster, node)
      .flatMap((o) => routesTo(o))
      .map((r): Change => ({ op: 'replaceRoute', ...r })),
  ]);
  // Pods reach each other by the node (see pod-network.ts): it must not tell them of a shorter way.
  for (const conf of ['all', POD_BRIDGE]) await net.setSysctl({ family: 'ipv4', conf, name: 'send_redirects' }, 0);
  if (cluster.cni.masquerade) await net.nft({ replace: node.podCIDRs.map((cidr, i) => masquerade(cidr, cluster.podCIDRs[i] as string)) });
  await dropForwarded(netns, topology, cluster);
}

/** The ways from a cluster's control plane to the pods. */
export async function routeControlPlane(cluster: ClusterTopology): Promise<void> {
  const changes = cluster.nodes.flatMap(routesTo).map((route): Change => ({ op: 'replaceRoute', ...route }));
  await createHostNet({ netns: netnsOf.controlPlane(cluster.name) }).apply(changes);
}

/** Tells the cluster's other nodes and its control plane where the pods of one are, or that they are not there any more. */
export async function onOthers(cluster: ClusterTopology, node: NodeTopology, op: 'replaceRoute' | 'deleteRoute'): Promise<void> {
  const changes = routesTo(node).map((route): Change => ({ op, ...route }));
  const hosts = [netnsOf.controlPlane(cluster.name), ...others(cluster, node).map((o) => netnsOf.node(cluster.name, o.name))];
  await Promise.all(hosts.map((netns) => createHostNet({ netns }).applyAll(changes)));
}

/** What fits through every link of the node. */
export const podMtu = (topology: Topology, node: NodeTopology): number =>
  Math.min(...node.links.map((l) => underlayOf(topology, l.underlay).mtu));

const routesTo = (node: NodeTopology) => node.podCIDRs.map((dst, i) => ({ dst, via: node.addresses[i] as string }));

const others = (cluster: ClusterTopology, node: NodeTopology) => cluster.nodes.filter((n) => n.name !== node.name);

/** As flannel, kindnet and others have it. */
const masquerade = (podCIDR: string, clusterCIDR: string): NftTable => ({
  family: familyOf(podCIDR) === 'IPv4' ? 'ip' : 'ip6',
  name: 'cni',
  chains: [
    {
      name: 'postrouting',
      hook: { type: 'nat', hook: 'postrouting', priority: SRCNAT },
      rules: [
        {
          when: [
            { saddr: podCIDR },
            { daddr: clusterCIDR, not: true },
            { daddr: familyOf(podCIDR) === 'IPv4' ? '224.0.0.0/4' : 'ff00::/8', not: true },
          ],
          action: 'masquerade',
        },
      ],
    },
  ],
});
