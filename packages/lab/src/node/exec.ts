import { spawn } from 'node:child_process';
import { constants } from 'node:os';
import { pipeline } from 'node:stream/promises';
import type { CommandIO } from '@kosmos/apiserver/streams';
import { inNetns } from '../isolate.ts';
import { processEnv, TAKE_PATH } from './root/env.ts';
import { onTerminal, resize } from './terminal.ts';

/** Where a command runs: beside the main process of a container. */
export interface ContainerPlace {
  readonly netns: string;
  /** A process of the container. */
  readonly pid: number;
  readonly env: Readonly<Record<string, string>>;
  readonly cwd: string | undefined;
}

/** nsenter(1) goes where a process is; a shell goes into the working directory there, and becomes the command. */
function within({ netns, pid, cwd = '/' }: ContainerPlace, words: readonly string[]): [string, ...string[]] {
  const enter = ['nsenter', `--mount=/proc/${pid}/ns/mnt`, `--uts=/proc/${pid}/ns/uts`, '--'];
  const line = `${TAKE_PATH}; cd "$1" && shift && exec "$@"`;
  return inNetns(netns, [...enter, 'sh', '-c', line, 'sh', cwd, ...words]) as [string, ...string[]];
}

const OUTPUT = 10 * 1024;

/** Runs a command in a container; its exit code, and what it printed, cut. Rejects when the time is over, and ends it then. */
export function runIn(
  at: ContainerPlace,
  words: readonly string[],
  timeoutMs: number,
): Promise<{ readonly code: number; readonly output: string }> {
  const [file, ...args] = within(at, words);
  return new Promise((resolve, reject) => {
    const child = spawn(file, args, { detached: true, cwd: '/', env: processEnv(at.env), stdio: ['ignore', 'pipe', 'pipe'] });
    let output = '';
    const take = (chunk: Buffer) => (output = (output + chunk.toString()).slice(0, OUTPUT));
    child.stdout.on('data', take);
    child.stderr.on('data', take);
    const timer = setTimeout(() => {
      end(child.pid, 'SIGKILL');
      reject(new Error(`command timed out: "${words.join(' ')}" timed out after ${timeoutMs / 1000}s`));
    }, timeoutMs);
    child.once('error', reject);
    // Not 'close': what it leaves behind may hold its output open.
    child.once('exit', (code, signal) => {
      clearTimeout(timer);
      setImmediate(() => resolve({ code: code ?? 128 + (signal ? constants.signals[signal] : 0), output }));
    });
  });
}

function end(pid: number | undefined, signal: NodeJS.Signals): void {
  try {
    if (pid) process.kill(-pid, signal);
  } catch {
    // ended in between
  }
}

/** Runs a command where a container is, with its environment, for a client. Its exit code; it is ended when the client goes. */
export async function execIn(at: ContainerPlace, words: readonly string[], io: CommandIO): Promise<number> {
  const { command, env } = io.tty ? onTerminal(words, at.env) : { command: words, env: at.env };
  const [file, ...args] = within(at, command);
  const child = spawn(file, args, {
    detached: true,
    cwd: '/',
    env: processEnv(env),
    stdio: [io.stdin ? 'pipe' : 'ignore', io.stdout ? 'pipe' : 'ignore', io.stderr ? 'pipe' : 'ignore'],
  });
  const closed = new Promise<number>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code, signal) => resolve(code ?? 128 + (signal ? constants.signals[signal] : 0)));
  });
  const gone = () => end(child.pid, io.tty ? 'SIGHUP' : 'SIGKILL');
  io.signal.addEventListener('abort', gone);
  if (io.tty && child.pid) {
    const { pid } = child;
    io.onResize((size) => void resize(pid, size));
  }
  if (io.stdin && child.stdin) {
    child.stdin.on('error', () => {}); // it reads no more
    io.stdin.pipe(child.stdin);
  }
  const outputs = [
    child.stdout && io.stdout ? pipeline(child.stdout, io.stdout) : undefined,
    child.stderr && io.stderr ? pipeline(child.stderr, io.stderr) : undefined,
  ];
  const [code] = await Promise.all([closed, ...outputs]);
  io.signal.removeEventListener('abort', gone);
  return code;
}
