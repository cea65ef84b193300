import { execFile } from 'node:child_process';
import { readFileSync, rmSync } from 'node:fs';
import { promisify } from 'node:util';
import { netnsOf, toolEnv } from '../isolate.ts';
import { isWithin, mountPoints } from './root/layers.ts';

const run = promisify(execFile);

/** Where a node keeps what of its pods belongs in memory: in the lab's own /run, which goes with the lab. */
export const memoryOf = (cluster: string, node: string): string => `/run/lab/${netnsOf.node(cluster, node)}`;

/** Removes a directory there, and what is mounted in it. */
export async function clearMemory(dir: string): Promise<void> {
  const mounted = mountPoints(readFileSync('/proc/self/mountinfo', 'utf8')).filter((path) => isWithin(path, dir));
  for (const path of mounted.reverse()) await run('umount', ['--lazy', path], { env: toolEnv() });
  rmSync(dir, { recursive: true, force: true });
}
