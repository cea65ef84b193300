import { mkdirSync, realpathSync, statSync } from 'node:fs';
import { join, resolve, sep } from 'node:path';

/** A path inside a volume; a directory is made where nothing is. Throws for one that leads out of the volume, also by a link. */
export function subPathOf(volume: string, subPath: string): string {
  if (subPath.startsWith('/') || subPath.split('/').includes('..'))
    throw new Error(`subPath '${subPath}' must be a relative path without '..'`);
  const top = realpathSync(volume);
  const path = join(top, subPath);
  const inside = (found: string) => found === top || found.startsWith(top + sep);
  // Up to what is there, so that nothing is made behind a link.
  let there = path;
  while (!statSync(there, { throwIfNoEntry: false })) there = resolve(there, '..');
  if (!inside(realpathSync(there))) throw new Error(`subPath '${subPath}' leads out of its volume`);
  if (there !== path) mkdirSync(path, { recursive: true });
  return realpathSync(path);
}
