import { readdirSync, readFileSync, readlinkSync } from 'node:fs';

/** The processes of a container are those in its mount namespace, whoever their parents are. */
export function mountNamespaceOf(pid: number): string | undefined {
  try {
    return readlinkSync(`/proc/${pid}/ns/mnt`);
  } catch {
    return undefined; // gone
  }
}

/** By namespace, the processes in it. */
export function processesByMountNamespace(): Map<string, number[]> {
  const found = new Map<string, number[]>();
  for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
    const namespace = mountNamespaceOf(Number(pid));
    if (namespace === undefined) continue;
    const known = found.get(namespace);
    if (known) known.push(Number(pid));
    else found.set(namespace, [Number(pid)]);
  }
  return found;
}

/** Kills what is left in a container's namespace. Never the kubelet's own, which is every other process's, too. */
export function killAllIn(namespace: string | undefined): void {
  if (namespace === undefined || namespace === mountNamespaceOf(process.pid)) return;
  for (const pid of processesByMountNamespace().get(namespace) ?? []) {
    try {
      process.kill(pid, 'SIGKILL');
    } catch {
      // ended in between
    }
  }
}

/** The first child of a process. */
export function childOf(pid: number): number | undefined {
  try {
    const [child] = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ');
    return child ? Number(child) : undefined;
  } catch {
    return undefined; // gone
  }
}
