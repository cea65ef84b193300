import { execFile } from 'node:child_process';
import { readFileSync, readlinkSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import type { TerminalSize } from '@kosmos/apiserver/streams';
import { toolEnv } from '../isolate.ts';

/** Environment variables in which a command's words go through the shell that `script` starts. */
const WORD = 'LAB_ARG_';
const TRIES = 50;
const TRY_MS = 20;

/**
 * The command run on a terminal of its own by script(1), as Node has none to give. script wants a line for a shell: it is made of
 * names of variables only, which hold the words, so that no shell reads them; env(1) takes them away again.
 */
export function onTerminal(
  command: readonly string[],
  env: Readonly<Record<string, string>>,
): { readonly command: readonly string[]; readonly env: Readonly<Record<string, string>> } {
  const names = command.map((_, i) => `${WORD}${i}`);
  const line = `exec env ${names.map((n) => `-u ${n}`).join(' ')} -- ${names.map((n) => `"$${n}"`).join(' ')}`;
  return {
    command: ['script', '--quiet', '--return', '--echo', 'always', '--command', line, '/dev/null'],
    env: { TERM: 'xterm', ...env, SHELL: '/bin/sh', ...Object.fromEntries(command.map((word, i) => [`${WORD}${i}`, word])) },
  };
}

/** Gives the terminal that `script` made the size of the client's; the kernel tells its processes. */
export async function resize(script: number, { width, height }: TerminalSize): Promise<void> {
  // The terminal is there a moment after its process.
  for (let i = 0; i < TRIES; i += 1) {
    const terminal = terminalOf(script);
    if (terminal) {
      await new Promise<void>((resolve) =>
        execFile('stty', ['-F', terminal, 'rows', String(height), 'cols', String(width)], { env: toolEnv() }, () => resolve()),
      );
      return;
    }
    await sleep(TRY_MS);
  }
}

function terminalOf(script: number): string | undefined {
  try {
    const child = readFileSync(`/proc/${script}/task/${script}/children`, 'utf8').trim().split(' ')[0];
    const file = `/proc/${child}/fd/0`;
    // By this name it is found from outside of the container, too, which has terminals of its own.
    return readlinkSync(file).startsWith('/dev/pts/') ? file : undefined;
  } catch {
    return undefined; // not yet, or no more
  }
}
