import { execFile } from 'node:child_process';
import { mkdirSync, realpathSync, rmSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { Operations } from '../control.ts';
import { labError } from '../errors.ts';
import { inNetns, netnsOf, nodeCommand } from '../isolate.ts';
import type { ControlPlaneConfig } from '../control-plane/config.ts';
import type { DnsConfig } from '../dns/main.ts';
import { CLUSTER_DOMAIN, dnsAddresses } from '../dns/objects.ts';
import type { NodeConfig } from '../node/config.ts';
import { clearMemory, memoryOf } from '../node/memory.ts';
import { paths, writeRecord, type LabRecord } from '../state.ts';
import { nextNode, type ClusterTopology, type NodeTopology } from '../topology.ts';
import { Cuts } from './cuts.ts';
import { LabNetwork } from './network.ts';
import { podMtu } from './node-network.ts';
import { Processes, type ProcessSpec } from './processes.ts';

const COMMAND_MS = 30_000;

/** Brings a lab up, keeps it, changes it on request. */
export class Supervisor {
  readonly operations: Operations;
  readonly #dir: string;
  readonly #listeners: readonly number[];
  readonly #step: (step: string, ms: number) => void;
  readonly #processes = new Processes();
  readonly #network = new LabNetwork();
  readonly #cuts = new Cuts();
  #record: LabRecord;
  #ready = false;

  constructor(dir: string, record: LabRecord, listeners: readonly number[], step: (step: string, ms: number) => void) {
    this.#dir = dir;
    this.#record = record;
    this.#listeners = listeners;
    this.#step = step;
    this.operations = {
      status: async () => ({
        name: this.#record.name,
        ready: this.#ready,
        topology: this.#record.topology,
        processes: this.#processes.list(),
        cuts: this.#cuts.all,
      }),
      stop: ({ process }) => this.#processes.stop(process),
      start: ({ process }) => this.#processes.resume(process),
      signal: async ({ process, signal }) => this.#processes.signal(process, signal),
      addNode: ({ cluster }) => this.#addNode(cluster),
      removeNode: ({ cluster, node }) => this.#removeNode(cluster, node),
      killNode: ({ cluster, node }) => this.#killNode(cluster, node),
      startNode: ({ cluster, node }) => this.#startNode(cluster, node),
      cut: (cut) => this.#cuts.add(this.#record.topology, cut),
      heal: ({ between }) => this.#cuts.heal(this.#record.topology, between),
      down: () => this.down(),
    };
  }

  get #clusters(): readonly ClusterTopology[] {
    return this.#record.topology.clusters;
  }

  async up(): Promise<void> {
    const nodes = this.#clusters.flatMap((c) => c.nodes.map((n) => ({ cluster: c, node: n })));
    mkdirSync(paths(this.#dir).logs, { recursive: true });
    const built = this.#network.build(this.#record.topology);
    await all([
      this.#timed(`network of ${count(this.#clusters.length, 'cluster')} with ${count(nodes.length, 'node')}`, async () => {
        await built;
        await all(nodes.map(({ cluster, node }) => this.#network.boot(this.#record.topology, cluster, node)));
      }),
      this.#timed(`API server of ${this.#clusters.map((c) => c.name).join(', ')}`, async () => {
        await built;
        await all(this.#clusters.map((c, i) => this.#processes.start(this.#controlPlane(c, i))));
      }),
    ]);
    await all([
      this.#timed('cluster DNS', () => all(this.#clusters.map((c) => this.#processes.start(this.#dns(c))))),
      this.#timed(`nodes ${nodes.map(({ cluster, node }) => `${cluster.name}/${node.name}`).join(', ')}`, () =>
        someAtOnce(nodes, ({ cluster, node }) => this.#startKubelet(cluster, node)),
      ),
    ]);
    if (this.#record.kosmos) await this.#startKosmos();
    this.#ready = true;
  }

  /** Ends this process, and with it all of the lab. */
  async down(): Promise<void> {
    setImmediate(() => process.exit(0));
  }

  async #startKosmos(): Promise<void> {
    await all([
      this.#timed('clusters joined', async () => {
        for (const cluster of this.#clusters) await this.#join(cluster);
      }),
      this.#timed('rights given', async () => {
        await this.#grant(['manager']);
        for (const { name, nodes } of this.#clusters) await this.#grantAgents(name, nodes);
      }),
    ]);
    await this.#timed('Kosmos started', () => all(this.#kosmosProcesses().map((spec) => this.#processes.start(spec))));
  }

  #host(): ClusterTopology {
    return this.#clusters[0] as ClusterTopology;
  }

  async #join({ name: cluster, families }: ClusterTopology): Promise<void> {
    // The lab's pod network is no known CNI's: pod CIDRs are the nodes'.
    const join = [
      'join',
      cluster,
      '--kubeconfig',
      paths(this.#dir).innerKubeconfig(cluster),
      '--ip-family',
      families.length > 1 ? 'all' : (families[0] as string).toLowerCase(),
      '--cni',
      'lab',
      '--config',
      this.#config(),
    ];
    await this.#kosmos(join);
  }

  /** Kosmos runs with service accounts that have the rights which its plugins ask for, so that every lab shows whether those do. */
  async #grant(account: readonly string[]): Promise<void> {
    const manifests = await this.#kosmos(['rbac', ...account, '--config', this.#config()]);
    await this.#processes.ask(`${this.#host().name}/apiserver`, { type: 'grant', manifests });
  }

  async #grantAgents(cluster: string, nodes: readonly NodeTopology[]): Promise<void> {
    if (nodes.length > 0) await this.#grant(['agent', '--cluster', cluster, '--node', ...nodes.map(({ name }) => name)]);
  }

  /** What a command says, which runs as the host's administrator. */
  async #kosmos(command: readonly string[]): Promise<string> {
    const argv = inNetns(netnsOf.controlPlane(this.#host().name), [...this.#kosmosCommand(), ...command]);
    const [file, ...args] = argv as [string, ...string[]];
    const env = { ...process.env, KOSMOS_HOST_KUBECONFIG: paths(this.#dir).innerKubeconfig(this.#host().name) };
    try {
      return (await promisify(execFile)(file, args, { env, timeout: COMMAND_MS, maxBuffer: 2 ** 26 })).stdout;
    } catch (cause) {
      const { stderr, message } = cause as Error & { stderr?: string };
      const words = command.slice(0, 2).join(' ');
      throw labError('KOSMOS_E_LAB_KOSMOS', `kosmos ${words} failed: ${stderr?.trim() || message}`, { where: this.#config(), cause });
    }
  }

  #kosmosCommand(): readonly string[] {
    return this.#record.kosmos?.command ?? [];
  }

  #config(): string {
    return this.#record.kosmos?.config ?? '';
  }

  #kosmosProcesses(): ProcessSpec[] {
    const agents = this.#clusters.flatMap((c) => c.nodes.map((n) => this.#agent(c, n)));
    const manager = this.#kosmosProcess('manager', 'kosmos-manager', netnsOf.controlPlane(this.#host().name), ['--role', 'manager']);
    return [manager, ...agents];
  }

  #agent(cluster: ClusterTopology, node: NodeTopology): ProcessSpec {
    const account = `kosmos-agent-${cluster.name}-${node.name}`;
    return this.#kosmosProcess(`${cluster.name}/${node.name}/agent`, account, netnsOf.node(cluster.name, node.name), [
      '--role',
      'agent',
      '--cluster',
      cluster.name,
      '--node',
      node.name,
    ]);
  }

  #kosmosProcess(name: string, account: string, netns: string, args: readonly string[]): ProcessSpec {
    return {
      name,
      netns,
      command: [...this.#kosmosCommand(), 'run', ...args, '--config', this.#config()],
      env: { KOSMOS_HOST_KUBECONFIG: paths(this.#dir).account(this.#host().name, account) },
      announces: true,
      log: paths(this.#dir).log(name),
    };
  }

  #controlPlane(cluster: ClusterTopology, index: number): ProcessSpec {
    const at = paths(this.#dir);
    mkdirSync(at.data(cluster.name), { recursive: true });
    const config: ControlPlaneConfig = {
      lab: this.#record.name,
      cluster: cluster.name,
      address: cluster.address,
      port: cluster.port,
      otherAddresses: cluster.addresses.slice(1),
      serviceCIDRs: cluster.serviceCIDRs,
      podCIDRs: cluster.podCIDRs,
      // Volumes name it, and outlive the lab's own directory where --data keeps it elsewhere.
      data: realpathSync(at.data(cluster.name)),
      kubeconfig: at.kubeconfig(cluster.name),
      innerKubeconfig: at.innerKubeconfig(cluster.name),
    };
    const name = `${cluster.name}/apiserver`;
    return {
      name,
      netns: netnsOf.controlPlane(cluster.name),
      command: nodeCommand('./control-plane/main', JSON.stringify(config)),
      log: at.log(name),
      announces: true,
      fds: [this.#listeners[index] as number],
    };
  }

  #dns(cluster: ClusterTopology): ProcessSpec {
    const at = paths(this.#dir);
    const config: DnsConfig = {
      kubeconfig: at.innerKubeconfig(cluster.name),
      addresses: cluster.addresses,
      serviceCIDRs: cluster.serviceCIDRs,
      dir: join(this.#dir, cluster.name),
    };
    const name = `${cluster.name}/dns`;
    return {
      name,
      netns: netnsOf.controlPlane(cluster.name),
      command: nodeCommand('./dns/main', JSON.stringify(config)),
      log: at.log(name),
      announces: true,
    };
  }

  /** The cluster's CA, which only its control plane has, gives the node its serving certificate first. */
  async #startKubelet(cluster: ClusterTopology, node: NodeTopology): Promise<void> {
    const { identity } = paths(this.#dir);
    const dir = identity(cluster.name, node.name);
    mkdirSync(dir, { recursive: true });
    await this.#processes.ask(`${cluster.name}/apiserver`, {
      type: 'certify-node',
      node: node.name,
      addresses: node.addresses.join(),
      dir,
    });
    await this.#processes.start(this.#kubelet(cluster, node));
  }

  #kubelet(cluster: ClusterTopology, node: NodeTopology): ProcessSpec {
    const at = paths(this.#dir);
    const config: NodeConfig = {
      cluster: cluster.name,
      node: node.name,
      address: node.address,
      addresses: node.addresses,
      podCIDR: node.podCIDR,
      podCIDRs: node.podCIDRs,
      clusterCIDRs: cluster.podCIDRs,
      dns: { addresses: dnsAddresses(cluster.serviceCIDRs), domain: CLUSTER_DOMAIN },
      mtu: podMtu(this.#record.topology, node),
      kubeconfig: at.innerKubeconfig(cluster.name),
      identity: at.identity(cluster.name, node.name),
      pods: at.pods(cluster.name, node.name),
      logs: at.podLogs(cluster.name),
    };
    const name = `${cluster.name}/${node.name}/kubelet`;
    mkdirSync(config.pods, { recursive: true });
    return {
      name,
      netns: netnsOf.node(cluster.name, node.name),
      command: nodeCommand('./node/main', JSON.stringify(config)),
      log: at.log(name),
      announces: true,
    };
  }

  async #addNode(clusterName: string): Promise<NodeTopology> {
    const cluster = this.#cluster(clusterName);
    const node = nextNode(this.#record.topology, clusterName);
    if (!node) throw labError('KOSMOS_E_LAB_TARGET', `cluster ${clusterName} has no room for another node`);
    this.#change({ ...cluster, nodes: [...cluster.nodes, node] });
    await this.#network.addNode(this.#record.topology, this.#cluster(clusterName), node);
    await this.#cuts.follow(this.#record.topology);
    await this.#startKubelet(cluster, node);
    if (!this.#record.kosmos) return node;
    await this.#grantAgents(clusterName, [node]);
    await this.#processes.start(this.#agent(cluster, node));
    return node;
  }

  async #removeNode(clusterName: string, nodeName: string): Promise<void> {
    const cluster = this.#cluster(clusterName);
    const node = nodeOf(cluster, nodeName);
    for (const name of this.#processesOf(cluster, node)) await this.#processes.remove(name);
    this.#change({ ...cluster, nodes: cluster.nodes.filter((n) => n !== node) });
    await this.#network.removeNode(this.#cluster(clusterName), node);
    await clearMemory(memoryOf(clusterName, nodeName));
    await this.#cuts.follow(this.#record.topology);
    rmSync(join(paths(this.#dir).nodes(clusterName), nodeName), { recursive: true, force: true });
    await this.#processes.ask(`${clusterName}/apiserver`, { type: 'delete-node', node: nodeName });
  }

  /** As when its power goes: nothing on it ends in order, and its Node object stays. */
  async #killNode(clusterName: string, nodeName: string): Promise<void> {
    const cluster = this.#cluster(clusterName);
    const node = nodeOf(cluster, nodeName);
    for (const name of this.#processesOf(cluster, node)) await this.#processes.kill(name);
    await this.#network.powerOff(cluster, node);
    await clearMemory(memoryOf(clusterName, nodeName));
  }

  async #startNode(clusterName: string, nodeName: string): Promise<void> {
    const cluster = this.#cluster(clusterName);
    const node = nodeOf(cluster, nodeName);
    if (this.#processesOf(cluster, node).some((name) => this.#processes.runs(name)))
      throw labError('KOSMOS_E_LAB_TARGET', `node ${clusterName}/${nodeName} runs`, { hint: `kosmos lab kill ${clusterName}/${nodeName}` });
    await this.#network.boot(this.#record.topology, cluster, node);
    await all(this.#processesOf(cluster, node).map((name) => this.#processes.resume(name)));
  }

  /** Names of the node's processes that there are. */
  #processesOf(cluster: ClusterTopology, node: NodeTopology): string[] {
    return ['agent', 'kubelet'].map((part) => `${cluster.name}/${node.name}/${part}`).filter((name) => this.#processes.has(name));
  }

  #cluster(name: string): ClusterTopology {
    const cluster = this.#clusters.find((c) => c.name === name);
    if (!cluster)
      throw labError('KOSMOS_E_LAB_TARGET', `the lab has no cluster '${name}'`, {
        hint: `it has: ${this.#clusters.map((c) => c.name).join(', ')}`,
      });
    return cluster;
  }

  #change(cluster: ClusterTopology): void {
    this.#record = {
      ...this.#record,
      topology: { ...this.#record.topology, clusters: this.#clusters.map((c) => (c.name === cluster.name ? cluster : c)) },
    };
    writeRecord(this.#dir, this.#record);
  }

  async #timed(step: string, work: () => Promise<unknown>): Promise<void> {
    const started = performance.now();
    await work();
    this.#step(step, Math.round(performance.now() - started));
  }
}

function nodeOf(cluster: ClusterTopology, name: string): NodeTopology {
  const node = cluster.nodes.find((n) => n.name === name);
  if (node) return node;
  throw labError('KOSMOS_E_LAB_TARGET', `cluster ${cluster.name} has no node '${name}'`, {
    hint: `it has: ${cluster.nodes.map((n) => n.name).join(', ')}`,
  });
}

const count = (n: number, what: string): string => `${n} ${what}${n === 1 ? '' : 's'}`;

/** More at once than a machine has hands for would only make each of them late. */
const AT_ONCE = 4 + 2 * availableParallelism();

/** Does it for each item, a few at once; ends with the first failure, when those that had begun are done. */
async function someAtOnce<T>(items: readonly T[], work: (item: T) => Promise<void>): Promise<void> {
  const queue = [...items];
  const worker = async () => {
    for (let item = queue.shift(); item !== undefined; item = queue.shift()) {
      try {
        await work(item);
      } catch (error) {
        queue.length = 0;
        throw error;
      }
    }
  };
  await all(Array.from({ length: Math.min(AT_ONCE, items.length) }, worker));
}

/** Waits for all, also after one has failed, so that its error is not followed by others of processes that still start. */
async function all(work: readonly Promise<void>[]): Promise<void> {
  const failed = (await Promise.allSettled(work)).find((r) => r.status === 'rejected');
  if (failed) throw failed.reason;
}
