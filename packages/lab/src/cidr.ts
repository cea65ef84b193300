export interface Cidr {
  /** The network's address as a number below 2^32. */
  readonly base: number;
  readonly prefix: number;
}

/** An IPv4 network in its canonical form, or undefined. */
export function parseCidr(text: string): Cidr | undefined {
  const match = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})\/(\d{1,2})$/.exec(text);
  if (!match) return undefined;
  const [a, b, c, d, prefix] = match.slice(1).map(Number) as [number, number, number, number, number];
  if (Math.max(a, b, c, d) > 255 || prefix > 32) return undefined;
  const base = ((a * 256 + b) * 256 + c) * 256 + d;
  if (base % 2 ** (32 - prefix) !== 0 || `${format(base)}/${prefix}` !== text) return undefined;
  return { base, prefix };
}

export function format(address: number): string {
  return [24, 16, 8, 0].map((shift) => Math.floor(address / 2 ** shift) % 256).join('.');
}

/** The `index`-th address of a network. */
export function hostOf(network: string, index: number): string {
  return format((parseCidr(network) as Cidr).base + index);
}
