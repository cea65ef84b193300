/**
 * The border: every value passes one of these before a tool sees it. What they return holds no white space, quote,
 * comment sign or leading dash, so it can neither end a batch line nor be read as an option.
 */
import { isIPv4, isIPv6 } from 'node:net';
import { HostNetError } from './errors.ts';

const LINK = /^[A-Za-z0-9_][A-Za-z0-9_.~-]{0,14}$/;
const NETNS = /^[A-Za-z0-9_][A-Za-z0-9_.~-]{0,199}$/;
const NFT_NAME = /^[a-z][a-z0-9_-]{0,63}$/;
const FOREIGN_NAME = /^[A-Za-z_][A-Za-z0-9_./-]{0,126}$/;
const CHAIN = /^[A-Za-z0-9_][A-Za-z0-9_-]{0,27}$/;
const MAC = /^[0-9a-f]{2}(?::[0-9a-f]{2}){5}$/;
const COMMENT = /^[A-Za-z0-9_./:=~ -]{1,120}$/;

function refuse(what: string, value: unknown, allowed: string): never {
  throw new HostNetError('HOSTNET_E_VALUE', `${JSON.stringify(value) ?? String(value)} is no ${what}: ${allowed}`);
}
const matching = (what: string, pattern: RegExp, allowed: string) => (value: string) =>
  typeof value === 'string' && pattern.test(value) ? value : refuse(what, value, allowed);

/** A link's name. */
export const linkName = matching('name of a link', LINK, 'up to 15 letters, digits, and _ . ~ - after the first');
/** A network namespace's name below /run/netns. */
export const netnsName = matching('name of a network namespace', NETNS, 'letters, digits, and _ . ~ - after the first');
/** A name of an nft table or chain. */
export const nftName = matching('name for nft', NFT_NAME, 'a lower-case letter, then letters, digits, _ and -');
/** A name that others gave an nft table or chain. */
export const foreignName = matching('name in nft', FOREIGN_NAME, 'a letter, then letters, digits and _ . / -');
/** A chain or target of iptables. */
export const chainName = matching('chain of iptables', CHAIN, 'up to 28 letters, digits, _ and - after the first');
/** A MAC address in lower case with colons. */
export const mac = matching('MAC address', MAC, 'six pairs of lower-case hex digits with colons');
/** A comment of an nft rule. */
export const comment = matching('comment', COMMENT, '1 to 120 letters, digits, spaces and _ . / : = ~ -');

/** An IPv4 or IPv6 address, without a zone. */
export function address(value: string): string {
  return typeof value === 'string' && !value.includes('%') && (isIPv4(value) || isIPv6(value))
    ? value
    : refuse('IP address', value, 'an IPv4 or IPv6 address without a zone');
}

/** `address/length`. */
export function prefix(value: string): string {
  const [ip, length, ...rest] = typeof value === 'string' ? value.split('/') : [];
  const ok = ip !== undefined && length !== undefined && rest.length === 0 && /^(?:0|[1-9]\d{0,2})$/.test(length) && !ip.includes('%');
  if (!ok || !(isIPv4(ip) ? Number(length) <= 32 : isIPv6(ip) && Number(length) <= 128)) refuse('prefix', value, 'address/length');
  return value;
}

export const family = (addressOrPrefix: string): 4 | 6 => (addressOrPrefix.includes(':') ? 6 : 4);

/** A whole number within bounds, as text. */
export function whole(what: string, value: number, min: number, max: number): string {
  return Number.isInteger(value) && value >= min && value <= max
    ? String(value)
    : refuse(what, value, `a whole number from ${min} to ${max}`);
}

/** One of some words. */
export function word<T extends string>(what: string, value: T, allowed: readonly T[]): T {
  return allowed.includes(value) ? value : refuse(what, value, allowed.join(', '));
}
