import { readdirSync, statSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { createHostNet, type Change, type NftTable } from '@kosmos/hostnet';
import { hostOf, parseCidr } from '../cidr.ts';
import { netnsOf, POD_BRIDGE } from '../isolate.ts';
import { joinLan } from '../links.ts';
import type { ClusterTopology, NodeTopology, Topology } from '../topology.ts';

/** nftables' own name of this number is srcnat. */
const SRCNAT = 100;

/**
 * The lab's links. A namespace `net` holds one bridge per underlay, whose address is the underlay's first, and routes
 * between them. Control planes and nodes have their `eth0` on their underlay. A node has what a CNI in host-gw mode
 * makes: the pod bridge, routes to the cluster's other nodes, and the masquerade of what leaves the pod network.
 */
export class LabNetwork {
  /** The supervisor's own namespace, where names of others are made. */
  readonly #here = createHostNet();

  async build(topology: Topology): Promise<void> {
    const { clusters } = topology;
    const controlPlanes = clusters.map((c) => netnsOf.controlPlane(c.name));
    const nodes = clusters.flatMap((c) => c.nodes.map((n) => netnsOf.node(c.name, n.name)));
    await this.#here.apply([netnsOf.net, ...controlPlanes, ...nodes].map((name) => ({ op: 'addNetns', name })));
    const underlays = [...new Set(clusters.map((c) => c.underlay))];
    const net = createHostNet({ netns: netnsOf.net });
    await net.apply([
      { op: 'setLink', name: 'lo', state: 'up' },
      ...underlays.flatMap((u) => bridge(bridgeOf(u), `${hostOf(u, 1)}/${prefixOf(u)}`)),
    ]);
    await net.setSysctl({ family: 'ipv4', name: 'ip_forward' }, 1);
    await Promise.all(
      clusters.flatMap((c) => [attach(netnsOf.controlPlane(c.name), c, c.address), ...c.nodes.map((n) => this.#node(c, n))]),
    );
  }

  /** `cluster` has the node already. */
  async addNode(cluster: ClusterTopology, node: NodeTopology): Promise<void> {
    await this.#here.apply([{ op: 'addNetns', name: netnsOf.node(cluster.name, node.name) }]);
    await this.#node(cluster, node);
    await onOthers(cluster, node, { op: 'replaceRoute', dst: node.podCIDR, via: node.address });
  }

  /** Kills what runs on the node and takes its links and namespaces away; `cluster` has it no more. */
  async removeNode(cluster: ClusterTopology, node: NodeTopology): Promise<void> {
    const own = netnsOf.node(cluster.name, node.name);
    const namespaces = (await this.#here.namespaces()).filter((name) => name === own || name.startsWith(`${own}.`));
    for (const name of namespaces) await killAll(name);
    await createHostNet({ netns: netnsOf.net }).apply([{ op: 'deleteLink', name: portOf(own) }]);
    await this.#here.apply(namespaces.map((name) => ({ op: 'deleteNetns', name })));
    await onOthers(cluster, node, { op: 'deleteRoute', dst: node.podCIDR, via: node.address });
  }

  async #node(cluster: ClusterTopology, node: NodeTopology): Promise<void> {
    const netns = netnsOf.node(cluster.name, node.name);
    const net = createHostNet({ netns });
    await net.setSysctl({ family: 'ipv4', name: 'ip_forward' }, 1);
    // Before the links: each takes over the default. Distributions set 1; what passes with it passes with 0 and 2 too.
    for (const conf of ['all', 'default']) await net.setSysctl({ family: 'ipv4', conf, name: 'rp_filter' }, 1);
    await attach(netns, cluster, node.address);
    const routes: Change[] = others(cluster, node).map((o) => ({ op: 'replaceRoute', dst: o.podCIDR, via: o.address }));
    await net.apply([...bridge(POD_BRIDGE, `${hostOf(node.podCIDR, 1)}/24`), ...routes]);
    await net.nft({ replace: [masquerade(node.podCIDR, cluster.podCIDR)] });
  }
}

/** As flannel, kindnet and others have it: what a pod sends out of the cluster's pod network gets the node's address. */
const masquerade = (podCIDR: string, clusterCIDR: string): NftTable => ({
  family: 'ip',
  name: 'cni',
  chains: [
    {
      name: 'postrouting',
      hook: { type: 'nat', hook: 'postrouting', priority: SRCNAT },
      rules: [{ when: [{ saddr: podCIDR }, { daddr: clusterCIDR, not: true }, { daddr: '224.0.0.0/4', not: true }], action: 'masquerade' }],
    },
  ],
});

const bridge = (name: string, address: string): Change[] => [
  { op: 'addLink', name, kind: 'bridge' },
  { op: 'setLink', name, state: 'up' },
  { op: 'replaceAddress', address, dev: name },
];

async function attach(netns: string, cluster: ClusterTopology, address: string): Promise<void> {
  const { underlay } = cluster;
  const port = portOf(netns);
  await createHostNet({ netns: netnsOf.net }).apply([
    { op: 'addLink', name: port, kind: 'veth', peer: { name: 'eth0', netns } },
    { op: 'setLink', name: port, master: bridgeOf(underlay), state: 'up' },
  ]);
  await createHostNet({ netns }).apply(joinLan(`${address}/${prefixOf(underlay)}`, hostOf(underlay, 1)));
}

async function onOthers(cluster: ClusterTopology, node: NodeTopology, change: Change): Promise<void> {
  await Promise.all(others(cluster, node).map((o) => createHostNet({ netns: netnsOf.node(cluster.name, o.name) }).apply([change])));
}

const KILL_MS = 10_000;

/** Kills what runs in a namespace until nothing does. */
async function killAll(netns: string): Promise<void> {
  const { ino } = statSync(`/run/netns/${netns}`);
  const deadline = Date.now() + KILL_MS;
  for (let pids = processesIn(ino); pids.length > 0; pids = processesIn(ino)) {
    if (Date.now() > deadline) throw new Error(`processes ${pids.join(', ')} in ${netns} do not end`);
    for (const pid of pids) {
      try {
        process.kill(pid, 'SIGKILL');
      } catch {
        // ended in between
      }
    }
    await sleep(5);
  }
}

/** Processes whose network namespace is the one with this inode. */
function processesIn(ino: number): number[] {
  const isIn = (pid: string) => {
    try {
      return statSync(`/proc/${pid}/ns/net`).ino === ino;
    } catch {
      return false; // ended in between
    }
  };
  return readdirSync('/proc')
    .filter((pid) => /^\d+$/.test(pid) && isIn(pid))
    .map(Number);
}

const others = (cluster: ClusterTopology, node: NodeTopology) => cluster.nodes.filter((n) => n.name !== node.name);
const prefixOf = (network: string): number => parseCidr(network)?.prefix ?? 0;
/** E.g. `br-0a650000` for 10.101.0.0: unique, and within the 15 characters of a link's name. */
const bridgeOf = (underlay: string): string => `br-${(parseCidr(underlay)?.base ?? 0).toString(16).padStart(8, '0')}`;
/** The end of a namespace's veth pair that is in `net`; a long name is cut and made unique by a hash (djb2). */
function portOf(netns: string): string {
  if (netns.length <= 15) return netns;
  let hash = 5381;
  for (const char of netns) hash = ((hash * 33) ^ (char.codePointAt(0) ?? 0)) >>> 0;
  return `${netns.slice(0, 6)}~${hash.toString(36)}`.slice(0, 15);
}
