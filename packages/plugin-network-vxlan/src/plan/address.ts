/**
 * IPv4 and IPv6 arithmetic on numbers: IPv4 as a number, IPv6 as a bigint. Both compare with `<`, so that intervals and
 * order are the same code for both; values of two families are never compared.
 */
export type Bits = number | bigint;
export type IpVersion = 4 | 6;

export interface Ip {
  readonly family: IpVersion;
  readonly bits: Bits;
  /** Canonical: RFC 5952 for IPv6. */
  readonly text: string;
}

/** A network: host bits are zero. */
export interface Cidr {
  readonly family: IpVersion;
  readonly first: Bits;
  readonly last: Bits;
  readonly length: number;
  /** Canonical, `10.0.0.0/8`. */
  readonly text: string;
}

const PREFIX = /^(?:0|[1-9]\d{0,2})$/;
const ZERO = 0x30;
const DOT = 0x2e;
const GROUP = /^[0-9a-fA-F]{1,4}$/;

/** Undefined for anything but one IPv4 or IPv6 address: no leading zeros in octets (some read them as octal), no zone. */
export function parseIp(text: string): Ip | undefined {
  if (text.includes(':')) {
    const bits = parse6(text);
    return bits === undefined ? undefined : { family: 6, bits, text: formatIp(6, bits) };
  }
  const bits = parse4(text, text.length);
  return bits === undefined ? undefined : { family: 4, bits, text };
}

/** Undefined for anything but `address/length`. Host bits are dropped, as the kernel would refuse them. */
export function parseCidr(text: string): Cidr | undefined {
  const slash = text.indexOf('/');
  const suffix = text.slice(slash + 1);
  if (slash < 0 || !PREFIX.test(suffix)) return undefined;
  const length = Number(suffix);
  const family = text.includes(':') ? 6 : 4;
  const bits = family === 6 ? parse6(text.slice(0, slash)) : parse4(text, slash);
  if (bits === undefined || length > width(family)) return undefined;
  if (family === 6) return cidrOf(6, bits, length);
  const first = network4(bits as number, length);
  // What parse4 takes is canonical.
  return cidr4(first, length, first === bits ? text : undefined);
}

/** The network of this length that holds the address. */
export function cidrOf(family: IpVersion, bits: Bits, length: number): Cidr {
  if (family === 4) {
    return cidr4(network4(bits as number, length), length);
  }
  const host = 128n - BigInt(length);
  const first = ((bits as bigint) >> host) << host;
  return { family, first, last: first | ((1n << host) - 1n), length, text: `${formatIp(6, first)}/${length}` };
}

function cidr4(first: number, length: number, text = `${formatIp(4, first)}/${length}`): Cidr {
  return { family: 4, first, last: first + 2 ** (32 - length) - 1, length, text };
}

function network4(bits: number, length: number): number {
  const size = 2 ** (32 - length);
  return Math.floor(bits / size) * size;
}

/** The network of this one address. */
export function hostCidr(ip: Ip): Cidr {
  return cidrOf(ip.family, ip.bits, width(ip.family));
}

export function width(family: IpVersion): 32 | 128 {
  return family === 4 ? 32 : 128;
}

export function overlaps(a: Cidr, b: Cidr): boolean {
  return a.family === b.family && a.first <= b.last && b.first <= a.last;
}

export function contains(cidr: Cidr, inner: Cidr | Ip): boolean {
  if (cidr.family !== inner.family) return false;
  return 'bits' in inner ? cidr.first <= inner.bits && inner.bits <= cidr.last : cidr.first <= inner.first && inner.last <= cidr.last;
}

/** The network at the place in `to` that it has in `from`; `to` is of the same family and length as `from`, which contains it. */
export function shift(cidr: Cidr, from: Cidr, to: Cidr): Cidr {
  const bits: Bits =
    cidr.family === 4
      ? (to.first as number) + ((cidr.first as number) - (from.first as number))
      : (to.first as bigint) + ((cidr.first as bigint) - (from.first as bigint));
  return cidrOf(cidr.family, bits, cidr.length);
}

/** By family, network and length, shorter prefixes first: a network comes right before what it contains. */
export function compareCidrs(a: Cidr, b: Cidr): number {
  if (a.family !== b.family) return a.family - b.family;
  if (a.first !== b.first) return a.first < b.first ? -1 : 1;
  return a.length - b.length;
}

export function compareIps(a: Ip, b: Ip): number {
  if (a.family !== b.family) return a.family - b.family;
  return a.bits === b.bits ? 0 : a.bits < b.bits ? -1 : 1;
}

/** Network addresses, sorted, each once; what is no CIDR is left out. */
export function canonicalCidrs(texts: readonly string[]): string[] {
  const cidrs = texts
    .map((text) => parseCidr(text.trim()))
    .filter((cidr) => cidr !== undefined)
    .sort(compareCidrs);
  return [...new Set(cidrs.map((cidr) => cidr.text))];
}

/**
 * The overlay address of a node: network bits of the overlay net, host bits of the underlay address. The bits of the
 * underlay address that the net covers are lost, so two nodes may get one address.
 */
export function overlayAddress(net: Cidr, underlay: Ip): Ip {
  const bits =
    net.family === 4
      ? (net.first as number) + ((underlay.bits as number) % 2 ** (32 - net.length))
      : (net.first as bigint) | ((underlay.bits as bigint) & ((1n << BigInt(128 - net.length)) - 1n));
  return { family: net.family, bits, text: formatIp(net.family, bits) };
}

export function formatIp(family: IpVersion, bits: Bits): string {
  if (family === 6) return format6(bits as bigint);
  const n = bits as number;
  return `${Math.floor(n / 0x1000000)}.${Math.floor(n / 0x10000) & 255}.${Math.floor(n / 0x100) & 255}.${n & 255}`;
}

/** The address that the text is up to `end`. */
function parse4(text: string, end: number): number | undefined {
  let [n, octet, digits, dots] = [0, 0, 0, 0];
  for (let i = 0; i < end; i += 1) {
    const digit = text.charCodeAt(i) - ZERO;
    if (digit === DOT - ZERO) {
      if (digits === 0) return undefined;
      n = n * 256 + octet;
      dots += 1;
      octet = digits = 0;
    } else {
      if (digit < 0 || digit > 9 || (digits > 0 && octet === 0)) return undefined;
      octet = octet * 10 + digit;
      if (octet > 255) return undefined;
      digits += 1;
    }
  }
  return dots === 3 && digits > 0 ? n * 256 + octet : undefined;
}

function parse6(text: string): bigint | undefined {
  const halves = text.split('::');
  if (halves.length > 2) return undefined;
  const head = groups(halves[0]!, halves.length === 1);
  const tail = halves.length === 2 ? groups(halves[1]!, true) : [];
  if (!head || !tail) return undefined;
  const missing = 8 - head.length - tail.length;
  if (halves.length === 1 ? missing !== 0 : missing < 1) return undefined;
  let n = 0n;
  for (const group of [...head, ...Array.from({ length: missing }, () => 0), ...tail]) n = (n << 16n) | BigInt(group);
  return n;
}

/** `last`: these are the address's last groups, which may be written as an IPv4 address. */
function groups(text: string, last: boolean): number[] | undefined {
  if (text === '') return [];
  const parts = text.split(':');
  const out: number[] = [];
  for (const [i, part] of parts.entries()) {
    if (last && i === parts.length - 1 && part.includes('.')) {
      const v4 = parse4(part, part.length);
      if (v4 === undefined) return undefined;
      out.push(Math.floor(v4 / 0x10000), v4 & 0xffff);
    } else if (GROUP.test(part)) out.push(Number.parseInt(part, 16));
    else return undefined;
  }
  return out;
}

function format6(bits: bigint): string {
  const parts: number[] = [];
  for (let shift = 112n; shift >= 0n; shift -= 16n) parts.push(Number((bits >> shift) & 0xffffn));
  let [start, length] = [-1, 1];
  for (let i = 0; i < 8; i += 1) {
    let n = 0;
    while (i + n < 8 && parts[i + n] === 0) n += 1;
    if (n > length) [start, length] = [i, n];
    i += n;
  }
  const hex = parts.map((p) => p.toString(16));
  if (start < 0) return hex.join(':');
  return `${hex.slice(0, start).join(':')}::${hex.slice(start + length).join(':')}`;
}
