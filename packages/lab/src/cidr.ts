import { isIPv4, isIPv6 } from 'node:net';

export type Family = 'IPv4' | 'IPv6';

export interface Cidr {
  readonly family: Family;
  /** The network's address as a number. */
  readonly base: bigint;
  readonly prefix: number;
}

const BITS: Readonly<Record<Family, number>> = { IPv4: 32, IPv6: 128 };

export const familyOf = (addressOrCidr: string): Family => (addressOrCidr.includes(':') ? 'IPv6' : 'IPv4');

/** A network in its canonical form, or undefined. */
export function parseCidr(text: string): Cidr | undefined {
  const [address = '', length = '', ...rest] = text.split('/');
  if (rest.length > 0 || !/^\d{1,3}$/.test(length) || address.includes('%')) return undefined;
  if (!isIPv4(address) && !isIPv6(address)) return undefined;
  const family = familyOf(address);
  const prefix = Number(length);
  if (prefix > BITS[family]) return undefined;
  const base = toNumber(address);
  if (base % 2n ** BigInt(BITS[family] - prefix) !== 0n || `${format(base, family)}/${prefix}` !== text) return undefined;
  return { family, base, prefix };
}

/** An address as a number; it must be one. */
export function toNumber(address: string): bigint {
  if (familyOf(address) === 'IPv4') return address.split('.').reduce((n, part) => n * 256n + BigInt(part), 0n);
  // The WHATWG URL parser knows every form of an IPv6 address, and gives the canonical one.
  const [head = '', tail] = new URL(`http://[${address}]`).hostname.slice(1, -1).split('::');
  const words = (part: string | undefined) => (part ? part.split(':') : []);
  const [left, right] = [words(head), words(tail)];
  const zeros = Array.from({ length: tail === undefined ? 0 : 8 - left.length - right.length }, () => '0');
  return [...left, ...zeros, ...right].reduce((n, word) => n * 0x10000n + BigInt(`0x${word}`), 0n);
}

export function format(address: bigint, family: Family): string {
  if (family === 'IPv4') return [24n, 16n, 8n, 0n].map((shift) => (address >> shift) & 255n).join('.');
  const words = Array.from({ length: 8 }, (_, i) => ((address >> BigInt(112 - 16 * i)) & 0xffffn).toString(16));
  return new URL(`http://[${words.join(':')}]`).hostname.slice(1, -1);
}

/** The `index`-th address of a network. */
export function hostOf(network: string, index: number): string {
  const { base, family } = parseCidr(network) as Cidr;
  return format(base + BigInt(index), family);
}

/** How many addresses a network has beside its first and last one, as far as a number of hosts can count. */
export function hostsOf(network: string): number {
  const { family, prefix } = parseCidr(network) as Cidr;
  return 2 ** Math.min(BITS[family] - prefix, 32) - 2;
}

/** The `index`-th network of `prefix` bits within a network; undefined when it is outside of it. */
export function subnetOf(network: string, prefix: number, index: number): string | undefined {
  const outer = parseCidr(network) as Cidr;
  if (prefix < outer.prefix || BigInt(index) >= 2n ** BigInt(prefix - outer.prefix)) return undefined;
  return `${format(outer.base + (BigInt(index) << BigInt(BITS[outer.family] - prefix)), outer.family)}/${prefix}`;
}

export const prefixOf = (network: string): number => (parseCidr(network) as Cidr).prefix;

export const contains = (network: string, address: string): boolean => {
  const { family, base, prefix } = parseCidr(network) as Cidr;
  if (family !== familyOf(address)) return false;
  const shift = BigInt(BITS[family] - prefix);
  return toNumber(address) >> shift === base >> shift;
};

/** Whether a text is an address of a family, without a zone. */
export const isAddress = (text: string, family: Family): boolean =>
  family === 'IPv4' ? isIPv4(text) : isIPv6(text) && !text.includes('%');

/** The network of one address. */
export const alone = (address: string): string => `${address}/${BITS[familyOf(address)]}`;
