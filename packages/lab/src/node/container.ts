import { execFileSync, spawn } from 'node:child_process';
import { closeSync, existsSync, mkdirSync, openSync, writeSync } from 'node:fs';
import { connect } from 'node:net';
import { dirname } from 'node:path';
import { inNetns, toolEnv } from '../isolate.ts';
import { isAlive, statOf, type ProcessId } from '../state.ts';
import { onTerminal } from './terminal.ts';

export interface Exit {
  readonly code: number;
  readonly signal?: string;
}

export interface Running {
  readonly process: ProcessId;
  /** Resolves when the process has ended. */
  readonly ended: Promise<Exit>;
}

/** Kubernetes' own code for a container whose end nobody saw. */
const UNSEEN = 137;
const POLL_MS = 250;

/** Starts a container's process, a session of its own that outlives the kubelet. */
export async function startContainer(o: {
  readonly netns: string;
  readonly command: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly cwd: string | undefined;
  readonly stdin: boolean;
  readonly tty: boolean;
  readonly log: string;
}): Promise<Running> {
  mkdirSync(dirname(o.log), { recursive: true });
  const log = openSync(o.log, 'a');
  const stdin = o.stdin ? openPipe(stdinOf(o.log)) : undefined;
  try {
    const { command, env } = o.tty ? onTerminal(o.command, o.env) : o;
    const [file, ...args] = inNetns(o.netns, command) as [string, ...string[]];
    const child = spawn(file, args, {
      detached: true,
      cwd: o.cwd ?? '/',
      env: { PATH: toolEnv().PATH, HOME: '/', ...env },
      stdio: [stdin ?? 'ignore', log, log],
    });
    const ended = new Promise<Exit>((resolve) =>
      child.once('exit', (code, signal) => resolve({ code: code ?? 128, ...(signal && { signal }) })),
    );
    await new Promise<void>((resolve, reject) => {
      child.once('spawn', () => resolve());
      child.once('error', reject);
    });
    const pid = child.pid as number;
    // A process that has ended already is a zombie until Node has seen it, and so still has a start time.
    return { process: { pid, startTime: statOf(pid)?.startTime ?? '' }, ended };
  } catch (error) {
    writeSync(log, `${(error as Error).message}\n`);
    throw error;
  } finally {
    closeSync(log);
    if (stdin !== undefined) closeSync(stdin);
  }
}

/** The pipe by name that is the standard input of a container with `stdin`. */
export const stdinOf = (log: string) => `${log}.stdin`;

function openPipe(file: string): number {
  if (!existsSync(file)) execFileSync('mkfifo', ['-m', '600', file], { env: toolEnv() });
  // For both, so that it neither waits for a writer nor ends with one.
  return openSync(file, 'r+');
}

/** A process that an earlier kubelet started: nobody's child here, so it is looked at now and then. */
export function adoptContainer(id: ProcessId): Running {
  const ended = new Promise<Exit>((resolve) => {
    const timer = setInterval(() => {
      if (isAlive(id)) return;
      clearInterval(timer);
      resolve({ code: UNSEEN });
    }, POLL_MS);
  });
  return { process: id, ended };
}

/** Asks a process and its group to end, and kills them when the time is over. */
export async function endContainer(running: Running, graceMs: number): Promise<void> {
  signalGroup(running.process, 'SIGTERM');
  let timer: NodeJS.Timeout | undefined;
  const killed = new Promise<void>((resolve) => {
    timer = setTimeout(() => {
      signalGroup(running.process, 'SIGKILL');
      resolve();
    }, graceMs);
  });
  await Promise.race([running.ended, killed]);
  clearTimeout(timer);
  await running.ended;
}

export function killContainer(running: Running): void {
  signalGroup(running.process, 'SIGKILL');
}

function signalGroup(id: ProcessId, signal: NodeJS.Signals): void {
  if (!isAlive(id)) return;
  try {
    process.kill(-id.pid, signal);
  } catch {
    // ended in between
  }
}

/** Whether something listens on a TCP port. */
export function listens(host: string, port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host, port, timeout: 1000 });
    const answer = (value: boolean) => {
      socket.destroy();
      resolve(value);
    };
    socket.once('connect', () => answer(true));
    socket.once('timeout', () => answer(false));
    socket.once('error', () => answer(false));
  });
}
