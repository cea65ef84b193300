import { spawn } from 'node:child_process';
import { constants } from 'node:os';
import { pipeline } from 'node:stream/promises';
import type { CommandIO } from '@kosmos/apiserver/streams';
import { inNetns, toolEnv } from '../isolate.ts';
import { onTerminal, resize } from './terminal.ts';

/** Runs a command where a container is: in its network, with its environment. Its exit code; it is ended when the client goes. */
export async function execIn(
  at: { readonly netns: string; readonly env: Readonly<Record<string, string>>; readonly cwd: string | undefined },
  words: readonly string[],
  io: CommandIO,
): Promise<number> {
  const { command, env } = io.tty ? onTerminal(words, at.env) : { command: words, env: at.env };
  const [file, ...args] = inNetns(at.netns, command) as [string, ...string[]];
  const child = spawn(file, args, {
    detached: true,
    cwd: at.cwd ?? '/',
    env: { PATH: toolEnv().PATH, HOME: '/', ...env },
    stdio: [io.stdin ? 'pipe' : 'ignore', io.stdout ? 'pipe' : 'ignore', io.stderr ? 'pipe' : 'ignore'],
  });
  const closed = new Promise<number>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code, signal) => resolve(code ?? 128 + (signal ? constants.signals[signal] : 0)));
  });
  const end = () => {
    try {
      if (child.pid) process.kill(-child.pid, io.tty ? 'SIGHUP' : 'SIGKILL');
    } catch {
      // ended in between
    }
  };
  io.signal.addEventListener('abort', end);
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
  io.signal.removeEventListener('abort', end);
  return code;
}
