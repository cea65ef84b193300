import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import type { KubeClient } from '@kosmos/kernel';
import { connectCluster } from './connect.ts';
import { ask, type Status } from './control.ts';
import { takeDown } from './down.ts';
import { labError } from './errors.ts';
import { entering, netnsOf, toolEnv } from './isolate.ts';
import { readRecords, type PodRecord } from './node/record.ts';
import { lineLogger } from './log.ts';
import { labDir, livingProcess, paths, readRecord, type LabRecord } from './state.ts';
import type { ClusterTopology, NodeTopology } from './topology.ts';

export interface LabNode extends NodeTopology {
  /** The network namespace, inside the lab. */
  readonly netns: string;
}

export interface LabCluster extends Omit<ClusterTopology, 'nodes'> {
  /** A file for users of this machine: the API server at 127.0.0.1. */
  readonly kubeconfig: string;
  /** A file for processes inside the lab: the API server at its underlay address. */
  readonly innerKubeconfig: string;
  readonly nodes: readonly LabNode[];
}

export interface ExecResult {
  /** 128 + the signal's number when a signal ended it. */
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** A lab that runs. Processes are named as `status` lists them: `c1/apiserver`, `c1/n1/kubelet`, `c1/n1/agent`, `manager`. */
export class Lab {
  readonly name: string;
  readonly dir: string;

  constructor(name: string) {
    this.name = name;
    this.dir = labDir(name);
    if (!readRecord(this.dir)) throw absent(name);
  }

  get clusters(): readonly LabCluster[] {
    const at = paths(this.dir);
    return this.#record().topology.clusters.map((c) => ({
      ...c,
      kubeconfig: at.kubeconfig(c.name),
      innerKubeconfig: at.innerKubeconfig(c.name),
      nodes: c.nodes.map((n) => ({ ...n, netns: netnsOf.node(c.name, n.name) })),
    }));
  }

  /** The cluster with the Kosmos objects. */
  get host(): LabCluster {
    return this.clusters[0] as LabCluster;
  }

  /** Requests to a cluster's API server, as its administrator. */
  client(cluster: string): KubeClient {
    const found = this.clusters.find((c) => c.name === cluster);
    if (!found) throw this.#unknown(cluster, cluster);
    return connectCluster(found.kubeconfig, 'lab', lineLogger()).client;
  }

  status(): Promise<Status> {
    return ask(this.#socket, 'status', {});
  }

  /**
   * Runs a command in the network of `<cluster>/<node>`, `<cluster>/cp` (the control plane), or `<cluster>/<pod>`,
   * `<cluster>/<namespace>/<pod>`, on this machine's files.
   */
  async exec(
    target: string,
    argv: readonly string[],
    options: { readonly timeoutMs?: number; readonly input?: string; readonly signal?: AbortSignal } = {},
  ): Promise<ExecResult> {
    const [file, ...args] = this.command(target, argv) as [string, ...string[]];
    const child = spawn(file, args, {
      env: toolEnv(),
      timeout: options.timeoutMs,
      killSignal: 'SIGKILL',
      signal: options.signal,
      stdio: 'pipe',
    });
    let stdout = '';
    let stderr = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text));
    child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
    child.stdin.on('error', () => {}); // the command reads no input
    child.stdin.end(options.input ?? '');
    const code = await new Promise<number>((resolve, reject) => {
      child.once('error', reject);
      child.once('close', (c, signal) => resolve(c ?? (signal === 'SIGKILL' ? 137 : 128)));
    });
    return { code, stdout, stderr };
  }

  /** The argument vector that `exec` runs. */
  command(target: string, argv: readonly string[]): string[] {
    const record = this.#record();
    const init = livingProcess(paths(this.dir).init);
    if (!init) throw absent(this.name);
    return entering(init, record.userNamespace, this.netns(target), argv);
  }

  /** The network namespace of a target of `exec`, by its name inside the lab. */
  netns(target: string): string {
    const [clusterName = '', ...rest] = target.split('/');
    const { clusters } = this.#record().topology;
    const cluster = clusters.find((c) => c.name === clusterName);
    if (!cluster) throw this.#unknown(clusterName, target);
    const word = rest.join('/');
    if (word === 'cp') return netnsOf.controlPlane(clusterName);
    if (cluster.nodes.some((n) => n.name === word)) return netnsOf.node(clusterName, word);
    return this.pod(target).netns;
  }

  /** A pod by `<cluster>/<pod>` (in the namespace default) or `<cluster>/<namespace>/<pod>`. */
  pod(target: string): PodRecord & { readonly node: string } {
    const [clusterName = '', ...rest] = target.split('/');
    const [namespace, name] = rest.length > 1 ? [rest[0], rest[1]] : ['default', rest[0]];
    const cluster = this.#record().topology.clusters.find((c) => c.name === clusterName);
    const pods = (cluster?.nodes ?? []).flatMap((n) =>
      readRecords(paths(this.dir).pods(clusterName, n.name)).map((pod) => ({ ...pod, node: n.name })),
    );
    const found = pods.find((p) => p.namespace === namespace && p.name === name);
    if (found) return found;
    const there = [
      ...(cluster?.nodes.map((n) => n.name) ?? []),
      'cp',
      ...pods.map((p) => (p.namespace === 'default' ? p.name : `${p.namespace}/${p.name}`)),
    ];
    throw labError('KOSMOS_E_LAB_TARGET', `no node and no running pod '${rest.join('/')}' in cluster '${clusterName}'`, {
      where: target,
      hint: `there are: ${there.join(', ')}`,
    });
  }

  /** Sends a signal (default SIGKILL) to a process; what it ends is started again after 0.2 s. SIGSTOP and SIGCONT pause it. */
  kill(process: string, signal: NodeJS.Signals = 'SIGKILL'): Promise<void> {
    return ask(this.#socket, 'signal', { process, signal });
  }

  /** Ends a process, and keeps it from being started again. */
  stopProcess(process: string): Promise<void> {
    return ask(this.#socket, 'stop', { process });
  }

  /** Starts a stopped process; resolves when it is ready. */
  startProcess(process: string): Promise<void> {
    return ask(this.#socket, 'start', { process });
  }

  /** Adds the next node to a cluster, with its kubelet and, where Kosmos runs, its agent; resolves when it is Ready. */
  async addNode(cluster: string): Promise<LabNode> {
    const node = await ask(this.#socket, 'addNode', { cluster });
    return { ...node, netns: netnsOf.node(cluster, node.name) };
  }

  /** Takes a node away at once, with its pods and its Node object. */
  removeNode(cluster: string, node: string): Promise<void> {
    return ask(this.#socket, 'removeNode', { cluster, node });
  }

  /** Ends everything on a node at once, as when its power goes; its Node object stays. */
  killNode(cluster: string, node: string): Promise<void> {
    return ask(this.#socket, 'killNode', { cluster, node });
  }

  /** Boots a node that was killed; resolves when its kubelet is ready. Its pods are made anew. */
  startNode(cluster: string, node: string): Promise<void> {
    return ask(this.#socket, 'startNode', { cluster, node });
  }

  /**
   * Lets packets between two clusters, nodes (`c1/n1`), control planes (`c1/cp`), routers or underlays be lost, all or
   * `loss` percent of them. A cut between the same two replaces an earlier one.
   */
  async cut(a: string, b: string, options: { readonly loss?: number } = {}): Promise<void> {
    const loss = options.loss ?? 100;
    if (!Number.isInteger(loss) || loss < 1 || loss > 100)
      throw labError('KOSMOS_E_LAB_TARGET', `a loss of ${loss} is no whole number of percent from 1 to 100`);
    await ask(this.#socket, 'cut', { a, b, loss });
  }

  /** Heals the cut between two, or all cuts. */
  heal(a?: string, b?: string): Promise<void> {
    return ask(this.#socket, 'heal', a !== undefined && b !== undefined ? { between: { a, b } } : {});
  }

  /** Takes everything down; what is down already is no error. */
  async down(): Promise<void> {
    await takeDown(this.dir);
  }

  /** The file of a process's log. */
  logFile(process: string): string {
    const file = paths(this.dir).log(process);
    if (!existsSync(file)) throw labError('KOSMOS_E_LAB_TARGET', `there is no log of a process '${process}'`, { where: file });
    return file;
  }

  #unknown(cluster: string, where: string): Error {
    return labError('KOSMOS_E_LAB_TARGET', `the lab '${this.name}' has no cluster '${cluster}'`, {
      where,
      hint: `it has: ${this.clusters.map((c) => c.name).join(', ')}`,
    });
  }

  get #socket(): string {
    return paths(this.dir).control;
  }

  #record(): LabRecord {
    const record = readRecord(this.dir);
    if (!record) throw absent(this.name);
    return record;
  }
}

const absent = (name: string) =>
  labError('KOSMOS_E_LAB_ABSENT', `no lab '${name}' runs`, {
    hint: `kosmos lab up ${name} starts it; kosmos lab status shows those that run`,
  });
