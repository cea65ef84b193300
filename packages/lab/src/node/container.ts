import { execFileSync, spawn } from 'node:child_process';
import { closeSync, existsSync, mkdirSync, openSync, readFileSync, writeSync } from 'node:fs';
import { dirname } from 'node:path';
import type { Readable } from 'node:stream';
import { inNetns, toolEnv } from '../isolate.ts';
import { isAlive, statOf, type ProcessId } from '../state.ts';
import type { Root } from './root/build.ts';
import { processEnv } from './root/env.ts';
import { childOf, killAllIn, mountNamespaceOf } from './root/processes.ts';
import { inRoot } from './root/shim.ts';
import { onTerminal } from './terminal.ts';

export interface Exit {
  readonly code: number;
  /** Why it could not be started. */
  readonly refused?: string;
}

/** A container's shim, and through it the container. */
export interface Running {
  readonly process: ProcessId;
  /** Resolves when the command runs, with its mount namespace; with undefined when it has come to nothing. */
  readonly started: Promise<string | undefined>;
  /** Resolves when it has ended. */
  readonly ended: Promise<Exit>;
}

/** Kubernetes' own code for a container whose end nobody saw: here, since it was killed with its shim. */
const UNSEEN = 137;
const POLL_MS = 250;

/** Starts a container's process, a session of its own that outlives the kubelet. `end` is the file for its exit code. */
export function startContainer(o: {
  readonly netns: string;
  readonly root: Root;
  readonly hostname: string;
  readonly command: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly cwd: string | undefined;
  readonly stdin: boolean;
  readonly tty: boolean;
  readonly log: string;
  readonly end: string;
}): Running {
  mkdirSync(dirname(o.log), { recursive: true });
  const log = openSync(o.log, 'a');
  const stdin = o.stdin ? openPipe(stdinOf(o.log)) : undefined;
  try {
    const { command, env } = o.tty ? onTerminal(o.command, o.env) : o;
    const at = { ...o.root, end: o.end, hostname: o.hostname, cwd: o.cwd ?? '/' };
    const [file, ...args] = inNetns(o.netns, inRoot(at, command)) as [string, ...string[]];
    const child = spawn(file, args, {
      detached: true,
      cwd: '/',
      env: processEnv(env),
      stdio: [stdin ?? 'ignore', log, log, 'pipe'],
    });
    child.on('error', (error) => writeSync(openSync(o.log, 'a'), `${error.message}\n`));
    if (child.pid === undefined) throw new Error(`${file} cannot be run`);
    const said = child.stdio[3] as Readable;
    const { pid } = child;
    return {
      // A process that has ended already is a zombie until Node has seen it, and so still has a start time.
      process: { pid, startTime: statOf(pid)?.startTime ?? '' },
      started: new Promise((resolve) => {
        said.once('data', (line: Buffer) => resolve(line.toString().trim()));
        said.once('close', () => resolve(undefined));
      }),
      ended: new Promise((resolve) => child.once('exit', () => resolve(exitOf(o.end)))),
    };
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
export function adoptContainer(id: ProcessId, namespace: string | undefined, end: string): Running {
  const ended = new Promise<Exit>((resolve) => {
    const timer = setInterval(() => {
      if (isAlive(id)) return;
      clearInterval(timer);
      resolve(exitOf(end));
    }, POLL_MS);
  });
  return { process: id, started: Promise.resolve(namespace ?? namespaceOf(id)), ended };
}

/** What the shim wrote down. */
function exitOf(file: string): Exit {
  let text = '';
  try {
    text = readFileSync(file, 'utf8').trim();
  } catch {
    // its directory is gone, with the pod
  }
  const match = /^(\d+)(?: (.*))?$/s.exec(text);
  if (!match) return { code: UNSEEN };
  return { code: Number(match[1]), ...(match[2] !== undefined && { refused: match[2] }) };
}

/** The mount namespace of a container whose shim has made it; undefined before, and when it is gone. */
function namespaceOf({ pid }: ProcessId): string | undefined {
  const found = mountNamespaceOf(pid);
  return found === mountNamespaceOf('self') ? undefined : found;
}

/** Asks the container's main process to end, and kills all of the container when the time is over. */
export async function endContainer(running: Running, graceMs: number): Promise<void> {
  const { pid } = running.process;
  const main = isAlive(running.process) ? childOf(pid) : undefined;
  // Before there is one the shim still prepares: that ends with its group.
  signal(main ?? -pid, 'SIGTERM');
  let timer: NodeJS.Timeout | undefined;
  const killed = new Promise<void>((resolve) => {
    timer = setTimeout(() => {
      killContainer(running);
      resolve();
    }, graceMs);
  });
  await Promise.race([running.ended, killed]);
  clearTimeout(timer);
  await running.ended;
}

export function killContainer(running: Running): void {
  if (!isAlive(running.process)) return;
  killAllIn(namespaceOf(running.process));
  signal(-running.process.pid, 'SIGKILL');
}

function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name);
  } catch {
    // ended in between
  }
}
