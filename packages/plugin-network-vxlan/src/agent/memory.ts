import { hash } from 'node:crypto';
import { type CallOptions, type HostNet, type NftTable, sysctlKey } from '@kosmos/hostnet';
import { NFT_MEMORY, NFT_TABLE } from './constants.ts';

/**
 * What the agent must still know after a kill -9, kept in the kernel as comments in an nft table that no packet sees: it
 * lives exactly as long as the network it speaks of (a file would outlive a reboot or a namespace, or be shared by two).
 */
export interface Memory {
  /** Sysctls as they were before Kosmos came, by path. */
  readonly sysctls: ReadonlyMap<string, number>;
  /** Fingerprints of the nft table that was put in place, and of the kernel's listing of it. */
  readonly table: { readonly wanted: string; readonly listed: string } | undefined;
}

export const NOTHING: Memory = { sysctls: new Map(), table: undefined };

export const fingerprint = (value: unknown): string => hash('sha256', JSON.stringify(value) ?? '', 'hex').slice(0, 32);
/** nft's listing has anonymous sets in an order of its own, but always the same one for a table. */
export const listing = (net: HostNet, options?: CallOptions) =>
  net.nftTable(NFT_TABLE, options).then((table) => table && fingerprint(table));

/** Undefined: there is no memory, since Kosmos has not been here. */
export async function recall(net: HostNet, options?: CallOptions): Promise<Memory | undefined> {
  const table = await net.nftTable(NFT_MEMORY, options);
  if (!table) return undefined;
  const sysctls = new Map<string, number>();
  let put: Memory['table'];
  for (const object of table) {
    const comment = (object.rule as { comment?: string } | undefined)?.comment ?? '';
    const [kind, key = '', value = ''] = comment.split(' ');
    if (kind === 'sysctl' && sysctlKey(key)) sysctls.set(key, Number(value));
    if (kind === 'table') put = { wanted: key, listed: value };
  }
  return { sysctls, table: put };
}

export async function remember(net: HostNet, memory: Memory, options?: CallOptions): Promise<void> {
  const notes = [
    ...[...memory.sysctls].map(([path, value]) => `sysctl ${path} ${value}`),
    ...(memory.table ? [`table ${memory.table.wanted} ${memory.table.listed}`] : []),
  ];
  const table: NftTable = {
    ...NFT_MEMORY,
    chains: [{ name: 'memory', rules: notes.map((comment) => ({ when: [], action: 'return', comment })) }],
  };
  await net.nft({ replace: [table] }, options);
}

export async function forget(net: HostNet, options?: CallOptions): Promise<void> {
  await net.nft({ delete: [NFT_MEMORY] }, options);
}
