/** As much of ASN.1's distinguished encoding (X.690) as certificates take. */
type Bytes = Uint8Array;

function tagged(tag: number, content: Bytes): Buffer {
  const n = content.length;
  const length = n < 0x80 ? [n] : n < 0x100 ? [0x81, n] : [0x82, n >> 8, n & 0xff];
  if (n > 0xffff) throw new RangeError(`a certificate's part of ${n} bytes is too long: at most 65535, so fewer or shorter names`);
  return Buffer.concat([Buffer.from([tag, ...length]), content]);
}

export const sequence = (...parts: Bytes[]): Buffer => tagged(0x30, Buffer.concat(parts));
export const set = (...parts: Bytes[]): Buffer => tagged(0x31, Buffer.concat(parts));
/** A number of any length, its bytes the most significant first; the first has to be below 0x80, or the number were negative. */
export const integer = (bytes: Bytes): Buffer => tagged(0x02, bytes);
export const octets = (content: Bytes): Buffer => tagged(0x04, content);
export const TRUE = tagged(0x01, Buffer.from([0xff]));

/** @param unused bits of the last byte that do not count */
export const bits = (content: Bytes, unused = 0): Buffer => tagged(0x03, Buffer.concat([Buffer.from([unused]), content]));

/** A field that is told by its number: `explicit` around an encoded value, `implicit` in the place of its tag. */
export const explicit = (number: number, content: Bytes): Buffer => tagged(0xa0 | number, content);
export const implicit = (number: number, content: Bytes): Buffer => tagged(0x80 | number, content);

/** An object identifier, from its dotted form. */
export function oid(dotted: string): Buffer {
  const [first = 0, second = 0, ...rest] = dotted.split('.').map(Number);
  const groups = (arc: number): number[] => (arc < 0x80 ? [arc] : [...groups(arc >> 7).map((b) => b | 0x80), arc & 0x7f]);
  return tagged(0x06, Buffer.from([first * 40 + second, ...rest.flatMap(groups)]));
}

/** Text as the narrower of the two types that names have: what compares names byte by byte expects that. */
export const text = (value: string): Buffer => tagged(/^[A-Za-z0-9 '()+,\-./:=?]*$/.test(value) ? 0x13 : 0x0c, Buffer.from(value));

/** A time to the second, since 1970 in milliseconds; with two digits of the year until 2049, as RFC 5280 has it. */
export function time(at: number): Buffer {
  const date = new Date(at);
  const digits = `${date.toISOString().slice(0, 19).replace(/[-:T]/g, '')}Z`;
  return date.getUTCFullYear() < 2050 ? tagged(0x17, Buffer.from(digits.slice(2))) : tagged(0x18, Buffer.from(digits));
}
