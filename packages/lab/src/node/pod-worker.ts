import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { messageOf } from '../errors.ts';
import { containersOf, type Pod } from '../kube.ts';
import { isAlive, type ProcessId } from '../state.ts';
import { backOffMs } from './back-off.ts';
import { ContainerWorker } from './container-worker.ts';
import { adoptContainer, killContainer } from './container.ts';
import type { PodPlace } from './fields.ts';
import { afterLoss } from './lost.ts';
import { planOf } from './plan.ts';
import type { PodContext, PodServices } from './pod-context.ts';
import { PodSandbox } from './pod-sandbox.ts';
import { viewOf, type PodView } from './pod-view.ts';
import { dropRecord, saveRecord, type PodRecord } from './record.ts';
import { isOver, seconds } from './status.ts';
import { StatusWriter } from './status-writer.ts';

const RETRY_MS = 1000;
const DEFAULT_GRACE_S = 30;

/** One pod on this node: brings what runs to what the pod says, again and again, never twice at once. */
export class PodWorker {
  readonly #services: PodServices;
  readonly #uid: string;
  readonly #containers = new Map<string, ContainerWorker>();
  readonly #sandbox: PodSandbox;
  readonly #status: StatusWriter;
  #pod: Pod | undefined;
  #record: PodRecord | undefined;
  #failure: { readonly reason: string; readonly message: string } | undefined;
  #adopted: Promise<unknown> | undefined;
  /** How often in a row a volume could not be had. */
  #misses = 0;
  #busy = false;
  #again = false;
  #timer: NodeJS.Timeout | undefined;
  #stopped = false;

  constructor(services: PodServices, pod: Pod | undefined, record: PodRecord | undefined) {
    this.#services = services;
    this.#pod = pod;
    this.#record = record;
    this.#uid = (pod?.metadata.uid ?? record?.uid) as string;
    // A record is written before its network is made: only a container that runs proves the network.
    this.#sandbox = new PodSandbox(services, this.#uid, record?.containers.some((c) => isAlive(c.process)) ?? false);
    this.#status = new StatusWriter(services);
    if (record && pod) this.#adopted = this.#adopt(pod, record);
  }

  /** Undefined before the pod has anything here, and when it is gone. */
  get view(): PodView | undefined {
    return this.#record && viewOf(this.#record, this.#pod, this.#containers);
  }

  /** Whether the pod may refer to an object of this name. */
  refersTo(namespace: string | undefined, name: string): boolean {
    // A name that is no part of the text is referred to nowhere; one look too many does no harm.
    return this.#pod !== undefined && this.#pod.metadata.namespace === namespace && JSON.stringify(this.#pod.spec).includes(`"${name}"`);
  }

  /** The pod as the API server has it now; undefined when it is gone there. */
  update(pod: Pod | undefined): void {
    this.#pod = pod;
    // What ends already may have less time now; by force, none.
    const graceS = pod ? pod.metadata.deletionGracePeriodSeconds : 0;
    if (graceS !== undefined) for (const worker of this.#containers.values()) worker.run?.killAfter(graceS * 1000);
    this.kick();
  }

  kick(): void {
    if (this.#stopped) return;
    this.#again = true;
    if (!this.#busy) void this.#work();
  }

  async #work(): Promise<void> {
    this.#busy = true;
    await this.#adopted;
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
    if (isOver(pod.status?.phase)) return this.#finish(pod);
    const record = this.#ensureRecord(pod);
    const missing = await this.#sandbox.setUp(pod, record, this.#place(record));
    if (missing) {
      this.#services.events.say(pod, 'Warning', 'FailedMount', missing.message);
      this.#misses += 1;
      this.#wake(backOffMs(this.#misses));
    } else this.#misses = 0;
    // What runs goes on with the volumes that it has.
    const waits = this.#sandbox.isReady && !this.#deadline(pod) ? await this.#bringAbout(pod, record) : [];
    saveRecord(this.#services.config.pods, record);
    await this.#write(pod, record);
    const { due } = this.#sandbox;
    const next = [...waits, ...(due === undefined ? [] : [due - Date.now()]), ...this.#deadlineIn(pod)].filter((ms) => ms > 0);
    if (next.length > 0 && !missing) this.#wake(Math.min(...next));
  }

  /** Starts what is to run and is due; milliseconds that others wait. */
  async #bringAbout(pod: Pod, record: PodRecord): Promise<number[]> {
    const plan = planOf(pod, record.containers);
    if (plan.over) void this.#endAll(graceOf(pod));
    const waits: number[] = [];
    for (const container of plan.run) waits.push((await this.#containers.get(container.name)?.ensure(container)) ?? 0);
    return waits;
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
    this.#makeWorkers(pod, this.#record);
    return this.#record;
  }

  #makeWorkers(pod: Pod, record: PodRecord): void {
    const context: PodContext = {
      services: this.#services,
      record,
      dirs: { memory: this.#sandbox.memory },
      volumes: this.#sandbox.volumes,
      pod: () => this.#pod,
      place: () => this.#place(record),
      graceMs: () => graceOf(this.#pod ?? pod),
      save: () => saveRecord(this.#services.config.pods, record),
      wake: () => this.#wake(RETRY_MS),
    };
    for (const container of containersOf(pod)) {
      const entry = record.containers.find((c) => c.name === container.name);
      if (entry) this.#containers.set(entry.name, new ContainerWorker(context, container, entry));
    }
  }

  /** Takes over what an earlier kubelet left; what is not in memory any more went with the node's last boot. */
  async #adopt(pod: Pod, record: PodRecord): Promise<void> {
    if (!record.over && !existsSync(this.#sandbox.memory)) afterLoss(pod, record.containers, seconds());
    this.#makeWorkers(pod, record);
    await Promise.all([...this.#containers.values()].map((worker) => worker.adopt()));
  }

  #place(record: PodRecord): PodPlace {
    const { config, network, allocatable } = this.#services;
    return { podIPs: network.addressesOf(record.ip), hostIPs: config.addresses, allocatable };
  }

  #deadlineIn({ spec: { activeDeadlineSeconds }, status: { startTime } = {} }: Pod): number[] {
    if (activeDeadlineSeconds === undefined || startTime === undefined) return [];
    return [Date.parse(startTime) + activeDeadlineSeconds * 1000 - Date.now()];
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

  /** A pod that has come to its end, or of which somebody else says so, as who evicts it: nothing of it runs on. */
  async #finish(pod: Pod): Promise<void> {
    const record = this.#record;
    if ([...this.#containers.values()].some((worker) => worker.run)) return void this.#endAll(graceOf(pod));
    if (!record || record.over) return undefined;
    await this.#sandbox.release(record);
    record.over = true;
    saveRecord(this.#services.config.pods, record);
  }

  #write(pod: Pod, record: PodRecord): Promise<void> {
    const { podIPs, hostIPs } = this.#place(record);
    const { hasNetwork, isReady } = this.#sandbox;
    return this.#status.write(pod, record.containers, {
      hostIPs,
      podIPs: hasNetwork ? podIPs : [],
      isPrepared: isReady,
      failure: this.#failure,
    });
  }

  async #terminate(pod: Pod | undefined): Promise<void> {
    clearTimeout(this.#timer);
    const record = this.#record;
    await this.#endAll(pod ? 1000 * (pod.metadata.deletionGracePeriodSeconds ?? DEFAULT_GRACE_S) : 0);
    if (record) {
      await this.#killUnknown(record);
      // Controllers see how it ended, also where a finalizer keeps it.
      if (pod && !isOver(pod.status?.phase)) await this.#status.writeEnd(pod, record.containers, this.#place(record));
      await this.#sandbox.remove(record);
      dropRecord(this.#services.config.pods, record.uid);
      this.#record = undefined;
    }
    const isKept = pod?.metadata.deletionGracePeriodSeconds === 0 && pod.metadata.finalizers?.length;
    if (pod && !isKept) await this.#status.remove(pod);
    this.#stopped = true;
    this.#services.done(this.#uid);
  }

  /** Containers of a pod that was gone from the API server before this kubelet began. */
  async #killUnknown(record: PodRecord): Promise<void> {
    for (const { name, process, namespace } of record.containers) {
      if (!isAlive(process) || this.#containers.has(name)) continue;
      const running = adoptContainer(process as ProcessId, namespace, '');
      killContainer(running);
      await running.ended;
    }
  }
}

const graceOf = (pod: Pod): number => 1000 * (pod.spec.terminationGracePeriodSeconds ?? DEFAULT_GRACE_S);
