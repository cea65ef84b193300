import { mkdirSync, readdirSync, readFileSync, renameSync, rmdirSync, rmSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join, resolve } from 'node:path';
import { isCode, labError } from './errors.ts';
import type { Topology } from './topology.ts';

/** What is written down of a lab, in `lab.json` of its directory. */
export interface LabRecord {
  readonly name: string;
  readonly topology: Topology;
  /** Runs with a user namespace of its own, since its user is not root. */
  readonly userNamespace: boolean;
  /** A directory for what is to outlive the lab; absolute. */
  readonly data?: string;
  /** The config that Kosmos runs with in the lab, and the command that runs it. */
  readonly kosmos?: { readonly config: string; readonly command: readonly string[] };
}

/** A process by pid and start time (clock ticks after boot), so that a pid in use again is not taken for it. */
export interface ProcessId {
  readonly pid: number;
  readonly startTime: string;
}

/** Where labs are kept: `KOSMOS_LAB_HOME`, else `$XDG_STATE_HOME/kosmos`, else `~/.local/state/kosmos`. */
export function labHome(env: NodeJS.ProcessEnv = process.env): string {
  const home = resolve(env.KOSMOS_LAB_HOME ?? join(env.XDG_STATE_HOME ?? join(homedir(), '.local/state'), 'kosmos'));
  if (/^(\/var)?\/run(\/|$)/.test(home)) {
    throw labError('KOSMOS_E_LAB_HOME', `labs cannot be kept under /run, which a lab has one of its own of`, {
      where: home,
      hint: 'set KOSMOS_LAB_HOME to another directory',
    });
  }
  return home;
}

export function checkName(name: string): string {
  if (/^[a-z0-9]([a-z0-9-]{0,28}[a-z0-9])?$/.test(name)) return name;
  throw labError('KOSMOS_E_LAB_NAME', `'${name}' is no name for a lab`, {
    hint: 'a name is 1 to 30 lower-case letters, digits and dashes, and begins and ends with a letter or digit',
  });
}

export function labDir(name: string): string {
  const dir = join(labHome(), 'labs', checkName(name));
  // sockaddr_un holds 107 bytes of a path, unix(7).
  if (Buffer.byteLength(paths(dir).control) > 107) {
    throw labError('KOSMOS_E_LAB_HOME', `the path of the lab's control socket is longer than the 107 bytes that Linux allows`, {
      where: dir,
      hint: 'set KOSMOS_LAB_HOME to a shorter path',
    });
  }
  return dir;
}

/** The files of a lab. */
export function paths(dir: string) {
  return {
    record: join(dir, 'lab.json'),
    /** /proc/PID/stat of the lab's first process and of the one that starts it. */
    init: join(dir, 'init.stat'),
    launcher: join(dir, 'launcher.stat'),
    control: join(dir, 'control.sock'),
    logs: join(dir, 'logs'),
    log: (process: string) => join(dir, 'logs', `${process.replaceAll('/', '.')}.log`),
    podLogs: (cluster: string) => join(dir, 'logs/pods', cluster),
    kubeconfig: (cluster: string) => join(dir, cluster, 'kubeconfig'),
    innerKubeconfig: (cluster: string) => join(dir, cluster, 'inner.kubeconfig'),
    data: (cluster: string) => join(dir, cluster, 'data'),
    nodes: (cluster: string) => join(dir, cluster, 'nodes'),
    /** Of a service account of the cluster, for processes inside the lab. */
    account: (cluster: string, name: string) => join(dir, cluster, `${name}.kubeconfig`),
    identity: (cluster: string, node: string) => join(dir, cluster, 'nodes', node, 'identity'),
    pods: (cluster: string, node: string) => join(dir, cluster, 'nodes', node, 'pods'),
  };
}

/** The files of a lab in the directory that is to outlive it, beside one folder a cluster. */
export function dataPaths(data: string) {
  return { record: join(data, 'lab.json'), init: join(data, 'init.stat') };
}

export function labNames(): string[] {
  try {
    return readdirSync(join(labHome(), 'labs'), { withFileTypes: true })
      .filter((e) => e.isDirectory())
      .map((e) => e.name)
      .sort();
  } catch (error) {
    if (isCode(error, 'ENOENT')) return [];
    throw error;
  }
}

export function readRecord(dir: string): LabRecord | undefined {
  return readJson<LabRecord>(paths(dir).record);
}

export function writeRecord(dir: string, record: LabRecord): void {
  writeJson(paths(dir).record, record);
  if (record.data !== undefined) writeJson(dataPaths(record.data).record, record);
}

/** Undefined when there is no such file; a file that a crash left half written counts as none. */
export function readJson<T>(file: string): T | undefined {
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as T;
  } catch (error) {
    if (isCode(error, 'ENOENT') || isCode(error, 'ENOTDIR') || error instanceof SyntaxError) return undefined;
    throw error;
  }
}

export function writeJson(file: string, value: unknown): void {
  writeFileSync(`${file}.new`, JSON.stringify(value, undefined, 2), { mode: 0o600 });
  renameSync(`${file}.new`, file);
}

/** Makes the lab's directory; false when it is there already. */
export function claimDir(dir: string): boolean {
  mkdirSync(join(dir, '..'), { recursive: true, mode: 0o700 });
  try {
    mkdirSync(dir, { mode: 0o700 });
  } catch (error) {
    if (isCode(error, 'EEXIST')) return false;
    throw error;
  }
  writeFileSync(paths(dir).launcher, readFileSync('/proc/self/stat'));
  return true;
}

/** Removes the lab's directory, and the ones above it that it leaves empty. */
export function removeDir(dir: string): void {
  rmSync(dir, { recursive: true, force: true });
  for (const parent of [join(dir, '..'), join(dir, '../..')]) {
    try {
      rmdirSync(parent);
    } catch {
      return; // other labs are kept there
    }
  }
}

/** proc(5): the start time is the 22nd field, the 20th after the command's name, which may hold spaces and brackets. */
export function parseStat(text: string): (ProcessId & { readonly zombie: boolean; readonly parent: number }) | undefined {
  const match = /^(\d+) \(.*\) (.*)$/s.exec(text.trim());
  const fields = match?.[2]?.split(' ');
  const startTime = fields?.[19];
  if (!match?.[1] || startTime === undefined) return undefined;
  return { pid: Number(match[1]), startTime, zombie: fields?.[0] === 'Z', parent: Number(fields?.[1]) };
}

export function statOf(pid: number): ReturnType<typeof parseStat> {
  try {
    return parseStat(readFileSync(`/proc/${pid}/stat`, 'utf8'));
  } catch {
    return undefined; // gone
  }
}

/** Whether the process runs still; one that ended and was not waited for does not. */
export function isAlive(id: ProcessId | undefined): boolean {
  if (!id) return false;
  const now = statOf(id.pid);
  return now !== undefined && !now.zombie && now.startTime === id.startTime;
}

/** The process that a stat file names, if it runs still. */
export function livingProcess(file: string): ProcessId | undefined {
  try {
    const id = parseStat(readFileSync(file, 'utf8'));
    return isAlive(id) ? id : undefined;
  } catch {
    return undefined;
  }
}
