import { mkdirSync, statSync, writeFileSync, type Stats } from 'node:fs';

const IS: Readonly<Record<string, (found: Stats) => boolean>> = {
  Directory: (s) => s.isDirectory(),
  File: (s) => s.isFile(),
  Socket: (s) => s.isSocket(),
  CharDevice: (s) => s.isCharacterDevice(),
  BlockDevice: (s) => s.isBlockDevice(),
};

/** A path of this machine, of the type that is asked for; made where the type says so, and without a type as container runtimes do. */
export function hostPath({ path, type = '' }: { readonly path: string; readonly type?: string }): string {
  const found = statSync(path, { throwIfNoEntry: false });
  if (!found && (type === '' || type === 'DirectoryOrCreate')) mkdirSync(path, { recursive: true, mode: 0o755 });
  else if (!found && type === 'FileOrCreate') writeFileSync(path, '', { mode: 0o644 });
  else if (type !== '' && !(found && IS[type.replace('OrCreate', '')]?.(found)))
    throw new Error(`hostPath type check failed: ${path} is not a ${type.replace('OrCreate', '')}`);
  return path;
}
