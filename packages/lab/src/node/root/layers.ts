import { lstatSync, readdirSync, readFileSync } from 'node:fs';
import { posix } from 'node:path';

/**
 * One piece of a container's root. `overlay`: this machine's directory, whose changes stay the container's own. `bind`: as it is,
 * live. `dir`: an empty one, which holds other pieces. `link`: a symbolic link as on this machine.
 */
export interface Layer {
  readonly kind: 'overlay' | 'bind' | 'dir' | 'link';
  readonly path: string;
}

/** What is to be known of this machine's files. */
export interface HostFiles {
  /** Mount points, `/` not among them. */
  readonly mounts: readonly string[];
  /** Then a directory that something is mounted below of cannot be an overlay: nobody may look under what the machine mounted. */
  readonly userNamespace: boolean;
  kind(path: string): 'dir' | 'file' | 'link' | undefined;
  entries(path: string): readonly string[];
}

/** Made for every container: see `buildRoot`. */
const OWN = ['/dev', '/proc', '/run', '/sys'];
/** Written for every pod; container engines mount theirs here, which are not for pods. */
const WRITTEN = new Set(['/etc/hosts', '/etc/hostname', '/etc/resolv.conf']);

export const isWithin = (path: string, dir: string): boolean => dir === '/' || path === dir || path.startsWith(`${dir}/`);

/** What all roots of a node's containers are made of. */
export interface RootPlan {
  readonly layers: readonly Layer[];
  /** Overlays note what they need in attributes of files that users may write. */
  readonly userNamespace: boolean;
}

export function rootPlan(host: HostFiles): RootPlan {
  return { layers: rootLayers(host), userNamespace: host.userNamespace };
}

/** The pieces of a root that shows this machine's files and lets nothing be changed there, in the order in which they are mounted. */
export function rootLayers(host: HostFiles): Layer[] {
  const mounts = host.mounts.filter((m) => !OWN.some((own) => isWithin(m, own)) && !WRITTEN.has(m)).sort();
  if (host.userNamespace) return split('/', mounts, host);
  return [{ kind: 'overlay', path: '/' }, ...mounts.flatMap((path) => layer(path, host))];
}

function layer(path: string, host: HostFiles): Layer[] {
  const kind = host.kind(path);
  if (kind === undefined) return []; // mounted where this user may not look
  return [{ kind: kind === 'dir' ? 'overlay' : kind === 'link' ? 'link' : 'bind', path }];
}

function split(dir: string, mounts: readonly string[], host: HostFiles): Layer[] {
  const pieces = host
    .entries(dir)
    .map((name) => posix.join(dir, name))
    .filter((path) => !OWN.includes(path) && !WRITTEN.has(path))
    .flatMap((path) => (mounts.some((m) => m !== path && isWithin(m, path)) ? split(path, mounts, host) : layer(path, host)));
  return dir === '/' ? pieces : [{ kind: 'dir', path: dir }, ...pieces];
}

export const thisMachine = (): HostFiles => ({
  mounts: [...new Set(mountPoints(readFileSync('/proc/self/mountinfo', 'utf8')))],
  userNamespace: !/^\s*0\s+0\s+4294967295\s*$/.test(readFileSync('/proc/self/uid_map', 'utf8')),
  kind: (path) => {
    try {
      const found = lstatSync(path);
      return found.isSymbolicLink() ? 'link' : found.isDirectory() ? 'dir' : 'file';
    } catch {
      return undefined;
    }
  },
  entries: (path) => {
    try {
      return readdirSync(path);
    } catch {
      return []; // this user may not look
    }
  },
});

/** proc(5): the fifth field of a line, with blanks and backslashes as octal numbers. */
export const mountPoints = (mountinfo: string): string[] =>
  mountinfo
    .split('\n')
    .flatMap((line) => line.split(' ')[4] ?? [])
    .map((path) => path.replaceAll(/\\(\d{3})/g, (_, octal: string) => String.fromCodePoint(Number.parseInt(octal, 8))))
    .filter((path) => path !== '/');
