import { BlockList, isIPv4, isIPv6 } from 'node:net';

export type IpFamily = 'IPv4' | 'IPv6';

/** How long the prefix of a range may be. kube-apiserver, too, takes no IPv6 range of more than 2^20 addresses. */
const LENGTHS = { IPv4: { min: 8, max: 30, bits: 32 }, IPv6: { min: 108, max: 126, bits: 128 } } as const;

/** A range of ClusterIPs of one family, and which of them comes next. */
export class ServiceRange {
  readonly family: IpFamily;
  readonly cidr: string;
  readonly #base: bigint;
  readonly #size: number;
  readonly #block = new BlockList();
  #next: number;

  constructor(cidr: string) {
    const [ip = '', length = ''] = cidr.split('/');
    this.family = isIPv6(ip) ? 'IPv6' : 'IPv4';
    const { min, max, bits } = LENGTHS[this.family];
    if (!(isIPv4(ip) || isIPv6(ip)) || !/^\d+$/.test(length) || Number(length) < min || Number(length) > max) {
      throw new TypeError(
        `serviceCIDRs: ${JSON.stringify(cidr)} is no ${this.family} range between /${min} and /${max}, such as 10.96.0.0/12 or fd00:96::/112`,
      );
    }
    this.cidr = cidr;
    this.#size = 2 ** (bits - Number(length));
    const address = toNumber(ip);
    this.#base = address - (address % BigInt(this.#size));
    this.#block.addSubnet(this.#at(0), Number(length), this.family === 'IPv4' ? 'ipv4' : 'ipv6');
    // The first addresses are kept for those who ask for one, as kube-apiserver keeps a part of the range.
    this.#next = Math.min(Math.max(16, Math.floor(this.#size / 16)), 256, this.#size / 2);
  }

  get first(): string {
    return this.#at(1);
  }

  holds(ip: string): boolean {
    return this.family === 'IPv4' ? isIPv4(ip) && this.#block.check(ip, 'ipv4') : isIPv6(ip) && this.#block.check(ip, 'ipv6');
  }

  /** The next address in turn that is not taken. */
  next(taken: (ip: string) => boolean): string | undefined {
    for (let i = 0; i < this.#size - 2; i += 1) {
      const ip = this.#at(1 + ((this.#next + i) % (this.#size - 2)));
      if (taken(ip)) continue;
      this.#next = (this.#next + i + 1) % (this.#size - 2);
      return ip;
    }
    return undefined;
  }

  #at(index: number): string {
    const address = this.#base + BigInt(index);
    if (this.family === 'IPv4') return [24n, 16n, 8n, 0n].map((shift) => (address >> shift) & 255n).join('.');
    return canonical(Array.from({ length: 8 }, (_, i) => ((address >> BigInt(112 - 16 * i)) & 0xffffn).toString(16)).join(':'));
  }
}

/** The URL parser knows every form of an IPv6 address and gives the shortest one. */
const canonical = (ip: string): string => new URL(`http://[${ip}]`).hostname.slice(1, -1);

/** An address as the bytes that it has on the wire, 4 or 16. */
export const addressBytes = (ip: string): Buffer =>
  Buffer.from(
    toNumber(ip)
      .toString(16)
      .padStart(isIPv4(ip) ? 8 : 32, '0'),
    'hex',
  );

function toNumber(ip: string): bigint {
  if (isIPv4(ip)) return ip.split('.').reduce((n, part) => n * 256n + BigInt(part), 0n);
  const [head = '', tail] = canonical(ip).split('::');
  const words = (part: string | undefined): string[] => (part ? part.split(':') : []);
  const missing = tail === undefined ? 0 : 8 - words(head).length - words(tail).length;
  const all = [...words(head), ...Array.from({ length: missing }, () => '0'), ...words(tail)];
  return all.reduce((n, word) => n * 0x10000n + BigInt(`0x${word}`), 0n);
}
