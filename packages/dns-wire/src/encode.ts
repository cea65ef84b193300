import { addressBytes } from './address.ts';
import { unfit } from './error.ts';
import { CLASSES, RCODES, TYPES, type Edns, type Message, type Question, type ResourceRecord } from './message.ts';
import { labelsOf } from './name.ts';

const MAX_MESSAGE = 65_535;
const OPT = 41;
/** A compression pointer has 14 bits. */
const MAX_POINTER = 0x3fff;

/** What does not fit; caught here. */
const FULL = Symbol('full');

/** One for all messages: nothing is awaited while one is written. */
const scratch = Buffer.alloc(MAX_MESSAGE);

interface Writer {
  at: number;
  limit: number;
  /** Where the rest of a name, label by label, stands already. */
  readonly names: Map<string, number>;
}

export interface EncodeOptions {
  /** In bytes. What does not fit is left out, record by record, and `truncated` is set, unless it was an additional one. Default 65535. */
  readonly limit?: number;
}

/** Writes a message. Throws DnsWireError DNS_E_VALUE for a value that no message can hold. */
export function encode(message: Message, options: EncodeOptions = {}): Uint8Array {
  const w: Writer = { at: 12, limit: Math.min(options.limit ?? MAX_MESSAGE, MAX_MESSAGE), names: new Map() };
  const rcode = numberOf('rcode', message.rcode ?? 'NOERROR', RCODES, 'RCODE', 0xfff);
  if (rcode > 15 && !message.edns) throw unfit(`rcode ${message.rcode} needs EDNS`);
  const optSize = message.edns ? 11 + (message.edns.options ?? []).reduce((n, o) => n + 4 + o.data.length, 0) : 0;
  if (w.limit < w.at + optSize) throw unfit(`a limit of ${w.limit} bytes has no room for the header${message.edns ? ' and EDNS' : ''}`);
  w.limit -= optSize;
  const { questions = [], answers = [], authorities = [], additionals = [] } = message;
  // A question that does not fit leaves nothing to say.
  const asked = fill(w, questions, question);
  let truncated = message.truncated === true || asked < questions.length;
  const counts = [asked, 0, 0, 0];
  for (const [i, records] of [answers, authorities, additionals].entries()) {
    if (truncated && message.truncated !== true) break;
    counts[i + 1] = fill(w, records, record);
    truncated ||= i < 2 && (counts[i + 1] as number) < records.length;
  }
  w.limit += optSize;
  if (message.edns) {
    opt(w, message.edns, rcode >> 4);
    counts[3] = (counts[3] as number) + 1;
  }
  const end = w.at;
  w.at = 0;
  u16(w, whole('id', message.id, 0xffff));
  u16(w, flagsOf(message, truncated) | (rcode & 15));
  for (const count of counts) u16(w, whole('number of records', count, 0xffff));
  return new Uint8Array(scratch.subarray(0, end));
}

function flagsOf(m: Message, truncated: boolean): number {
  return (
    (m.response ? 0x8000 : 0) |
    (whole('opcode', m.opcode ?? 0, 15) << 11) |
    (m.authoritative ? 0x0400 : 0) |
    (truncated ? 0x0200 : 0) |
    (m.recursionDesired ? 0x0100 : 0) |
    (m.recursionAvailable ? 0x0080 : 0) |
    (m.authenticData ? 0x0020 : 0) |
    (m.checkingDisabled ? 0x0010 : 0)
  );
}

/** Writes as many items as fit, and says how many. */
function fill<T>(w: Writer, items: readonly T[], write: (w: Writer, item: T) => void): number {
  for (const [i, item] of items.entries()) {
    const start = w.at;
    try {
      write(w, item);
    } catch (error) {
      if (error !== FULL) throw error;
      w.at = start;
      for (const [rest, at] of w.names) if (at >= start) w.names.delete(rest);
      return i;
    }
  }
  return items.length;
}

function room(w: Writer, count: number): void {
  // Thrown for control flow within this file only; an Error would cost a stack.
  // oxlint-disable-next-line no-throw-literal
  if (w.at + count > w.limit) throw FULL;
}

function u16(w: Writer, value: number): void {
  room(w, 2);
  w.at = scratch.writeUInt16BE(value, w.at);
}

function u32(w: Writer, value: number): void {
  room(w, 4);
  w.at = scratch.writeUInt32BE(value, w.at);
}

function raw(w: Writer, bytes: ArrayLike<number>): void {
  room(w, bytes.length);
  scratch.set(bytes, w.at);
  w.at += bytes.length;
}

/** `compress`: may point to where the rest of the name stands already. Where it may not, others may point here all the same. */
function name(w: Writer, text: string, compress = true): void {
  const known = w.names.get(text);
  if (known !== undefined && compress) return u16(w, 0xc000 | known);
  const labels = labelsOf(text);
  const plain = !text.includes('\\');
  let start = 0;
  for (const [i, label] of labels.entries()) {
    // The rest as it is written; with escapes there are several ways to write one name.
    const rest = plain ? text.slice(start) : labels.slice(i).join('\0.');
    start += label.length + 1;
    const at = w.names.get(rest);
    if (at !== undefined && compress) return u16(w, 0xc000 | at);
    if (at === undefined && w.at <= MAX_POINTER) w.names.set(rest, w.at);
    room(w, label.length + 1);
    scratch[w.at] = label.length;
    scratch.write(label, w.at + 1, 'latin1');
    w.at += label.length + 1;
  }
  room(w, 1);
  scratch[w.at] = 0;
  w.at += 1;
}

function question(w: Writer, q: Question): void {
  name(w, q.name);
  u16(w, numberOf('type', q.type, TYPES, 'TYPE', 0xffff));
  u16(w, numberOf('class', q.class ?? 'IN', CLASSES, 'CLASS', 0xffff));
}

function record(w: Writer, r: ResourceRecord): void {
  name(w, r.name);
  u16(w, numberOf('type', r.type, TYPES, 'TYPE', 0xffff));
  u16(w, numberOf('class', r.class ?? 'IN', CLASSES, 'CLASS', 0xffff));
  u32(w, whole('ttl', r.ttl, 0xffffffff));
  u16(w, 0);
  const start = w.at;
  rdata(w, r);
  scratch.writeUInt16BE(w.at - start, start - 2);
}

function rdata(w: Writer, r: ResourceRecord): void {
  switch (r.type) {
    case 'A':
    case 'AAAA':
      return raw(w, addressBytes(r.data, r.type));
    case 'NS':
    case 'CNAME':
    case 'PTR':
      return name(w, r.data);
    case 'MX':
      u16(w, whole('preference', r.data.preference, 0xffff));
      return name(w, r.data.exchange);
    case 'SRV':
      for (const field of ['priority', 'weight', 'port'] as const) u16(w, whole(field, r.data[field], 0xffff));
      return name(w, r.data.target, false); // RFC 2782
    case 'SOA':
      name(w, r.data.mname);
      name(w, r.data.rname);
      for (const field of ['serial', 'refresh', 'retry', 'expire', 'minimum'] as const) u32(w, whole(field, r.data[field], 0xffffffff));
      return;
    case 'TXT':
      for (const text of r.data) {
        if (text.length > 255 || /[^\0-\xff]/.test(text))
          throw unfit('a string of a TXT record has more than 255 bytes, or a character that is no byte');
        raw(w, [text.length]);
        raw(w, Buffer.from(text, 'latin1'));
      }
      return;
    default:
      if (!(r.data instanceof Uint8Array) || r.data.length > MAX_MESSAGE)
        throw unfit(`the data of a ${(r as ResourceRecord).type} record are its bytes`);
      return raw(w, r.data);
  }
}

function opt(w: Writer, edns: Edns, highRcode: number): void {
  raw(w, [0]);
  u16(w, OPT);
  u16(w, whole('udpSize', edns.udpSize, 0xffff));
  u32(w, highRcode * 2 ** 24 + whole('EDNS version', edns.version ?? 0, 255) * 2 ** 16 + (edns.dnssecOk ? 0x8000 : 0));
  const options = edns.options ?? [];
  u16(
    w,
    whole(
      'length of EDNS options',
      options.reduce((n, o) => n + 4 + o.data.length, 0),
      0xffff,
    ),
  );
  for (const { code, data } of options) {
    u16(w, whole('EDNS option', code, 0xffff));
    u16(w, data.length);
    raw(w, data);
  }
}

function whole(what: string, value: number, max: number): number {
  if (!Number.isInteger(value) || value < 0 || value > max) throw unfit(`${what}: ${value} is no whole number from 0 to ${max}`);
  return value;
}

/** By its name, or by a number after a prefix: `TYPE257`. */
function numberOf(what: string, text: string, names: Readonly<Record<string, number>>, prefix: string, max: number): number {
  const known = Object.hasOwn(names, text) ? names[text] : undefined;
  if (known !== undefined) return known;
  const digits = text.startsWith(prefix) ? text.slice(prefix.length) : '';
  if (!/^\d{1,5}$/.test(digits)) throw unfit(`${JSON.stringify(text)} is no ${what}: a name, or ${prefix} and a number`);
  return whole(what, Number(digits), max);
}
