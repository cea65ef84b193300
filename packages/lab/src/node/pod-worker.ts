import { join } from 'node:path';
import type { KubeClient, Logger } from '@kosmos/kernel';
import { messageOf } from '../errors.ts';
import { Pods, type Container, type ContainerState, type Pod } from '../kube.ts';
import { adoptContainer, endContainer, killContainer, listens, startContainer, type Exit, type Running } from './container.ts';
import type { NodeConfig } from './config.ts';
import { envOf, expand } from './env.ts';
import type { Events } from './events.ts';
import { imageOf } from './images.ts';
import { noteTimes, sizeOf } from './log-times.ts';
import type { PodNetwork } from './pod-network.ts';
import { dropRecord, saveRecord, type PodRecord } from './record.ts';
import { errImagePull, podStatus } from './status.ts';

export interface PodServices {
  readonly config: NodeConfig;
  readonly client: KubeClient;
  readonly network: PodNetwork;
  readonly events: Events;
  readonly log: Logger;
  /** The pod is gone from this node and from the API server. */
  readonly done: (uid: string) => void;
}

const RETRY_MS = 1000;
const FIRST_BACKOFF_MS = 1000;
const LAST_BACKOFF_MS = 60_000;
const READY_POLL_MS = 50;
const DEFAULT_GRACE_S = 30;

type ContainerEntry = PodRecord['containers'][number];

/** What streams need to know of a pod. */
export interface PodView {
  readonly namespace: string;
  readonly name: string;
  readonly netns: string;
  container(name: string): ContainerView | undefined;
}

export interface ContainerView {
  readonly env: Readonly<Record<string, string>>;
  readonly cwd: string | undefined;
  readonly stdin: boolean;
  readonly tty: boolean;
  readonly log: string;
  readonly logFrom: number | undefined;
  readonly previousFrom: number | undefined;
  readonly running: Running | undefined;
  /** Why it does not run yet. */
  readonly waiting: string | undefined;
}

/** One pod on this node: brings what runs to what the pod says, again and again, never twice at once. */
export class PodWorker {
  readonly #services: PodServices;
  readonly #running = new Map<string, Running>();
  /** When a container may start again. */
  readonly #notBefore = new Map<string, number>();
  #pod: Pod | undefined;
  #record: PodRecord | undefined;
  #networkReady = false;
  #written = '';
  #busy = false;
  #again = false;
  #timer: NodeJS.Timeout | undefined;
  #stopped = false;
  readonly #uid: string;

  constructor(services: PodServices, pod: Pod | undefined, record: PodRecord | undefined) {
    this.#services = services;
    this.#pod = pod;
    this.#record = record;
    this.#uid = (pod?.metadata.uid ?? record?.uid) as string;
    for (const entry of record?.containers ?? [])
      if (entry.process && entry.state.running) this.#watch(entry, adoptContainer(entry.process));
    // A record is written before its network is made: only a container that ran proves the network.
    this.#networkReady = this.#running.size > 0;
  }

  /** Undefined before the pod has anything here, and when it is gone. */
  get view(): PodView | undefined {
    const record = this.#record;
    if (!record) return undefined;
    const { namespace, name, netns } = record;
    return { namespace, name, netns, container: (wanted) => this.#containerView(record, wanted) };
  }

  #containerView(record: PodRecord, name: string): ContainerView | undefined {
    const entry = record.containers.find((c) => c.name === name);
    const container = this.#pod?.spec.containers.find((c) => c.name === name);
    if (!entry || !container || !this.#pod) return undefined;
    return {
      env: { ...this.#identity(this.#pod, record), ...envOf(this.#pod, container, record.ip) },
      cwd: container.workingDir,
      stdin: container.stdin === true,
      tty: container.tty === true,
      log: entry.log,
      logFrom: entry.logFrom,
      previousFrom: entry.previousFrom,
      running: this.#running.get(name),
      waiting: entry.state.waiting?.reason,
    };
  }

  /** The pod as the API server has it now; undefined when it is gone there. */
  update(pod: Pod | undefined): void {
    this.#pod = pod;
    // Deleted by force: what still has its time of grace has it no more.
    if (!pod || pod.metadata.deletionGracePeriodSeconds === 0) for (const running of this.#running.values()) killContainer(running);
    this.kick();
  }

  kick(): void {
    if (this.#stopped) return;
    this.#again = true;
    if (!this.#busy) void this.#work();
  }

  async #work(): Promise<void> {
    this.#busy = true;
    while (this.#again && !this.#stopped) {
      this.#again = false;
      try {
        await this.#reconcile();
      } catch (error) {
        this.#services.log.warn(
          { pod: this.#pod?.metadata.name ?? this.#record?.name, error: messageOf(error) },
          'pod not reconciled, will be tried again',
        );
        this.#wake(RETRY_MS);
      }
    }
    this.#busy = false;
  }

  #wake(ms: number): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.kick(), ms);
  }

  async #reconcile(): Promise<void> {
    const pod = this.#pod;
    if (!pod || pod.metadata.deletionTimestamp !== undefined) return this.#terminate(pod);
    const phase = pod.status?.phase;
    if ((phase === 'Succeeded' || phase === 'Failed') && this.#running.size === 0) return;
    const record = this.#ensureRecord(pod);
    if (!this.#networkReady && !record.hostNetwork) await this.#services.network.add(record.netns, record.ip);
    this.#networkReady = true;
    for (const container of pod.spec.containers) {
      const entry = record.containers.find((c) => c.name === container.name);
      if (entry) await this.#ensureContainer(pod, container, entry);
    }
    saveRecord(this.#services.config.pods, record);
    await this.#writeStatus(pod, record);
  }

  #ensureRecord(pod: Pod): PodRecord {
    if (this.#record) return this.#record;
    const { config, network } = this.#services;
    const { uid, name, namespace = 'default' } = pod.metadata;
    const hostNetwork = pod.spec.hostNetwork === true;
    const { netns, ip } = network.allot(uid, hostNetwork);
    this.#record = {
      uid,
      namespace,
      name,
      netns,
      ip,
      hostNetwork,
      containers: pod.spec.containers.map((c) => ({
        name: c.name,
        state: { waiting: { reason: 'ContainerCreating' } },
        lastState: {},
        ready: false,
        restarts: 0,
        log: join(config.logs, `${namespace}_${name}_${uid}`, `${c.name}.log`),
      })),
    };
    saveRecord(config.pods, this.#record);
    return this.#record;
  }

  async #ensureContainer(pod: Pod, container: Container, entry: ContainerEntry): Promise<void> {
    if (this.#running.has(entry.name)) return this.#checkReady(container, entry);
    const ended = entry.state.terminated ?? (entry.state.waiting?.reason === 'CrashLoopBackOff' ? entry.lastState.terminated : undefined);
    if (ended) {
      const policy = pod.spec.restartPolicy ?? 'Always';
      if (policy === 'Never' || (policy === 'OnFailure' && ended.exitCode === 0)) return;
      const backOff = Math.min(FIRST_BACKOFF_MS * 2 ** entry.restarts, LAST_BACKOFF_MS);
      const due = this.#notBefore.get(entry.name) ?? Date.now() + backOff;
      this.#notBefore.set(entry.name, due);
      if (Date.now() < due) {
        if (entry.state.terminated) {
          entry.lastState = entry.state;
          entry.state = {
            waiting: {
              reason: 'CrashLoopBackOff',
              message: `back-off ${backOff / 1000}s restarting failed container=${entry.name} pod=${pod.metadata.name}`,
            },
          };
          this.#services.events.say(pod, 'Warning', 'BackOff', `Back-off restarting failed container ${entry.name}`);
        }
        return this.#wake(due - Date.now());
      }
      this.#notBefore.delete(entry.name);
      entry.restarts += 1;
    }
    await this.#start(pod, container, entry);
  }

  async #start(pod: Pod, container: Container, entry: ContainerEntry): Promise<void> {
    const record = this.#record as PodRecord;
    const image = imageOf(container.image);
    const entrypoint = container.command ?? image?.entrypoint;
    if (!entrypoint) {
      const state = errImagePull(container.image);
      if (entry.state.waiting?.reason !== 'ErrImagePull')
        this.#services.events.say(pod, 'Warning', 'Failed', `Failed to pull image "${container.image}": ${state.waiting?.message}`);
      entry.state = state;
      return;
    }
    let command: string[];
    let env: Record<string, string>;
    try {
      env = { ...this.#identity(pod, record), ...envOf(pod, container, record.ip) };
      command = [...entrypoint, ...(container.args ?? [])].map((word) => expand(word, env));
    } catch (error) {
      entry.state = { waiting: { reason: 'CreateContainerConfigError', message: messageOf(error) } };
      return;
    }
    if (entry.logFrom !== undefined) entry.previousFrom = entry.logFrom;
    entry.logFrom = sizeOf(entry.log);
    const { workingDir: cwd, stdin = false, tty = false } = container;
    const running = await startContainer({ netns: record.netns, command, env, cwd, stdin, tty, log: entry.log });
    entry.process = running.process;
    entry.state = { running: { startedAt: new Date().toISOString() } };
    // Before anything else: a kubelet that dies here must find the process again.
    saveRecord(this.#services.config.pods, record);
    this.#services.events.say(pod, 'Normal', 'Started', `Started container ${entry.name}`);
    this.#watch(entry, running);
    await this.#checkReady(container, entry);
  }

  #identity(pod: Pod, record: PodRecord): Record<string, string> {
    const { cluster, node } = this.#services.config;
    return {
      HOSTNAME: pod.metadata.name,
      LAB_POD: pod.metadata.name,
      LAB_NAMESPACE: record.namespace,
      LAB_NODE: node,
      LAB_CLUSTER: cluster,
      LAB_POD_IP: record.ip,
    };
  }

  async #checkReady(container: Container, entry: ContainerEntry): Promise<void> {
    if (entry.ready) return;
    const port = container.command ? undefined : imageOf(container.image)?.port;
    if (port && this.#pod && this.#record) {
      entry.ready = await listens(this.#record.ip, port(envOf(this.#pod, container, this.#record.ip)));
      if (!entry.ready) this.#wake(READY_POLL_MS);
    } else {
      entry.ready = true;
    }
  }

  #watch(entry: ContainerEntry, running: Running): void {
    this.#running.set(entry.name, running);
    noteTimes(entry.log, running.ended);
    void running.ended.then((exit) => {
      this.#running.delete(entry.name);
      entry.ready = false;
      entry.state = terminated(entry.state, exit);
      delete entry.process;
      this.kick();
    });
  }

  async #writeStatus(pod: Pod, record: PodRecord): Promise<void> {
    const { client, config, network } = this.#services;
    const ips = { hostIPs: config.addresses, podIPs: network.addressesOf(record.ip) };
    const status = podStatus(pod, record.containers, { ...ips, now: new Date().toISOString() });
    const text = JSON.stringify(status);
    if (text === this.#written || text === JSON.stringify(pod.status)) return;
    // The uid makes the server refuse when another pod has taken the name.
    const patch = { metadata: { uid: pod.metadata.uid }, status };
    await client.patch(Pods, pod.metadata.name, patch, { namespace: record.namespace, subresource: 'status', fieldManager: 'lab-kubelet' });
    this.#written = text;
  }

  async #terminate(pod: Pod | undefined): Promise<void> {
    const { client, config, network, events } = this.#services;
    clearTimeout(this.#timer);
    const record = this.#record;
    const graceMs = pod ? 1000 * (pod.metadata.deletionGracePeriodSeconds ?? DEFAULT_GRACE_S) : 0;
    if (pod && this.#running.size > 0) events.say(pod, 'Normal', 'Killing', 'Stopping the containers of the pod');
    await Promise.all([...this.#running.values()].map((running) => endContainer(running, graceMs)));
    if (record) {
      if (!record.hostNetwork) await network.remove(record.netns, record.ip);
      dropRecord(config.pods, record.uid);
      this.#record = undefined;
    }
    if (pod) {
      const path = `/api/v1/namespaces/${pod.metadata.namespace ?? 'default'}/pods/${pod.metadata.name}`;
      const body = { kind: 'DeleteOptions', apiVersion: 'v1', gracePeriodSeconds: 0, preconditions: { uid: pod.metadata.uid } };
      await client.request('DELETE', path, { body }).catch((error: unknown) => {
        const status = (error as { status?: number }).status;
        if (status !== 404 && status !== 409) throw error;
      });
    }
    this.#stopped = true;
    this.#services.done(this.#uid);
  }
}

function terminated(state: ContainerState, exit: Exit): ContainerState {
  return {
    terminated: {
      exitCode: exit.signal ? 137 : exit.code,
      reason: exit.code === 0 ? 'Completed' : 'Error',
      ...(state.running && { startedAt: state.running.startedAt }),
      finishedAt: new Date().toISOString(),
    },
  };
}
