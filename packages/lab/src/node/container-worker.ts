import { join } from 'node:path';
import { messageOf } from '../errors.ts';
import { isSidecar, type Container, type ContainerState, type Pod, type Probe } from '../kube.ts';
import { backOffMs, restartsAfter } from './back-off.ts';
import {
  adoptContainer,
  endContainer,
  killContainer,
  killRest,
  namespaceOf,
  startContainer,
  type Exit,
  type Running,
} from './container.ts';
import { runIn } from './exec.ts';
import { imageOf } from './images.ts';
import { noteTimes, sizeOf } from './log-times.ts';
import { lastEnd } from './plan.ts';
import { environment, prepare, type Prepared } from './prepare.ts';
import { act, dial, type ActionPlace } from './probes/action.ts';
import { Prober, type ProbeKind } from './probes/prober.ts';
import type { PodContext } from './pod-context.ts';
import type { ContainerEntry } from './record.ts';
import { containerID, errImagePull } from './status.ts';
import { terminationMessage } from './termination.ts';

/** So long a container has at least to end after its preStop hook took all of its time. */
const LEAST_GRACE_MS = 2000;
const HOOK_MS = 3_600_000;
const LISTEN_POLL_MS = 50;

/** How a container is to end: how long it has, and what is said of it. */
export interface Ending {
  readonly graceMs: number;
  readonly reason?: string;
}

/** One container of a pod on this node, over all of its runs. */
export class ContainerWorker {
  readonly #context: PodContext;
  readonly #entry: ContainerEntry;
  /** As it is in the pod now; its image may change. */
  #container: Container;
  #running: Running | undefined;
  #env: Readonly<Record<string, string>> = {};
  #prober: Prober | undefined;
  #ending: Promise<void> | undefined;
  #namespace: string | undefined;

  constructor(context: PodContext, container: Container, entry: ContainerEntry) {
    this.#context = context;
    this.#container = container;
    this.#entry = entry;
  }

  get running(): Running | undefined {
    return this.#running;
  }

  /** The mount namespace of what runs. */
  get namespace(): string | undefined {
    return this.#running && this.#namespace;
  }

  get env(): Readonly<Record<string, string>> {
    return this.#env;
  }

  get isSidecar(): boolean {
    return isSidecar(this.#container);
  }

  /** Takes over what an earlier kubelet started. */
  async adopt(): Promise<void> {
    const { process } = this.#entry;
    if (!process) return;
    const running = adoptContainer(process, this.#endFile);
    const hasStarted = this.#entry.started;
    this.#follow(running);
    this.#env = await environment(this.#context, this.#container).catch(() => ({})); // what it refers to is gone by now
    if (this.#running === running) this.#probe(running, hasStarted);
  }

  /** Starts it when it is due; how many milliseconds it still waits, 0 when it runs or will not. */
  async ensure(container: Container): Promise<number> {
    this.#container = container;
    if (this.#running) {
      if (this.#entry.image !== container.image)
        void this.stop({ graceMs: this.#graceMs, reason: `Container ${container.name} definition changed, will be restarted` });
      return 0;
    }
    const waits = this.#backOff();
    if (waits > 0) return waits;
    const prepared = await this.#prepare();
    if (prepared) this.#start(prepared);
    return 0;
  }

  /** Runs its preStop hook and ends it, within the time; by force when that is over. Twice is as once. */
  stop(ending: Ending): Promise<void> {
    const running = this.#running;
    if (!running) return Promise.resolve();
    return (this.#ending ??= this.#stop(running, ending).finally(() => (this.#ending = undefined)));
  }

  kill(): void {
    if (this.#running) killContainer(this.#running);
  }

  async #stop(running: Running, { graceMs, reason }: Ending): Promise<void> {
    const pod = this.#context.pod();
    const { name, lifecycle } = this.#container;
    this.#say('Normal', 'Killing', reason ?? `Stopping container ${name}`);
    this.#prober?.stop();
    let left = graceMs;
    if (lifecycle?.preStop && pod && graceMs > 0) {
      const began = Date.now();
      const hook = await Promise.race([act(lifecycle.preStop, this.#place(running), graceMs), running.ended.then(() => undefined)]);
      if (hook && !hook.ok) this.#say('Warning', 'FailedPreStopHook', `PreStopHook failed: ${hook.message}`);
      left = Math.max(graceMs - (Date.now() - began), LEAST_GRACE_MS);
    }
    await endContainer(running, left);
  }

  /** Milliseconds until it may start again. */
  #backOff(): number {
    const entry = this.#entry;
    const end = lastEnd(entry);
    if (!end) return 0;
    const backOff = backOffMs(entry.inRow);
    const waits = (entry.endedAt ?? 0) + backOff - Date.now();
    if (waits <= 0) return 0;
    if (entry.state.terminated) {
      const { name, namespace = 'default', uid } = this.#context.pod()?.metadata ?? { name: '', uid: '' };
      const at = `${name}_${namespace}(${uid})`;
      entry.lastState = entry.state;
      entry.state = {
        waiting: {
          reason: 'CrashLoopBackOff',
          message: `back-off ${backOff / 1000}s restarting failed container=${entry.name} pod=${at}`,
        },
      };
      this.#say('Warning', 'BackOff', `Back-off restarting failed container ${entry.name} in pod ${at}`);
    }
    return waits;
  }

  async #prepare(): Promise<Prepared | undefined> {
    const { image, command, args } = this.#container;
    if (!command && !args && !imageOf(image)) {
      this.#refusedImage(image);
      return undefined;
    }
    try {
      return await prepare(this.#context, this.#container);
    } catch (error) {
      // What it refers to may come: it is tried again.
      const { reason, message } = { reason: 'CreateContainerConfigError', message: messageOf(error) };
      if (this.#entry.state.waiting?.message !== message) this.#say('Warning', 'Failed', `Error: ${message}`);
      this.#wait({ reason, message });
      this.#context.wake();
      return undefined;
    }
  }

  #refusedImage(image: string | undefined): void {
    if (['ErrImagePull', 'ImagePullBackOff'].includes(this.#entry.state.waiting?.reason ?? '') && this.#entry.image === image) return;
    if (image !== undefined) this.#entry.image = image;
    const state = errImagePull(image);
    this.#say('Normal', 'Pulling', `Pulling image "${image}"`);
    this.#say('Warning', 'Failed', `Failed to pull image "${image}": ${state.waiting?.message}`);
    this.#say('Warning', 'Failed', 'Error: ErrImagePull');
    this.#wait(state.waiting);
  }

  #wait(waiting: ContainerState['waiting']): void {
    if (this.#entry.state.terminated) this.#entry.lastState = this.#entry.state;
    this.#entry.state = { ...(waiting && { waiting }) };
  }

  #start({ root, command, env, hostname }: Prepared): void {
    const entry = this.#entry;
    const { image, workingDir: cwd, stdin = false, tty = false } = this.#container;
    const { record, services } = this.#context;
    if (entry.state.terminated) entry.lastState = entry.state;
    if (entry.logFrom !== undefined) {
      entry.restarts += 1;
      entry.inRow += 1;
      entry.previousFrom = entry.logFrom;
    }
    entry.logFrom = sizeOf(entry.log);
    entry.began = true;
    entry.startedAt = Date.now();
    if (image !== undefined) entry.image = image;
    this.#env = env;
    this.#say('Normal', 'Pulled', `Container image "${image}" already present on machine`);
    const { netns } = record;
    const running = startContainer({ netns, root, hostname, command, env, cwd, stdin, tty, log: entry.log, end: this.#endFile });
    entry.process = running.process;
    // Before anything else: a kubelet that dies here must find the process again.
    this.#context.save();
    this.#say('Normal', 'Created', `Created container: ${entry.name}`);
    this.#follow(running);
    void running.started.then(async (began) => {
      if (!began) return;
      entry.state = { running: { startedAt: seconds(entry.startedAt) } };
      this.#namespace = namespaceOf(running);
      this.#say('Normal', 'Started', `Started container ${entry.name}`);
      services.changed(record.uid);
      if (await this.#postStart(running)) this.#probe(running, false);
    });
  }

  /** False when the hook failed, by which the container ends. */
  async #postStart(running: Running): Promise<boolean> {
    const hook = this.#container.lifecycle?.postStart;
    if (!hook) return true;
    const outcome = await Promise.race([act(hook, this.#place(running), HOOK_MS), running.ended.then(() => undefined)]);
    if (this.#running !== running || !outcome) return false;
    if (outcome.ok) return true;
    this.#say('Warning', 'FailedPostStartHook', `PostStartHook failed: ${outcome.message}`);
    void this.stop({ graceMs: this.#graceMs, reason: 'FailedPostStartHook' });
    return false;
  }

  #probe(running: Running, hasStarted: boolean): void {
    const entry = this.#entry;
    const set = (change: Partial<Pick<ContainerEntry, 'ready' | 'started'>>) => {
      if (this.#running !== running) return;
      Object.assign(entry, change);
      this.#context.services.changed(this.#context.record.uid);
    };
    this.#prober = new Prober(this.#container, this.#place(running), entry.startedAt ?? Date.now(), {
      started: () => set({ started: true }),
      ready: (value) => void this.#whenListening(running, value).then(() => set({ ready: value })),
      unhealthy: (kind, message) => this.#say('Warning', 'Unhealthy', `${kind} probe failed: ${message}`),
      failed: (kind, probe) => this.#failed(kind, probe),
    });
    this.#prober.start(hasStarted);
  }

  #failed(kind: ProbeKind, probe: Probe): void {
    const graceMs = probe.terminationGracePeriodSeconds === undefined ? this.#graceMs : probe.terminationGracePeriodSeconds * 1000;
    void this.stop({ graceMs, reason: `Container ${this.#entry.name} failed ${kind.toLowerCase()} probe, will be restarted` });
  }

  /** An image of the lab that serves a port is ready no sooner than it does. */
  async #whenListening(running: Running, ready: boolean): Promise<void> {
    const port = this.#container.command ? undefined : imageOf(this.#container.image)?.port?.(this.#env);
    if (!ready || port === undefined) return;
    for (;;) {
      if (this.#running !== running) return;
      const listens = await dial(this.#context.record.ip, port, 1000).then(
        () => true,
        () => false,
      );
      if (listens) return;
      await new Promise((resolve) => setTimeout(resolve, LISTEN_POLL_MS));
    }
  }

  #place(running: Running): ActionPlace {
    const { netns, ip } = this.#context.record;
    const at = { netns, pid: running.process.pid, env: this.#env, cwd: this.#container.workingDir };
    return { container: this.#container, ip, run: (command, timeoutMs) => runIn(at, command, timeoutMs) };
  }

  #follow(running: Running): void {
    this.#running = running;
    this.#namespace = namespaceOf(running);
    noteTimes(this.#entry.log, running.ended);
    void running.ended.then(async (exit) => {
      await running.started;
      this.#ended(running, exit);
    });
  }

  #ended(running: Running, exit: Exit): void {
    const entry = this.#entry;
    this.#running = undefined;
    this.#prober?.stop();
    killRest(running, this.#namespace);
    const { record, services } = this.#context;
    const { startedAt = Date.now() } = entry;
    entry.endedAt = Date.now();
    entry.inRow = restartsAfter(entry.inRow, entry.endedAt - startedAt);
    entry.ready = false;
    entry.started = false;
    delete entry.process;
    const message = exit.refused ?? terminationMessage(this.#container, exit.code, entry, this.#messageFile);
    if (exit.refused) this.#say('Warning', 'Failed', `Error: ${exit.refused}`);
    entry.state = {
      terminated: {
        exitCode: exit.code,
        reason: exit.refused ? 'StartError' : exit.code === 0 ? 'Completed' : 'Error',
        ...(message && { message }),
        startedAt: seconds(startedAt),
        finishedAt: seconds(entry.endedAt),
        containerID: containerID(record.uid, entry.name, entry.restarts),
      },
    };
    // An init container that did its work is as ready as it gets.
    entry.ready = exit.code === 0 && this.#isInit;
    this.#context.save();
    services.changed(record.uid);
  }

  get #isInit(): boolean {
    return this.#context.pod()?.spec.initContainers?.some((c) => c.name === this.#entry.name && !isSidecar(c)) ?? false;
  }

  get #graceMs(): number {
    return 1000 * (this.#context.pod()?.spec.terminationGracePeriodSeconds ?? 30);
  }

  get #endFile(): string {
    return join(this.#context.dirs.memory, `${this.#entry.name}.end`);
  }

  get #messageFile(): string {
    return join(this.#context.dirs.memory, `${this.#entry.name}.message`);
  }

  #say(type: 'Normal' | 'Warning', reason: string, message: string): void {
    const pod: Pod | undefined = this.#context.pod();
    if (pod) this.#context.services.events.say(pod, type, reason, message, this.#entry.name);
  }
}

/** Times in a status are whole seconds. */
const seconds = (ms = Date.now()): string => new Date(ms).toISOString().replace(/\.\d+/, '');
