import { spawn, type ChildProcess } from 'node:child_process';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { labError } from '../errors.ts';
import { inNetns } from '../isolate.ts';

export interface ProcessSpec {
  /** E.g. `c1/apiserver`, `c1/n1/kubelet`, `manager`. */
  readonly name: string;
  readonly netns: string;
  readonly command: readonly string[];
  readonly env?: NodeJS.ProcessEnv;
  readonly log: string;
  /** It says `{ type: 'ready' }` by IPC; else it is ready once it runs. */
  readonly announces?: boolean;
  /** Descriptors that it gets as 4, 5, ... */
  readonly fds?: readonly number[];
}

export type ProcessState = 'starting' | 'running' | 'stopped' | 'waiting';

export interface ProcessInfo {
  readonly name: string;
  readonly state: ProcessState;
  /** In the lab's pid namespace. */
  readonly pid: number | undefined;
  readonly restarts: number;
  /** Resident memory in bytes. */
  readonly rss: number | undefined;
  readonly log: string;
}

interface Managed {
  readonly spec: ProcessSpec;
  state: ProcessState;
  child: ChildProcess | undefined;
  restarts: number;
  startedAt: number;
  delayMs: number;
  timer: NodeJS.Timeout | undefined;
  readonly waiters: Set<{ resolve(): void; reject(error: Error): void }>;
}

const FIRST_DELAY_MS = 200;
const LAST_DELAY_MS = 5000;
/** A process that ran this long begins with the first delay again. */
const STEADY_MS = 10_000;
const STOP_MS = 5000;
const READY_MS = 60_000;

/** The processes of a lab: what ends by itself is started again, with a growing delay. */
export class Processes {
  readonly #all = new Map<string, Managed>();

  /** Resolves when the process is ready; rejects when it ends or 30 s pass before. It is kept running all the same. */
  async start(spec: ProcessSpec): Promise<void> {
    const managed: Managed = {
      spec,
      state: 'stopped',
      child: undefined,
      restarts: 0,
      startedAt: 0,
      delayMs: FIRST_DELAY_MS,
      timer: undefined,
      waiters: new Set(),
    };
    this.#all.set(spec.name, managed);
    await this.#launch(managed);
  }

  has(name: string): boolean {
    return this.#all.has(name);
  }

  runs(name: string): boolean {
    return this.#all.get(name)?.child !== undefined;
  }

  /** Ends a process at once, and keeps it from being started again until `resume`. */
  async kill(name: string): Promise<void> {
    this.#find(name).child?.kill('SIGKILL');
    await this.stop(name);
  }

  /** Ends a process, and keeps it from being started again until `resume`. */
  async stop(name: string): Promise<void> {
    const managed = this.#find(name);
    clearTimeout(managed.timer);
    managed.state = 'stopped';
    const child = managed.child;
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()));
    child.kill('SIGTERM');
    child.kill('SIGCONT');
    const timer = setTimeout(() => child.kill('SIGKILL'), STOP_MS);
    await ended;
    clearTimeout(timer);
  }

  async resume(name: string): Promise<void> {
    const managed = this.#find(name);
    if (managed.state === 'starting' || managed.state === 'running') return;
    clearTimeout(managed.timer);
    managed.delayMs = FIRST_DELAY_MS;
    await this.#launch(managed);
  }

  /** Sends a signal; a process that it ends is started again. */
  signal(name: string, signal: NodeJS.Signals): void {
    const managed = this.#find(name);
    if (!managed.child?.kill(signal)) throw labError('KOSMOS_E_LAB_TARGET', `process ${name} does not run (${managed.state})`);
  }

  async remove(name: string): Promise<void> {
    await this.stop(name);
    this.#all.delete(name);
  }

  /** Resolves with the answer of the process to a message, which carries the same `id`. */
  ask(name: string, message: { readonly type: string; readonly [field: string]: string }): Promise<unknown> {
    const child = this.#find(name).child;
    if (!child?.connected) return Promise.reject(labError('KOSMOS_E_LAB_TARGET', `process ${name} does not run`));
    const id = Math.random();
    return new Promise((resolve, reject) => {
      const done = () => {
        clearTimeout(timer);
        child.off('message', answered);
        child.off('exit', ended);
      };
      const answered = (m: { id?: number; error?: string }) => {
        if (m.id !== id) return;
        done();
        if (m.error === undefined) resolve(m);
        else reject(labError('KOSMOS_E_LAB_TARGET', `${name}: ${m.error}`));
      };
      const ended = () => {
        done();
        reject(labError('KOSMOS_E_LAB_TARGET', `process ${name} ended before it answered`));
      };
      const timer = setTimeout(ended, READY_MS);
      child.on('message', answered as (m: unknown) => void);
      child.once('exit', ended);
      child.send({ ...message, id });
    });
  }

  list(): ProcessInfo[] {
    return [...this.#all.values()].map((m) => {
      const pid = m.state === 'running' || m.state === 'starting' ? m.child?.pid : undefined;
      return {
        name: m.spec.name,
        state: m.state,
        pid,
        restarts: m.restarts,
        rss: pid === undefined ? undefined : residentBytes(pid),
        log: m.spec.log,
      };
    });
  }

  #find(name: string): Managed {
    const managed = this.#all.get(name);
    if (!managed)
      throw labError('KOSMOS_E_LAB_TARGET', `there is no process '${name}'`, { hint: `there are: ${[...this.#all.keys()].join(', ')}` });
    return managed;
  }

  #launch(managed: Managed): Promise<void> {
    const { spec } = managed;
    const ready = this.#whenReady(managed);
    const log = openSync(spec.log, 'a');
    const [file, ...args] = inNetns(spec.netns, spec.command) as [string, ...string[]];
    const child = spawn(file, args, {
      stdio: ['ignore', log, log, spec.announces ? 'ipc' : 'ignore', ...(spec.fds ?? [])],
      env: { ...process.env, ...spec.env },
    });
    closeSync(log);
    managed.child = child;
    managed.state = 'starting';
    managed.startedAt = Date.now();
    const settle = () => {
      if (managed.child !== child || managed.state !== 'starting') return;
      managed.state = 'running';
      for (const waiter of managed.waiters) waiter.resolve();
    };
    if (spec.announces) child.on('message', (m: { type?: string }) => m.type === 'ready' && settle());
    else child.once('spawn', settle);
    child.once('error', (error) => this.#ended(managed, child, error.message));
    child.once('exit', (code, signal) => this.#ended(managed, child, signal ? `by ${signal}` : `with code ${code}`));
    return ready;
  }

  #ended(managed: Managed, child: ChildProcess, how: string): void {
    if (managed.child !== child) return;
    managed.child = undefined;
    const last = lastLines(managed.spec.log, 20);
    const error = labError('KOSMOS_E_LAB_START', `process ${managed.spec.name} ended ${how}${last ? `; it last said:\n${last}` : ''}`, {
      where: managed.spec.log,
    });
    for (const waiter of managed.waiters) waiter.reject(error);
    if (managed.state === 'stopped') return;
    managed.state = 'waiting';
    if (Date.now() - managed.startedAt > STEADY_MS) managed.delayMs = FIRST_DELAY_MS;
    managed.timer = setTimeout(() => {
      managed.restarts += 1;
      this.#launch(managed).catch(() => {}); // said in its log, and tried again
    }, managed.delayMs);
    managed.delayMs = Math.min(managed.delayMs * 2, LAST_DELAY_MS);
  }

  #whenReady(managed: Managed): Promise<void> {
    return new Promise((resolve, reject) => {
      const done = () => {
        clearTimeout(timer);
        managed.waiters.delete(waiter);
      };
      const waiter = {
        resolve: () => (done(), resolve()),
        reject: (error: Error) => (done(), reject(error)),
      };
      const timer = setTimeout(() => {
        const last = lastLines(managed.spec.log, 20);
        waiter.reject(
          labError(
            'KOSMOS_E_LAB_START',
            `process ${managed.spec.name} is not ready after ${READY_MS / 1000} s${last ? `; it last said:\n${last}` : ''}`,
            { where: managed.spec.log },
          ),
        );
      }, READY_MS);
      managed.waiters.add(waiter);
    });
  }
}

/** proc(5): the second field of statm is the resident set in pages, of 4 KiB on the machines that labs run on. */
function residentBytes(pid: number): number | undefined {
  try {
    return Number(readFileSync(`/proc/${pid}/statm`, 'utf8').split(' ')[1]) * 4096;
  } catch {
    return undefined;
  }
}

export function lastLines(file: string, count: number): string {
  try {
    return readFileSync(file, 'utf8').trimEnd().split('\n').slice(-count).join('\n');
  } catch {
    return '';
  }
}
