/** What a node's kernel holds of the network, by tools that run there. Reads only. */
import {
  type CallOptions,
  createFirewall,
  createHostNet,
  type Entries,
  HostNetError,
  type Link,
  type Runner,
  sysctlKey,
} from '@kosmos/hostnet';
import { NFT_TABLE, OWN_DEVICES, PROTOCOL, TABLE } from '../agent/constants.ts';
import type { Problem } from '../agent/desired.ts';
import { forwardBlocked } from '../agent/forward.ts';
import { fingerprint, recall } from '../agent/memory.ts';

/** What could not be read is undefined: a tool or a right is missing there. */
export interface Observed {
  readonly links?: readonly Link[];
  readonly entries?: Entries;
  /** Of the nft table: as the agent put it there last, as something else left it, or not there; and for which rules it was made. */
  readonly table?: { readonly is: 'untouched' | 'changed' | 'missing'; readonly made?: string };
  /** By path. */
  readonly sysctls?: ReadonlyMap<string, number | undefined>;
  /** Filter rules of other software that drop what is forwarded. */
  readonly blocked?: readonly Problem[];
}

/** `sysctls`: paths of those to read, by what else is there. */
export async function observe(
  runner: Runner,
  sysctls: (links: readonly Link[], entries: Entries) => readonly string[],
  call: CallOptions,
): Promise<Observed> {
  const net = createHostNet({ runner });
  const firewall = createFirewall({ runner });
  const known = async <T>(read: () => Promise<T>): Promise<T | undefined> => {
    try {
      return await read();
    } catch (error) {
      if (error instanceof HostNetError) return undefined;
      throw error;
    }
  };
  const [seen, table] = await Promise.all([
    known(async () => {
      const snapshot = await net.snapshot({ table: TABLE, protocol: PROTOCOL, devices: OWN_DEVICES }, call);
      return { links: snapshot.links, entries: snapshot.entries() };
    }),
    known(async () => {
      const [listed, memory] = await Promise.all([net.nftTable(NFT_TABLE, call), recall(net, call)]);
      if (!listed) return { is: 'missing' as const };
      const { wanted, listed: before } = memory?.table ?? {};
      return { is: before === fingerprint(listed) ? ('untouched' as const) : ('changed' as const), ...(wanted && { made: wanted }) };
    }),
  ]);
  if (!seen) return { ...(table && { table }) };
  const tunnels = seen.links.filter(({ name, kind }) => OWN_DEVICES.has(name) && kind === 'vxlan').map(({ name }) => name);
  const paths = sysctls(seen.links, seen.entries);
  const [blocked, values] = await Promise.all([
    known(() => forwardBlocked(firewall, tunnels, call)),
    known(async () => new Map(await Promise.all(paths.map(async (path) => [path, await net.sysctl(sysctlKey(path)!, call)] as const)))),
  ]);
  return {
    ...seen,
    ...(table && { table }),
    ...(values && { sysctls: values }),
    ...(blocked && { blocked }),
  };
}

/** Does what lies between two nodes answer? Undefined: that cannot be told there. */
export interface Reach {
  readonly underlay?: boolean;
  readonly tunnel?: boolean;
  /** Do packets as large as the device lets pass get through the tunnel undivided? */
  readonly fullSize?: boolean;
}

/** Pings the next hop's underlay address, and through the tunnel its overlay address. */
export async function reach(
  runner: Runner,
  { underlay, via, dev, mtu }: { readonly underlay: string; readonly via: string; readonly dev: string; readonly mtu: number },
  signal: AbortSignal,
): Promise<Reach> {
  const ping = async (...args: string[]): Promise<boolean | undefined> => {
    const { code, stdout } = await runner(['ping', '-n', '-c', '3', '-i', '0.2', '-W', '1', ...args], { signal });
    return code === 0 ? true : /received/.test(stdout) ? false : undefined;
  };
  const headers = via.includes(':') ? 48 : 28;
  const whole = ['-M', 'do', '-s', String(mtu - headers), '-I', dev, via];
  const [outer, inner, full] = await Promise.all([ping(underlay), ping('-I', dev, via), ping(...whole)]);
  return {
    ...(outer !== undefined && { underlay: outer }),
    ...(inner !== undefined && { tunnel: inner }),
    ...(full !== undefined && { fullSize: full }),
  };
}
