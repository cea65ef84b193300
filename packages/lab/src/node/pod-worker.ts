import { existsSync, mkdirSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { messageOf } from '../errors.ts';
import { containersOf, type Pod } from '../kube.ts';
import { isAlive, type ProcessId } from '../state.ts';
import { adoptContainer, killContainer } from './container.ts';
import { ContainerWorker } from './container-worker.ts';
import type { PodPlace } from './fields.ts';
import { afterLoss } from './lost.ts';
import { clearMemory, memoryOf } from './memory.ts';
import { planOf } from './plan.ts';
import type { PodContext, PodServices } from './pod-context.ts';
import { viewOf, type PodView } from './pod-view.ts';
import { dropRecord, saveRecord, type PodRecord } from './record.ts';
import { isOver } from './status.ts';
import { StatusWriter } from './status-writer.ts';
import { PodTokens } from './volumes/tokens.ts';
import { PodVolumes, VolumeError } from './volumes/volumes.ts';

const RETRY_MS = 1000;
const DEFAULT_GRACE_S = 30;

/** One pod on this node: brings what runs to what the pod says, again and again, never twice at once. */
export class PodWorker {
  readonly #services: PodServices;
  readonly #uid: string;
  readonly #containers = new Map<string, ContainerWorker>();
  readonly #volumes: PodVolumes;
  readonly #tokens: PodTokens;
  readonly #memory: string;
  readonly #disk: string;
  readonly #status: StatusWriter;
  #pod: Pod | undefined;
  #record: PodRecord | undefined;
  #networkReady = false;
  #volumesReady = false;
  #failure: { readonly reason: string; readonly message: string } | undefined;
  #busy = false;
  #again = false;
  #timer: NodeJS.Timeout | undefined;
  #stopped = false;

  constructor(services: PodServices, pod: Pod | undefined, record: PodRecord | undefined) {
    this.#services = services;
    this.#pod = pod;
    this.#record = record;
    this.#uid = (pod?.metadata.uid ?? record?.uid) as string;
    this.#memory = join(memoryOf(services.config.cluster, services.config.node), this.#uid);
    this.#disk = join(dirname(services.config.pods), 'volumes', this.#uid);
    this.#tokens = new PodTokens(services.client);
    this.#volumes = new PodVolumes({
      disk: this.#disk,
      memory: join(this.#memory, 'volumes'),
      sources: services.sources,
      tokens: this.#tokens,
    });
    this.#status = new StatusWriter(services);
    // A record is written before its network is made: only a container that runs proves the network.
    this.#networkReady = record?.containers.some((c) => isAlive(c.process)) ?? false;
    if (record && pod && !record.over && !existsSync(this.#memory))
      afterLoss(pod, record.containers, new Date().toISOString().replace(/\.\d+/, ''));
    if (record && pod) for (const worker of this.#workers(pod, record)) void worker.adopt();
  }

  /** Undefined before the pod has anything here, and when it is gone. */
  get view(): PodView | undefined {
    return this.#record && viewOf(this.#record, this.#pod, this.#containers);
  }

  /** Whether the pod has this volume, or refers to it in an environment. */
  refersTo(namespace: string | undefined, name: string): boolean {
    // Names are DNS names: one that is no part of the text is referred to nowhere.
    return this.#pod !== undefined && this.#pod.metadata.namespace === namespace && JSON.stringify(this.#pod.spec).includes(`"${name}"`);
  }

  /** The pod as the API server has it now; undefined when it is gone there. */
  update(pod: Pod | undefined): void {
    this.#pod = pod;
    // Deleted by force: what still has its time of grace has it no more.
    if (!pod || pod.metadata.deletionGracePeriodSeconds === 0) for (const worker of this.#containers.values()) worker.kill();
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
    if (isOver(pod.status?.phase)) {
      if (!this.#isRunning) return this.#release();
      // Somebody else says so, e.g. who evicts it.
      void this.#endAll(graceOf(pod));
      return;
    }
    const record = this.#ensureRecord(pod);
    if (!(await this.#prepare(pod, record))) return this.#write(pod, record);
    const waits = this.#deadline(pod) ? [] : await this.#bringAbout(pod, record);
    saveRecord(this.#services.config.pods, record);
    await this.#write(pod, record);
    const due = this.#tokens.due;
    const next = [...waits, ...(due === undefined ? [] : [due - Date.now()]), ...this.#deadlineIn(pod)].filter((ms) => ms > 0);
    if (next.length > 0) this.#wake(Math.min(...next));
  }

  /** Starts what is to run and is due; milliseconds that others wait. */
  async #bringAbout(pod: Pod, record: PodRecord): Promise<number[]> {
    const plan = planOf(pod, record.containers);
    if (plan.over) {
      void this.#endAll(graceOf(pod));
      return [];
    }
    const waits: number[] = [];
    for (const container of plan.run) waits.push((await this.#containers.get(container.name)?.ensure(container)) ?? 0);
    return waits;
  }

  get #isRunning(): boolean {
    return [...this.#containers.values()].some((worker) => worker.running);
  }

  #ensureRecord(pod: Pod): PodRecord {
    if (this.#record) return this.#record;
    const { config, network } = this.#services;
    const { uid, name, namespace = 'default' } = pod.metadata;
    const hostNetwork = pod.spec.hostNetwork === true;
    const { netns, ip } = network.allot(uid, hostNetwork);
    const reason = pod.spec.initContainers?.length ? 'PodInitializing' : 'ContainerCreating';
    this.#record = {
      uid,
      namespace,
      name,
      netns,
      ip,
      hostNetwork,
      containers: containersOf(pod).map((c) => ({
        name: c.name,
        state: { waiting: { reason } },
        lastState: {},
        ready: false,
        started: false,
        restarts: 0,
        inRow: 0,
        began: false,
        log: join(config.logs, `${namespace}_${name}_${uid}`, `${c.name}.log`),
      })),
    };
    saveRecord(config.pods, this.#record);
    this.#workers(pod, this.#record);
    return this.#record;
  }

  #workers(pod: Pod, record: PodRecord): ContainerWorker[] {
    mkdirSync(this.#memory, { recursive: true, mode: 0o755 });
    const context: PodContext = {
      services: this.#services,
      record,
      dirs: { memory: this.#memory },
      volumes: this.#volumes,
      pod: () => this.#pod,
      place: () => this.#place(record),
      save: () => saveRecord(this.#services.config.pods, record),
      wake: () => this.#wake(RETRY_MS),
    };
    for (const container of containersOf(pod)) {
      const entry = record.containers.find((c) => c.name === container.name);
      if (entry && !this.#containers.has(entry.name)) this.#containers.set(entry.name, new ContainerWorker(context, container, entry));
    }
    return [...this.#containers.values()];
  }

  #place(record: PodRecord): PodPlace {
    const { config, network, allocatable } = this.#services;
    return { podIPs: network.addressesOf(record.ip), hostIPs: config.addresses, allocatable };
  }

  /** Network and volumes; false while a volume cannot be had. */
  async #prepare(pod: Pod, record: PodRecord): Promise<boolean> {
    if (!this.#networkReady && !record.hostNetwork) await this.#services.network.add(record.netns, record.ip);
    this.#networkReady = true;
    try {
      await this.#volumes.setUp(pod, this.#place(record));
      this.#volumesReady = true;
    } catch (error) {
      if (!(error instanceof VolumeError)) throw error;
      this.#services.events.say(pod, 'Warning', 'FailedMount', error.message);
      this.#wake(RETRY_MS);
      // What runs goes on with what it has.
      return this.#volumesReady || this.#isRunning;
    }
    return true;
  }

  #deadlineIn(pod: Pod): number[] {
    const { activeDeadlineSeconds } = pod.spec;
    const { startTime } = pod.status ?? {};
    return activeDeadlineSeconds === undefined || startTime === undefined
      ? []
      : [Date.parse(startTime) + activeDeadlineSeconds * 1000 - Date.now()];
  }

  /** Whether the pod has had its time: then it is ended. */
  #deadline(pod: Pod): boolean {
    if (!this.#deadlineIn(pod).some((ms) => ms <= 0)) return false;
    this.#failure ??= { reason: 'DeadlineExceeded', message: 'Pod was active on the node longer than the specified deadline' };
    void this.#endAll(graceOf(pod));
    return true;
  }

  /** All at once, then sidecars, the last first. */
  async #endAll(graceMs: number): Promise<void> {
    const deadline = Date.now() + graceMs;
    const workers = [...this.#containers.values()];
    await Promise.all(workers.filter((w) => !w.isSidecar).map((w) => w.stop({ graceMs })));
    for (const sidecar of workers.filter((w) => w.isSidecar).reverse()) await sidecar.stop({ graceMs: Math.max(deadline - Date.now(), 0) });
  }

  /** A pod that has come to its end needs neither network nor memory any more; its logs stay until it is deleted. */
  async #release(): Promise<void> {
    const record = this.#record;
    if (!record || record.over) return;
    if (!record.hostNetwork) await this.#services.network.remove(record.netns, record.ip);
    await this.#volumes.remove();
    rmSync(join(this.#memory, 'roots'), { recursive: true, force: true });
    record.over = true;
    saveRecord(this.#services.config.pods, record);
  }

  #write(pod: Pod, record: PodRecord): Promise<void> {
    const { podIPs, hostIPs } = this.#place(record);
    return this.#status.write(pod, record.containers, {
      hostIPs,
      podIPs: this.#networkReady ? podIPs : [],
      isPrepared: this.#networkReady && this.#volumesReady,
      failure: this.#failure,
    });
  }

  async #terminate(pod: Pod | undefined): Promise<void> {
    const { config, network } = this.#services;
    clearTimeout(this.#timer);
    const record = this.#record;
    const graceMs = pod ? 1000 * (pod.metadata.deletionGracePeriodSeconds ?? DEFAULT_GRACE_S) : 0;
    await this.#endAll(graceMs);
    if (record) {
      await this.#killUnknown(record);
      // Controllers see how it ended, also where a finalizer keeps it.
      if (pod && !isOver(pod.status?.phase)) await this.#status.writeEnd(pod, record.containers, this.#place(record));
      if (!record.hostNetwork && !record.over) await network.remove(record.netns, record.ip);
      await this.#volumes.remove();
      await clearMemory(this.#memory);
      dropRecord(config.pods, record.uid);
      this.#record = undefined;
    }
    const isKept = pod?.metadata.deletionGracePeriodSeconds === 0 && pod.metadata.finalizers?.length;
    if (pod && !isKept) await this.#status.remove(pod);
    this.#stopped = true;
    this.#services.done(this.#uid);
  }

  /** Containers of a pod that was gone from the API server before this kubelet began. */
  async #killUnknown(record: PodRecord): Promise<void> {
    for (const { name, process } of record.containers) {
      if (!isAlive(process) || this.#containers.has(name)) continue;
      const running = adoptContainer(process as ProcessId, '');
      killContainer(running);
      await running.ended;
    }
  }
}

const graceOf = (pod: Pod): number => 1000 * (pod.spec.terminationGracePeriodSeconds ?? DEFAULT_GRACE_S);
