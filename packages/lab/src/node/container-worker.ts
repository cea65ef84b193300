import { join } from 'node:path';
import { messageOf } from '../errors.ts';
import { isSidecar, type Container, type ContainerState } from '../kube.ts';
import { backOffMs, restartsAfter } from './back-off.ts';
import { ContainerRun, type Ending } from './container-run.ts';
import { adoptContainer, startContainer, type Exit, type Running } from './container.ts';
import { imageOf } from './images.ts';
import { sizeOf } from './log-times.ts';
import { lastEnd } from './plan.ts';
import type { PodContext } from './pod-context.ts';
import { environment, prepare, type Prepared } from './prepare.ts';
import type { ContainerEntry } from './record.ts';
import { containerID, errImagePull, seconds } from './status.ts';
import { terminationMessage } from './termination.ts';

/** One container of a pod on this node, over all of its runs. */
export class ContainerWorker {
  readonly #context: PodContext;
  readonly #entry: ContainerEntry;
  /** As it is in the pod now; its image may change. */
  #container: Container;
  #run: ContainerRun | undefined;

  constructor(context: PodContext, container: Container, entry: ContainerEntry) {
    this.#context = context;
    this.#container = container;
    this.#entry = entry;
  }

  /** What runs of it. */
  get run(): ContainerRun | undefined {
    return this.#run;
  }

  get isSidecar(): boolean {
    return isSidecar(this.#container);
  }

  /** Takes over what an earlier kubelet started. */
  async adopt(): Promise<void> {
    const { process, namespace } = this.#entry;
    if (!process) return;
    const env = await environment(this.#context, this.#container).catch(() => ({})); // what it refers to is gone by now
    this.#follow(adoptContainer(process, namespace, this.#endFile), env);
  }

  /** Starts it when it is due; how many milliseconds it still waits, 0 when it runs or will not. */
  async ensure(container: Container): Promise<number> {
    this.#container = container;
    const { image, name } = container;
    if (this.#run) {
      if (this.#entry.image !== image)
        void this.stop({ graceMs: this.#context.graceMs(), reason: `Container ${name} definition changed, will be restarted` });
      return 0;
    }
    const waits = this.#backOff();
    if (waits > 0) return waits;
    const prepared = await this.#prepare();
    if (prepared) this.#start(prepared);
    return 0;
  }

  async stop(ending: Ending): Promise<void> {
    await this.#run?.stop(ending);
  }

  /** Milliseconds until it may start again. */
  #backOff(): number {
    const entry = this.#entry;
    if (!lastEnd(entry)) return 0;
    const backOff = backOffMs(entry.inRow);
    const waits = (entry.endedAt ?? 0) + backOff - Date.now();
    if (waits > 0 && entry.state.terminated) {
      const { name, namespace, uid } = this.#context.record;
      const pod = `${name}_${namespace}(${uid})`;
      const message = `back-off ${backOff / 1000}s restarting failed container=${entry.name} pod=${pod}`;
      this.#wait({ reason: 'CrashLoopBackOff', message });
      this.#say('Warning', 'BackOff', `Back-off restarting failed container ${entry.name} in pod ${pod}`);
    }
    return waits;
  }

  async #prepare(): Promise<Prepared | undefined> {
    const { image, command, args } = this.#container;
    if (!command && !args && !imageOf(image)) {
      this.#refuseImage(image);
      return undefined;
    }
    try {
      return await prepare(this.#context, this.#container);
    } catch (error) {
      // What it refers to may come: it is tried again.
      const message = messageOf(error);
      if (this.#entry.state.waiting?.message !== message) this.#say('Warning', 'Failed', `Error: ${message}`);
      this.#wait({ reason: 'CreateContainerConfigError', message });
      this.#context.wake();
      return undefined;
    }
  }

  #refuseImage(image: string | undefined): void {
    const state = errImagePull(image);
    if (this.#entry.state.waiting?.message === state.waiting?.message) return;
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
    this.#say('Normal', 'Pulled', `Container image "${image}" already present on machine`);
    const { netns } = this.#context.record;
    const running = startContainer({ netns, root, hostname, command, env, cwd, stdin, tty, log: entry.log, end: this.#endFile });
    entry.process = running.process;
    // Before anything else: a kubelet that dies here must find the process again.
    this.#context.save();
    this.#say('Normal', 'Created', `Created container: ${entry.name}`);
    this.#follow(running, env);
  }

  #follow(running: Running, env: Readonly<Record<string, string>>): void {
    const [context, container, entry] = [this.#context, this.#container, this.#entry];
    this.#run = new ContainerRun({ context, container, entry, running, env, ended: (exit) => this.#ended(exit) });
  }

  #ended({ code, refused }: Exit): void {
    const entry = this.#entry;
    this.#run = undefined;
    const { record, services, dirs } = this.#context;
    const { startedAt = Date.now() } = entry;
    entry.endedAt = Date.now();
    entry.inRow = restartsAfter(entry.inRow, entry.endedAt - startedAt);
    entry.started = false;
    // An init container that did its work is as ready as it gets.
    entry.ready = code === 0 && this.#isInit;
    delete entry.process;
    delete entry.namespace;
    const message = refused ?? terminationMessage(this.#container, code, entry, join(dirs.memory, `${entry.name}.message`));
    if (refused !== undefined) this.#say('Warning', 'Failed', `Error: ${refused}`);
    entry.state = {
      terminated: {
        exitCode: code,
        reason: refused === undefined ? (code === 0 ? 'Completed' : 'Error') : 'StartError',
        ...(message && { message }),
        startedAt: seconds(startedAt),
        finishedAt: seconds(entry.endedAt),
        containerID: containerID(record.uid, entry.name, entry.restarts),
      },
    };
    this.#context.save();
    services.changed(record.uid);
  }

  get #isInit(): boolean {
    return this.#context.pod()?.spec.initContainers?.some((c) => c.name === this.#entry.name && !isSidecar(c)) ?? false;
  }

  get #endFile(): string {
    return join(this.#context.dirs.memory, `${this.#entry.name}.end`);
  }

  #say(type: 'Normal' | 'Warning', reason: string, message: string): void {
    const pod = this.#context.pod();
    if (pod) this.#context.services.events.say(pod, type, reason, message, this.#entry.name);
  }
}
