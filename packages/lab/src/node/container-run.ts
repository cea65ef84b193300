import type { Container, Probe } from '../kube.ts';
import { endContainer, killContainer, type Exit, type Running } from './container.ts';
import { runIn } from './exec.ts';
import { imageOf } from './images.ts';
import { noteTimes } from './log-times.ts';
import type { PodContext } from './pod-context.ts';
import { act, dial, type ActionPlace } from './probes/action.ts';
import { Prober, type ProbeKind } from './probes/prober.ts';
import type { ContainerEntry } from './record.ts';
import { seconds } from './status.ts';

/** So long a container has at least to end after its preStop hook took all of its time. */
const LEAST_GRACE_MS = 2000;
/** A postStart hook has no time limit in Kubernetes; nobody waits longer than this. */
const HOOK_MS = 3_600_000;
const LISTEN_POLL_MS = 50;

/** How a container is to end: how long it has, and what is said of it. */
export interface Ending {
  readonly graceMs: number;
  readonly reason?: string;
}

/** One run of a container, from its start or from when this kubelet took it over: its hooks, its probes, its end. */
export class ContainerRun {
  readonly running: Running;
  readonly env: Readonly<Record<string, string>>;
  readonly #context: PodContext;
  readonly #container: Container;
  readonly #entry: ContainerEntry;
  readonly #prober: Prober;
  #namespace: string | undefined;
  #ending: Promise<void> | undefined;
  #over = false;

  /** Calls `ended` when it has, and nothing that it left runs any more. */
  constructor(o: {
    readonly context: PodContext;
    readonly container: Container;
    readonly entry: ContainerEntry;
    readonly running: Running;
    readonly env: Readonly<Record<string, string>>;
    readonly ended: (exit: Exit) => void;
  }) {
    this.#context = o.context;
    this.#container = o.container;
    this.#entry = o.entry;
    this.running = o.running;
    this.env = o.env;
    this.#prober = new Prober(o.container, this.#place, o.entry.startedAt ?? Date.now(), {
      started: () => this.#set({ started: true }),
      ready: (value) => void this.#whenListening(value).then(() => this.#set({ ready: value })),
      unhealthy: (kind, message) => this.#say('Warning', 'Unhealthy', `${kind} probe failed: ${message}`),
      failed: (kind, probe) => this.#failed(kind, probe),
    });
    noteTimes(o.entry.log, o.running.ended);
    void this.running.started.then((namespace) => (namespace ? this.#begin(namespace) : undefined));
    void this.running.ended.then(async (exit) => {
      this.#over = true;
      this.#prober.stop();
      await this.running.started;
      o.ended(exit);
    });
  }

  /** The mount namespace of what runs; undefined before it does. */
  get namespace(): string | undefined {
    return this.#namespace;
  }

  /** Runs the preStop hook and ends the container within the time, by force when that is over. Twice is as once. */
  stop(ending: Ending): Promise<void> {
    if (this.#ending) this.killAfter(ending.graceMs);
    return (this.#ending ??= this.#stop(ending));
  }

  /** Kills the container unless it ends before; for an end that is to come sooner than was said first. */
  killAfter(graceMs: number): void {
    if (graceMs === 0) return killContainer(this.running);
    const timer = setTimeout(() => killContainer(this.running), graceMs + LEAST_GRACE_MS);
    void this.running.ended.then(() => clearTimeout(timer));
    return undefined;
  }

  async #stop({ graceMs, reason }: Ending): Promise<void> {
    const { name, lifecycle } = this.#container;
    this.#say('Normal', 'Killing', reason ?? `Stopping container ${name}`);
    this.#prober.stop();
    let left = graceMs;
    if (lifecycle?.preStop && graceMs > 0) {
      const began = Date.now();
      const hook = await Promise.race([act(lifecycle.preStop, this.#place, graceMs), this.running.ended.then(() => undefined)]);
      if (hook && !hook.ok) this.#say('Warning', 'FailedPreStopHook', `PreStopHook failed: ${hook.message}`);
      left = Math.max(graceMs - (Date.now() - began), LEAST_GRACE_MS);
    }
    await endContainer(this.running, left);
  }

  async #begin(namespace: string): Promise<void> {
    const entry = this.#entry;
    const hasStarted = entry.started;
    this.#namespace = namespace;
    entry.namespace = namespace;
    if (!entry.state.running) {
      entry.state = { running: { startedAt: seconds(entry.startedAt) } };
      this.#say('Normal', 'Started', `Started container ${entry.name}`);
      this.#changed();
      if (this.#over || !(await this.#postStart())) return;
    }
    if (!this.#over) this.#prober.start(hasStarted);
  }

  /** False when the hook failed, by which the container ends. */
  async #postStart(): Promise<boolean> {
    const hook = this.#container.lifecycle?.postStart;
    if (!hook) return true;
    const outcome = await Promise.race([act(hook, this.#place, HOOK_MS), this.running.ended.then(() => undefined)]);
    if (!outcome || outcome.ok) return true;
    this.#say('Warning', 'FailedPostStartHook', `PostStartHook failed: ${outcome.message}`);
    void this.stop({ graceMs: this.#context.graceMs(), reason: 'FailedPostStartHook' });
    return false;
  }

  #failed(kind: ProbeKind, probe: Probe): void {
    const graceMs =
      probe.terminationGracePeriodSeconds === undefined ? this.#context.graceMs() : probe.terminationGracePeriodSeconds * 1000;
    void this.stop({ graceMs, reason: `Container ${this.#entry.name} failed ${kind.toLowerCase()} probe, will be restarted` });
  }

  /** An image of the lab that serves a port is ready no sooner than it does. */
  async #whenListening(ready: boolean): Promise<void> {
    const port = this.#container.command ? undefined : imageOf(this.#container.image)?.port?.(this.env);
    if (!ready || port === undefined) return;
    while (!this.#over) {
      const listens = await dial(this.#context.record.ip, port, 1000).then(
        () => true,
        () => false,
      );
      if (listens) return;
      await new Promise((resolve) => setTimeout(resolve, LISTEN_POLL_MS));
    }
  }

  #set(change: Partial<Pick<ContainerEntry, 'ready' | 'started'>>): void {
    if (this.#over) return;
    Object.assign(this.#entry, change);
    this.#changed();
  }

  #changed(): void {
    this.#context.services.changed(this.#context.record.uid);
  }

  get #place(): ActionPlace {
    const { netns, ip } = this.#context.record;
    const at = { netns, pid: this.running.process.pid, env: this.env, cwd: this.#container.workingDir };
    return { container: this.#container, ip, run: (command, timeoutMs) => runIn(at, command, timeoutMs) };
  }

  #say(type: 'Normal' | 'Warning', reason: string, message: string): void {
    const pod = this.#context.pod();
    if (pod) this.#context.services.events.say(pod, type, reason, message, this.#entry.name);
  }
}
