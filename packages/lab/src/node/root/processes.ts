import { readdirSync, readFileSync, readlinkSync } from 'node:fs';

/** The processes of a container are those in its mount namespace, whoever their parents are. */
export const mountNamespaceOf = (pid: number | 'self'): string | undefined => namespaceOf(pid, 'mnt');
export const netNamespaceOf = (pid: number | 'self'): string | undefined => namespaceOf(pid, 'net');

function namespaceOf(pid: number | 'self', kind: 'mnt' | 'net'): string | undefined {
  try {
    return readlinkSync(`/proc/${pid}/ns/${kind}`);
  } catch {
    return undefined; // gone
  }
}

/** All processes of the lab, with their namespaces. */
export function processes(): { readonly pid: number; readonly mount: string; readonly net: string }[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((name) => {
      const [pid, mount, net] = [Number(name), mountNamespaceOf(Number(name)), netNamespaceOf(Number(name))];
      return mount === undefined || net === undefined ? [] : [{ pid, mount, net }];
    });
}

/** Kills what is left in a container's namespace. Never the kubelet's own, which is every other process's, too. */
export function killAllIn(namespace: string | undefined): void {
  if (namespace === undefined || namespace === mountNamespaceOf('self')) return;
  for (const { pid, mount } of processes()) {
    if (mount !== namespace) continue;
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
