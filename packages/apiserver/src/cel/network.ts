import { BlockList, isIP, isIPv4 } from 'node:net';
import type { Environment } from '@marcbachmann/cel-js';
import { fail } from './error.ts';
import { namespace } from './namespace.ts';

/** The 16-bit groups of an address, four bytes of an IPv4 one as two groups. */
function groups(text: string): number[] {
  if (isIPv4(text)) {
    const [a = 0, b = 0, c = 0, d = 0] = text.split('.').map(Number);
    return [a * 256 + b, c * 256 + d];
  }
  const dotted = /^(.*:)(\d+\.\d+\.\d+\.\d+)$/.exec(text);
  const plain = dotted
    ? dotted[1]! +
      groups(dotted[2]!)
        .map((g) => g.toString(16))
        .join(':')
    : text;
  const [head = '', tail] = plain.split('::');
  const parse = (part: string): number[] => (part ? part.split(':').map((g) => Number.parseInt(g, 16)) : []);
  const first = parse(head);
  if (tail === undefined) return first;
  const last = parse(tail);
  return [...first, ...Array<number>(8 - first.length - last.length).fill(0), ...last];
}

/** An IPv6 address as RFC 5952 writes it; an IPv4 one as it is. */
function canonical(text: string): string {
  return isIPv4(text) ? text : new URL(`http://[${text}]`).hostname.slice(1, -1);
}

export class IP {
  readonly text: string;
  readonly groups: number[];

  constructor(text: string) {
    this.text = canonical(text);
    this.groups = groups(text);
  }

  /** IPv6 addresses that wrap an IPv4 one, and zones, are refused, as by Kubernetes. */
  static parse(text: string): IP | undefined {
    if (isIP(text) === 0 || text.includes('%')) return undefined;
    const ip = new IP(text);
    return ip.family === 6n && ip.groups.slice(0, 6).join() === '0,0,0,0,0,65535' ? undefined : ip;
  }

  get family(): bigint {
    return this.groups.length === 2 ? 4n : 6n;
  }
}

class CIDR {
  readonly ip: IP;
  readonly bits: number;

  constructor(ip: IP, bits: number) {
    this.ip = ip;
    this.bits = bits;
  }

  static parse(text: string): CIDR | undefined {
    const found = /^([^/]+)\/(0|[1-9]\d{0,2})$/.exec(text);
    const ip = found && IP.parse(found[1]!);
    const bits = Number(found?.[2]);
    return ip && bits <= (ip.family === 4n ? 32 : 128) ? new CIDR(ip, bits) : undefined;
  }

  get masked(): CIDR {
    const kept = this.ip.groups.map((g, i) => g & (0xffff << (16 - Math.min(16, Math.max(0, this.bits - 16 * i)))) & 0xffff);
    const text = this.ip.family === 4n ? kept.flatMap((g) => [g >> 8, g & 255]).join('.') : kept.map((g) => g.toString(16)).join(':');
    return new CIDR(new IP(text), this.bits);
  }

  containsIP(ip: IP): boolean {
    if (ip.family !== this.ip.family) return false;
    const list = new BlockList();
    list.addSubnet(this.ip.text, this.bits, ip.family === 4n ? 'ipv4' : 'ipv6');
    return list.check(ip.text, ip.family === 4n ? 'ipv4' : 'ipv6');
  }

  containsCIDR(other: CIDR): boolean {
    return other.bits >= this.bits && this.containsIP(other.ip);
  }
}

const ip = (text: string): IP => IP.parse(text) ?? fail(`IP Address ${JSON.stringify(text)} parse error during conversion from string`);
const cidr = (text: string): CIDR => CIDR.parse(text) ?? fail(`network address parse error during conversion from string: ${text}`);

/** An absolute URI or an absolute path, as Go's url.ParseRequestURI takes it. */
function url(text: string): URL | undefined {
  if (/\s/.test(text)) return undefined;
  if (text.startsWith('/')) return URL.parse(text, 'none://') ?? undefined;
  return /^[a-zA-Z][-+.a-zA-Z0-9]*:/.test(text) ? (URL.parse(text) ?? undefined) : undefined;
}

class CelUrl {
  readonly text: string;
  readonly url: URL;

  constructor(text: string, parsed: URL) {
    this.text = text;
    this.url = parsed;
  }

  static parse(text: string): CelUrl | undefined {
    const parsed = url(text);
    return parsed && new CelUrl(text, parsed);
  }
}

/**
 * IP addresses, networks and URLs in Kubernetes' CEL:
 * https://kubernetes.io/docs/reference/using-api/cel/#kubernetes-ip-address-library and the sections around it.
 */
export function networkLibrary(env: Environment): void {
  env
    .registerType('net.IP', IP)
    .registerType('net.CIDR', CIDR)
    .registerType('kubernetes.URL', CelUrl)
    .registerFunction('ip(string): net.IP', ip)
    .registerFunction('isIP(string): bool', (s: string) => IP.parse(s) !== undefined)
    .registerFunction(`${namespace(env, 'ip')}.isCanonical(string): bool`, (_: unknown, s: string) => ip(s).text === s)
    .registerFunction('string(net.IP): string', (i: IP) => i.text)
    .registerFunction('net.IP.family(): int', (i: IP) => i.family)
    .registerFunction('net.IP.isUnspecified(): bool', (i: IP) => i.groups.every((g) => g === 0))
    .registerFunction('net.IP.isLoopback(): bool', (i: IP) => (i.family === 4n ? i.groups[0]! >> 8 === 127 : i.text === '::1'))
    .registerFunction('net.IP.isLinkLocalMulticast(): bool', (i: IP) =>
      i.family === 4n ? i.groups[0] === 0xe000 && i.groups[1]! >> 8 === 0 : (i.groups[0]! & 0xff0f) === 0xff02,
    )
    .registerFunction('net.IP.isLinkLocalUnicast(): bool', (i: IP) =>
      i.family === 4n ? i.groups[0] === 0xa9fe : (i.groups[0]! & 0xffc0) === 0xfe80,
    )
    .registerFunction('net.IP.isGlobalUnicast(): bool', (i: IP) =>
      i.family === 4n
        ? i.groups.some((g) => g !== 0) &&
          i.groups[0]! >> 8 !== 127 &&
          i.groups[0] !== 0xa9fe &&
          i.groups[0]! >> 12 < 14 &&
          i.text !== '255.255.255.255'
        : i.groups.some((g) => g !== 0) && i.text !== '::1' && i.groups[0]! >> 8 !== 0xff && (i.groups[0]! & 0xffc0) !== 0xfe80,
    )
    .registerOperator('net.IP == net.IP', (a: IP, b: IP) => a.text === b.text)
    .registerFunction('cidr(string): net.CIDR', cidr)
    .registerFunction('isCIDR(string): bool', (s: string) => CIDR.parse(s) !== undefined)
    .registerFunction('string(net.CIDR): string', (c: CIDR) => `${c.ip.text}/${c.bits}`)
    .registerFunction('net.CIDR.ip(): net.IP', (c: CIDR) => c.ip)
    .registerFunction('net.CIDR.prefixLength(): int', (c: CIDR) => BigInt(c.bits))
    .registerFunction('net.CIDR.masked(): net.CIDR', (c: CIDR) => c.masked)
    .registerFunction('net.CIDR.containsIP(string): bool', (c: CIDR, s: string) => c.containsIP(ip(s)))
    .registerFunction('net.CIDR.containsIP(net.IP): bool', (c: CIDR, i: IP) => c.containsIP(i))
    .registerFunction('net.CIDR.containsCIDR(string): bool', (c: CIDR, s: string) => c.containsCIDR(cidr(s)))
    .registerFunction('net.CIDR.containsCIDR(net.CIDR): bool', (c: CIDR, o: CIDR) => c.containsCIDR(o))
    .registerOperator('net.CIDR == net.CIDR', (a: CIDR, b: CIDR) => a.ip.text === b.ip.text && a.bits === b.bits)
    .registerFunction(
      'url(string): kubernetes.URL',
      (s: string) =>
        CelUrl.parse(s) ?? fail(`URL parse error during conversion from string: parse ${JSON.stringify(s)}: invalid URI for request`),
    )
    .registerFunction('isURL(string): bool', (s: string) => url(s) !== undefined)
    .registerFunction('kubernetes.URL.getScheme(): string', (u: CelUrl) => (u.text.startsWith('/') ? '' : u.url.protocol.slice(0, -1)))
    .registerFunction('kubernetes.URL.getHost(): string', (u: CelUrl) => /^[^:]+:\/\/(?:[^/@?#]*@)?([^/?#]*)/.exec(u.text)?.[1] ?? '')
    .registerFunction('kubernetes.URL.getHostname(): string', (u: CelUrl) =>
      u.text.startsWith('/') ? '' : u.url.hostname.replace(/^\[|\]$/g, ''),
    )
    .registerFunction('kubernetes.URL.getPort(): string', (u: CelUrl) => /^[^:]+:\/\/[^/?#]*:(\d+)(?:[/?#]|$)/.exec(u.text)?.[1] ?? '')
    .registerFunction('kubernetes.URL.getEscapedPath(): string', (u: CelUrl) =>
      /^[^:/]+:\/\/[^/?#]*(?:[?#]|$)/.test(u.text) ? '' : u.url.pathname,
    )
    .registerFunction('kubernetes.URL.getQuery(): map<string, list<string>>', (u: CelUrl) => {
      const out = new Map<string, string[]>();
      for (const [key, value] of u.url.searchParams) out.set(key, [...(out.get(key) ?? []), value]);
      return out;
    })
    .registerOperator('kubernetes.URL == kubernetes.URL', (a: CelUrl, b: CelUrl) => a.text === b.text);
}
