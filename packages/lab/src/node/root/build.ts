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
const DEVICE_LINKS = {
  fd: '/proc/self/fd',
  stdin: '/proc/self/fd/0',
  stdout: '/proc/self/fd/1',
  stderr: '/proc/self/fd/2',
  ptmx: 'pts/ptmx',
};
/** Directories of the container's own, and such as are this machine's. */
const MADE = ['/dev', '/run'];
const LIVE = ['/proc', '/sys'];
const LINKS = 40;

/** Prepares a root in `base`, a directory of the lab's own file system in memory. What was there before goes. */
export function buildRoot(base: string, plan: RootPlan, content: RootContent): Root {
  rmSync(base, { recursive: true, force: true });
  const root = join(base, 'root');
  mkdirSync(root, { recursive: true, mode: 0o755 });
  const place = placeIn(base, plan.layers);
  const lines = [
    line(root, root, 'none', 'bind'),
    ...plan.layers.flatMap((_, i) => layerLines(base, plan, i, place)),
    ...systemLines(base, place),
    ...content.mounts.map(({ source, target, readOnly }) => {
      const path = followed(target);
      makePoint(path, statSync(source).isDirectory(), place);
      return line(source, join(root, path), 'none', readOnly ? 'bind,ro,X-mount.mkdir' : 'rbind,X-mount.mkdir');
    }),
  ];
  for (const [path, text] of Object.entries(content.files)) {
    const at = makeParents(path, place);
    if (at !== undefined) writeFileSync(at, text, { mode: 0o644 });
  }
  const fstab = join(base, 'fstab');
  writeFileSync(fstab, lines.join(''));
  return { root, fstab };
}

/** Makes what a piece of this machine's files is mounted on, and says how. */
function layerLines(base: string, { layers, userNamespace }: RootPlan, i: number, place: Place): string[] {
  const { kind, path } = layers[i] as Layer;
  const at = join(base, 'root', path);
  switch (kind) {
    case 'link':
      symlinkSync(readlinkSync(path), at);
      return [];
    case 'dir':
      likeHost(at, path);
      return [];
    case 'bind':
      touch(place(path));
      return [line(path, at, 'none', 'rbind')];
    case 'overlay': {
      if (path !== '/') likeHost(place(path) ?? at, path);
      const [upper, work] = [upperOf(base, i), join(base, 'layers', String(i), 'work')];
      likeHost(upper, path);
      mkdirSync(work, { recursive: true });
      const lower = path.replaceAll(/[\\:,]/g, String.raw`\$&`);
      const options = `lowerdir=${lower},upperdir=${upper},workdir=${work}${userNamespace ? ',userxattr' : ''}`;
      return [line('overlay', at, 'overlay', options)];
    }
  }
}

/** /proc and /sys as they are; a /run of its own; and a /dev of its own, with terminals and what harmless devices there are. */
function systemLines(base: string, place: Place): string[] {
  const [root, own] = [join(base, 'root'), join(base, 'own')];
  for (const dir of [...MADE, ...LIVE]) mkdirSync(place(dir) ?? '', { recursive: true });
  for (const dir of ['dev/pts', 'dev/shm', 'run/lock']) mkdirSync(join(own, dir), { recursive: true });
  chmodSync(join(own, 'dev/shm'), 0o1777);
  for (const [name, target] of Object.entries(DEVICE_LINKS)) symlinkSync(target, join(own, 'dev', name));
  const devices = DEVICES.map((name) => `/dev/${name}`).filter((path) => existsSync(path));
  for (const device of devices) touch(place(device));
  return [
    ...MADE.map((dir) => line(join(own, dir), join(root, dir), 'none', 'rbind')),
    ...LIVE.map((dir) => line(dir, join(root, dir), 'none', 'rbind')),
    ...devices.map((device) => line(device, join(root, device), 'none', 'bind')),
    line('devpts', join(root, 'dev/pts'), 'devpts', 'newinstance,ptmxmode=0666,mode=620'),
  ];
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
