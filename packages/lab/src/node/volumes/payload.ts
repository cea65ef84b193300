import {
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
  chmodSync,
} from 'node:fs';
import { dirname, join } from 'node:path';

/** A file of a volume: `path` is relative. */
export interface PayloadFile {
  readonly path: string;
  readonly data: Buffer;
  readonly mode: number;
}

/** The link to the directory that counts, by which all files change at once; the names are Kubernetes'. */
const DATA = '..data';

/**
 * Makes `dir` hold these files, all of them at once: they are written beside the old ones, and the link `..data` is turned to them.
 * Writes nothing where they are there already; true when it did.
 */
export function writePayload(dir: string, files: readonly PayloadFile[]): boolean {
  mkdirSync(dir, { recursive: true });
  const data = join(dir, DATA);
  const old = existsSync(data) ? readlinkSync(data) : undefined;
  if (old !== undefined && isSame(join(dir, old), files)) return false;
  const fresh = mkdtempSync(`${dir}/..`);
  chmodSync(fresh, 0o755);
  for (const { path, data: bytes, mode } of files) {
    const file = join(fresh, path);
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, bytes);
    chmodSync(file, mode);
  }
  const link = `${data}_tmp`;
  rmSync(link, { force: true });
  symlinkSync(fresh.slice(dir.length + 1), link);
  renameSync(link, data);
  const tops = new Set(files.map(({ path }) => path.split('/')[0] as string));
  for (const top of tops) if (!hasEntry(join(dir, top))) symlinkSync(join(DATA, top), join(dir, top));
  for (const name of readdirSync(dir)) if (!name.startsWith('..') && !tops.has(name)) rmSync(join(dir, name));
  if (old !== undefined) rmSync(join(dir, old), { recursive: true, force: true });
  return true;
}

function isSame(dir: string, files: readonly PayloadFile[]): boolean {
  const there = readdirSync(dir, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  return (
    there.length === files.length &&
    files.every(({ path, data, mode }) => {
      const found = lstatSync(join(dir, path), { throwIfNoEntry: false });
      return found !== undefined && (found.mode & 0o7777) === mode && readFileSync(join(dir, path)).equals(data);
    })
  );
}

const hasEntry = (path: string): boolean => lstatSync(path, { throwIfNoEntry: false }) !== undefined;
