import { readdirSync, statSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { createHostNet, type Change } from '@kosmos/hostnet';
import { netnsOf } from '../isolate.ts';
import { loopbackUp } from '../links.ts';
import type { ClusterTopology, NodeTopology, Topology } from '../topology.ts';
import { makeNode, onOthers, routeControlPlane } from './node-network.ts';
import { makeRouter } from './router.ts';
import { bridgeOf, plugIn, unplug } from './wires.ts';

/**
 * The lab's links. A namespace `net` holds one bridge per underlay, without an address: a switch. Routers, control planes
 * and nodes have a namespace each, and their `eth0`, `eth1`, ... on underlays.
 */
export class LabNetwork {
  /** The supervisor's own namespace, where names of others are made. */
  readonly #here = createHostNet();

  /** All but the nodes. */
  async build(topology: Topology): Promise<void> {
    const { clusters, routers, underlays } = topology;
    const names = [...routers.map((r) => netnsOf.router(r.name)), ...clusters.map((c) => netnsOf.controlPlane(c.name))];
    await this.#here.apply([netnsOf.net, ...names].map((name) => ({ op: 'addNetns', name })));
    await createHostNet({ netns: netnsOf.net }).apply([
      loopbackUp,
      ...underlays.flatMap(({ name, mtu }): Change[] => [
        { op: 'addLink', name: bridgeOf(name), kind: 'bridge', mtu },
        { op: 'setLink', name: bridgeOf(name), addrgenmode: 'none', state: 'up' },
      ]),
    ]);
    await Promise.all([
      ...routers.map((r) => makeRouter(topology, r)),
      ...clusters.map((c) => plugIn(topology, netnsOf.controlPlane(c.name), [c.link]).then(() => routeControlPlane(c))),
    ]);
  }

  /** `topology` has the node already. */
  async addNode(topology: Topology, cluster: ClusterTopology, node: NodeTopology): Promise<void> {
    await this.boot(topology, cluster, node);
    await onOthers(cluster, node, 'replaceRoute');
  }

  /** Kills what runs on the node and takes its links and namespaces away; `cluster` has it no more. */
  async removeNode(cluster: ClusterTopology, node: NodeTopology): Promise<void> {
    await this.powerOff(cluster, node);
    await onOthers(cluster, node, 'deleteRoute');
  }

  /** Makes a node's namespace and links. */
  async boot(topology: Topology, cluster: ClusterTopology, node: NodeTopology): Promise<void> {
    await this.#here.apply([{ op: 'addNetns', name: netnsOf.node(cluster.name, node.name) }]);
    await makeNode(topology, cluster, node);
  }

  /** Ends everything on the node at once, as when its power is gone. */
  async powerOff(cluster: ClusterTopology, node: NodeTopology): Promise<void> {
    const own = netnsOf.node(cluster.name, node.name);
    await unplug(own, node.links);
    const namespaces = (await this.#here.namespaces()).filter((name) => name === own || name.startsWith(`${own}.`));
    for (const name of namespaces) await killAll(name);
    await this.#here.apply(namespaces.map((name) => ({ op: 'deleteNetns', name })));
  }
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
