/** Values below /proc/sys/net of a network namespace. */
import { readFile, writeFile } from 'node:fs/promises';
import { HostNetError } from './errors.ts';
import { failed, run, type RunOptions } from './run.ts';
import { linkName, whole, word } from './values.ts';

/** A key as its parts, since links may have dots in their names: `{ family: 'ipv4', conf: 'eth0', name: 'rp_filter' }`; without `conf` one of the family's own. */
export interface SysctlKey {
  readonly family: 'ipv4' | 'ipv6';
  /** A link, `all` or `default`. */
  readonly conf?: string;
  readonly name: string;
}

/** `net/ipv4/conf/eth0/rp_filter` */
export function sysctlPath(key: SysctlKey): string {
  if (!/^[a-z][a-z0-9_]{0,63}$/.test(key.name))
    throw new HostNetError('HOSTNET_E_VALUE', `${JSON.stringify(key.name)} is no name of a sysctl: lower-case letters, digits and _`);
  const conf = key.conf === undefined ? '' : `conf/${linkName(key.conf)}/`;
  return `net/${word('family', key.family, ['ipv4', 'ipv6'])}/${conf}${key.name}`;
}

/** The reverse of `sysctlPath`. Undefined for anything else. */
export function sysctlKey(path: string): SysctlKey | undefined {
  const [net, family, ...rest] = path.split('/');
  if (net !== 'net' || (family !== 'ipv4' && family !== 'ipv6')) return undefined;
  if (rest.length === 1) return { family, name: rest[0]! };
  return rest.length === 3 && rest[0] === 'conf' ? { family, conf: rest[1]!, name: rest[2]! } : undefined;
}

/** Undefined where there is no such key, e.g. since the link is gone. `enter`: words that run a program in the namespace. */
export async function readSysctl(enter: readonly string[], key: SysctlKey, options: RunOptions): Promise<number | undefined> {
  const path = `/proc/sys/${sysctlPath(key)}`;
  if (enter.length === 0 && !options.runner) {
    try {
      return Number((await readFile(path, 'utf8')).trim());
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
      throw failed(['read', path], (error as Error).message);
    }
  }
  const ran = await run([...enter, 'cat', path], options);
  if (ran.code === 0) return Number(ran.stdout.trim());
  if (ran.stderr.includes('No such file')) return undefined;
  throw failed([...enter, 'cat', path], ran.stderr);
}

export async function writeSysctl(enter: readonly string[], key: SysctlKey, value: number, options: RunOptions): Promise<void> {
  const path = `/proc/sys/${sysctlPath(key)}`;
  const text = whole('value of a sysctl', value, -(2 ** 31), 2 ** 32);
  if (enter.length === 0 && !options.runner) {
    await writeFile(path, text).catch((error: Error) => {
      throw failed(['write', path], error.message, text);
    });
    return;
  }
  const ran = await run([...enter, 'tee', path], { ...options, input: text });
  if (ran.code !== 0) throw failed([...enter, 'tee', path], ran.stderr, text);
}
