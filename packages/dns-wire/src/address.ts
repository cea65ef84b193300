import { isIPv4, isIPv6 } from 'node:net';
import { unfit } from './error.ts';

/** Four or sixteen bytes. Throws DNS_E_VALUE. */
export function addressBytes(text: string, type: 'A' | 'AAAA'): number[] {
  if (type === 'A') {
    if (!isIPv4(text)) throw unfit(`${JSON.stringify(text)} is no IPv4 address`);
    return text.split('.').map(Number);
  }
  if (!isIPv6(text) || text.includes('%')) throw unfit(`${JSON.stringify(text)} is no IPv6 address`);
  // The last 32 bits may be written as an IPv4 address.
  const four = /^(.*:)(\d+)\.(\d+)\.(\d+)\.(\d+)$/.exec(text);
  const hex = (high: string | undefined, low: string | undefined) => (Number(high) * 256 + Number(low)).toString(16);
  const plain = four ? `${four[1]}${hex(four[2], four[3])}:${hex(four[4], four[5])}` : text;
  const [head = '', tail] = plain.split('::');
  const words = (part: string | undefined) => (part ? part.split(':').map((w) => Number.parseInt(w, 16)) : []);
  const [left, right] = [words(head), words(tail)];
  const zeros = tail === undefined ? [] : Array.from({ length: 8 - left.length - right.length }, () => 0);
  return [...left, ...zeros, ...right].flatMap((word) => [word >> 8, word & 255]);
}

/** IPv6 as RFC 5952 wants it: the first longest run of two or more zero words becomes `::`. */
export function addressText(bytes: Uint8Array): string {
  if (bytes.length === 4) return bytes.join('.');
  const words = Array.from({ length: 8 }, (_, i) => ((bytes[2 * i] as number) << 8) | (bytes[2 * i + 1] as number));
  let best = { at: -1, length: 1 };
  for (let i = 0; i < 8; i += 1) {
    let length = 0;
    while (i + length < 8 && words[i + length] === 0) length += 1;
    if (length > best.length) best = { at: i, length };
    if (length > 0) i += length - 1;
  }
  const text = (from: number, to: number) =>
    words
      .slice(from, to)
      .map((w) => w.toString(16))
      .join(':');
  return best.at < 0 ? text(0, 8) : `${text(0, best.at)}::${text(best.at + best.length, 8)}`;
}
