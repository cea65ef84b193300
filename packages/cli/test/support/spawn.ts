/** Runs the kosmos command as a user does: a process of its own in a folder of its own. */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';

const BIN = resolve(import.meta.dirname, '../../bin/kosmos.js');
const MODULES = resolve(import.meta.dirname, '../../../../node_modules');

export interface Done {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface Folder extends Disposable {
  readonly path: string;
  /** What is in it, without node_modules. */
  files(): string[];
}

/** A folder with these files, in which packages are found as in the checkout. */
export function folder(files: Readonly<Record<string, string>> = {}): Folder {
  const path = mkdtempSync(join(tmpdir(), 'kosmos-cli-'));
  symlinkSync(MODULES, join(path, 'node_modules'));
  for (const [name, text] of Object.entries(files)) writeFileSync(join(path, name), text);
  return {
    path,
    files: () => readdirSync(path).filter((name) => name !== 'node_modules'),
    [Symbol.dispose]: () => rmSync(path, { recursive: true, force: true }),
  };
}

export interface Running {
  readonly child: ChildProcess;
  readonly done: Promise<Done>;
  /** Resolves with the first message over IPC; rejects when the process ends before. */
  readonly ready: Promise<unknown>;
}

interface How {
  /** Default: the Node that runs the tests. */
  readonly node?: string | undefined;
  /** File descriptors from 4 on. */
  readonly more?: readonly 'pipe'[];
  /** When it is killed, at the latest. Default: 15 s. */
  readonly deadlineMs?: number;
}

const running = new Set<ChildProcess>();

/** For `afterEach`: ends what a test that failed left running. */
export function endAll(): void {
  for (const child of running) child.kill('SIGKILL');
}

export function start(cwd: string, args: readonly string[], env: Readonly<Record<string, string>> = {}, how: How = {}): Running {
  const { PATH = '', HOME = '' } = process.env;
  const child = spawn(how.node ?? process.execPath, [...(how.node ? [] : ['--disable-warning=ExperimentalWarning']), BIN, ...args], {
    cwd,
    env: { PATH, HOME, ...env },
    stdio: ['ignore', 'pipe', 'pipe', 'ipc', ...(how.more ?? [])],
  });
  let [stdout, stderr] = ['', ''];
  child.stdout?.setEncoding('utf8').on('data', (text: string) => (stdout += text));
  child.stderr?.setEncoding('utf8').on('data', (text: string) => (stderr += text));
  running.add(child);
  const done = new Promise<Done>((settle) => child.once('close', (code) => (running.delete(child), settle({ code, stdout, stderr }))));
  const ready = Promise.race([
    new Promise((settle) => child.once('message', settle)),
    done.then(({ code }) => {
      throw new Error(`ended with ${code} before it was ready: ${stderr}`);
    }),
  ]);
  ready.catch(() => {});
  // Ends with the test, however that ends.
  const deadline = setTimeout(() => child.kill('SIGKILL'), how.deadlineMs ?? 15_000);
  void done.then(() => clearTimeout(deadline));
  return { child, done, ready };
}

export const kosmos = (cwd: string, ...args: string[]): Promise<Done> => start(cwd, args).done;
