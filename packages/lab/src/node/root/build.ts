import { chmodSync, existsSync, lstatSync, mkdirSync, readlinkSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { join, posix } from 'node:path';
import { isWithin, type Layer, type RootPlan } from './layers.ts';

export interface Mount {
  readonly source: string;
  /** In the container, absolute. */
  readonly target: string;
  readonly readOnly: boolean;
}

/** What a container has beside this machine's files. */
export interface RootContent {
  readonly mounts: readonly Mount[];
  /** Files by path, written anew for every start. */
  readonly files: Readonly<Record<string, string>>;
}

/** A root ready to be mounted: `fstab` says how, `root` where; see `SHIM`. */
export interface Root {
  readonly root: string;
  readonly fstab: string;
}

const DEVICES = ['full', 'null', 'random', 'tty', 'urandom', 'zero', 'net/tun', 'fuse'];
const DEVICE_LINKS = { fd: '/proc/self/fd', stdin: '/proc/self/fd/0', stdout: '/proc/self/fd/1', stderr: '/proc/self/fd/2' };
/** Directories of the container's own, and such as are this machine's. */
const MADE = ['/dev', '/run'];
const LIVE = ['/proc', '/sys'];
const LINKS = 40;

/** Prepares a root in `base`, a directory of the lab's own file system in memory. What was there before goes. */
export function buildRoot(base: string, { layers, userNamespace }: RootPlan, content: RootContent): Root {
  rmSync(base, { recursive: true, force: true });
  const root = join(base, 'root');
  mkdirSync(root, { recursive: true, mode: 0o755 });
  const place = placeIn(base, layers);
  const lines: string[] = [line(root, root, 'none', 'bind')];
  const bind = (source: string, target: string, options = 'rbind') => lines.push(line(source, join(root, target), 'none', options));
  layers.forEach((layer, i) => {
    const { kind, path } = layer;
    const at = join(root, path);
    if (kind === 'link') symlinkSync(readlinkSync(path), at);
    else if (kind === 'bind') {
      touch(place(path));
      bind(path, path);
    } else if (kind === 'dir') likeHost(at, path);
    else {
      if (path !== '/') likeHost(place(path) ?? at, path);
      const [upper, work] = [upperOf(base, i), join(base, 'layers', String(i), 'work')];
      likeHost(upper, path);
      mkdirSync(work, { recursive: true });
      const options = `lowerdir=${path.replaceAll(/[\\:,]/g, String.raw`\$&`)},upperdir=${upper},workdir=${work}${userNamespace ? ',userxattr' : ''}`;
      lines.push(line('overlay', at, 'overlay', options));
    }
  });
  for (const dir of [...MADE, ...LIVE]) mkdirSync(place(dir) ?? '', { recursive: true });
  for (const dir of MADE) {
    mkdirSync(join(base, 'own', dir), { recursive: true });
    bind(join(base, 'own', dir), dir);
  }
  for (const dir of LIVE) bind(dir, dir);
  for (const device of DEVICES.map((name) => `/dev/${name}`).filter((path) => existsSync(path))) {
    touch(place(device));
    bind(device, device, 'bind');
  }
  for (const [name, target] of Object.entries(DEVICE_LINKS)) symlinkSync(target, join(base, 'own/dev', name));
  symlinkSync('pts/ptmx', join(base, 'own/dev/ptmx'));
  for (const dir of ['/dev/pts', '/dev/shm', '/run/lock']) mkdirSync(join(base, 'own', dir), { recursive: true });
  lines.push(line('devpts', join(root, 'dev/pts'), 'devpts', 'newinstance,ptmxmode=0666,mode=620'));
  chmodSync(join(base, 'own/dev/shm'), 0o1777);
  for (const [path, text] of Object.entries(content.files)) {
    const at = makeParents(path, place);
    if (at !== undefined) writeFileSync(at, text, { mode: 0o644 });
  }
  for (const { source, target, readOnly } of content.mounts) {
    const path = followed(target);
    makePoint(path, statSync(source).isDirectory(), place);
    bind(source, path, readOnly ? 'bind,ro,X-mount.mkdir' : 'rbind,X-mount.mkdir');
  }
  const fstab = join(base, 'fstab');
  writeFileSync(fstab, lines.join(''));
  return { root, fstab };
}

/** fstab(5). */
const line = (source: string, target: string, type: string, options: string): string =>
  `${[source, target, type, options].map((word) => word.replaceAll(/[\s\\]/g, (c) => `\\${c.charCodeAt(0).toString(8).padStart(3, '0')}`)).join(' ')} 0 0\n`;

const upperOf = (base: string, layer: number): string => join(base, 'layers', String(layer), 'upper');

type Place = (path: string) => string | undefined;

const isBelow = (path: string, dir: string): boolean => path !== dir && isWithin(path, dir);

/** Where a file is to be put so that it appears at `path` in the root; undefined below of what is live. */
function placeIn(base: string, layers: readonly Layer[]): Place {
  return (path) => {
    if (MADE.some((dir) => isBelow(path, dir))) return join(base, 'own', path);
    if (LIVE.some((dir) => isBelow(path, dir))) return undefined;
    const i = layers.findLastIndex((layer) => isBelow(path, layer.path));
    const { kind = 'dir', path: dir = '/' } = layers[i] ?? {};
    if (kind === 'overlay') return join(upperOf(base, i), posix.relative(dir, path));
    return kind === 'dir' ? join(base, 'root', path) : undefined;
  };
}

function touch(file: string | undefined): void {
  if (file === undefined) return;
  mkdirSync(join(file, '..'), { recursive: true });
  writeFileSync(file, '', { flag: 'a' });
}

/** A directory with the mode of this machine's, which an overlay takes from here. */
function likeHost(dir: string, path: string): void {
  mkdirSync(dir, { recursive: true });
  chmodSync(dir, modeOf(path) ?? 0o755);
}

function modeOf(path: string): number | undefined {
  try {
    return statSync(path).mode & 0o7777;
  } catch {
    return undefined; // not on this machine
  }
}

function makeParents(path: string, place: Place): string | undefined {
  const names = path.split('/').slice(1, -1);
  names.forEach((_, i) => {
    const dir = `/${names.slice(0, i + 1).join('/')}`;
    const at = place(dir);
    if (at !== undefined && !existsSync(at)) likeHost(at, dir);
  });
  return place(path);
}

/** Something to mount on; an entry of this machine's is one already. */
function makePoint(path: string, isDirectory: boolean, place: Place): void {
  if (!MADE.some((dir) => isWithin(path, dir)) && existsSync(path) && statSync(path).isDirectory() === isDirectory) return;
  const at = makeParents(path, place);
  if (at === undefined) return;
  if (isDirectory) mkdirSync(at, { recursive: true });
  else touch(at);
}

/** A path of the container with this machine's symbolic links followed: `/var/run/x` is `/run/x`. */
export function followed(path: string): string {
  let words = path.split('/').filter((w) => w !== '' && w !== '.');
  for (let i = 0, links = 0; i < words.length; i += 1) {
    const at = `/${words.slice(0, i + 1).join('/')}`;
    let target: string;
    try {
      if (!lstatSync(at).isSymbolicLink()) continue;
      target = readlinkSync(at);
    } catch {
      break; // from here on nothing is there
    }
    if ((links += 1) > LINKS) break;
    const rest = words.slice(i + 1).join('/');
    words = posix
      .resolve(posix.dirname(at), target, rest)
      .split('/')
      .filter((w) => w !== '');
    i = -1;
  }
  return `/${words.join('/')}`;
}
