import { addressText } from './address.ts';
import { malformed } from './error.ts';
import { className, rcodeName, typeName, type Decoded, type Edns, type Question, type RawType, type ResourceRecord } from './message.ts';
import { readName } from './name.ts';

const HEADER = 12;
const OPT = 41;

interface Cursor {
  readonly bytes: Uint8Array;
  readonly view: DataView;
  /** Names that pointers led to, by where they stand: many records point to one. */
  readonly names: Map<number, string>;
  at: number;
}

/** Reads a message. Throws DnsWireError DNS_E_FORMAT, and nothing else, for bytes that are none. */
export function decode(bytes: Uint8Array): Decoded {
  if (bytes.length < HEADER) throw malformed(`${bytes.length} bytes are no DNS message: its header has ${HEADER}`);
  const c: Cursor = { bytes, view: new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength), names: new Map(), at: HEADER };
  const flags = c.view.getUint16(2);
  const questions: Question[] = [];
  for (let i = c.view.getUint16(4); i > 0; i -= 1) questions.push(question(c));
  const opts: Opt[] = [];
  const section = (offset: number) => {
    const records: ResourceRecord[] = [];
    for (let i = c.view.getUint16(offset); i > 0; i -= 1) {
      const read = record(c);
      if ('edns' in read) opts.push(read);
      else records.push(read);
    }
    return records;
  };
  const [answers, authorities] = [section(6), section(8)];
  if (opts.length > 0) throw malformed('an OPT record stands before the additional section');
  const additionals = section(10);
  if (opts.length > 1) throw malformed('there is more than one OPT record');
  const [opt] = opts;
  return {
    id: c.view.getUint16(0),
    response: (flags & 0x8000) !== 0,
    opcode: (flags >> 11) & 15,
    authoritative: (flags & 0x0400) !== 0,
    truncated: (flags & 0x0200) !== 0,
    recursionDesired: (flags & 0x0100) !== 0,
    recursionAvailable: (flags & 0x0080) !== 0,
    authenticData: (flags & 0x0020) !== 0,
    checkingDisabled: (flags & 0x0010) !== 0,
    rcode: rcodeName((flags & 15) | ((opt?.highRcode ?? 0) << 4)),
    questions,
    answers,
    authorities,
    additionals,
    ...(opt && { edns: opt.edns }),
  };
}

interface Opt {
  readonly edns: Edns;
  readonly highRcode: number;
}

function need(c: Cursor, count: number, what: string): void {
  if (c.at + count > c.bytes.length) throw malformed(`${what} goes beyond the end of the message, at byte ${c.at}`);
}

function name(c: Cursor): string {
  const start = c.at;
  const [high = 0, low = 0] = [c.bytes[start], c.bytes[start + 1]];
  const target = high >= 0xc0 && start + 1 < c.bytes.length ? ((high & 0x3f) << 8) | low : -1;
  const known = c.names.get(target);
  if (known !== undefined) {
    c.at += 2;
    return known;
  }
  const read = readName(c.bytes, start);
  c.at = read.end;
  if (target >= 0) c.names.set(target, read.name);
  return read.name;
}

function u16(c: Cursor): number {
  c.at += 2;
  return c.view.getUint16(c.at - 2);
}

function u32(c: Cursor): number {
  c.at += 4;
  return c.view.getUint32(c.at - 4);
}

function question(c: Cursor): Question {
  const owner = name(c);
  need(c, 4, 'a question');
  return { name: owner, type: typeName(u16(c)), class: className(u16(c)) };
}

function record(c: Cursor): ResourceRecord | Opt {
  const owner = name(c);
  need(c, 10, 'a record');
  const type = u16(c);
  const klass = u16(c);
  const ttl = u32(c);
  const length = u16(c);
  need(c, length, 'the data of a record');
  const end = c.at + length;
  if (type === OPT) return opt(c, { owner, udpSize: klass, flags: ttl, end });
  const base = { name: owner, class: className(klass), ttl };
  const read = rdata(c, type, end);
  if (c.at !== end) throw malformed(`the data of a ${typeName(type)} record ends at byte ${c.at}, not at ${end} as it says`);
  return { ...base, ...read } as ResourceRecord;
}

function opt(c: Cursor, o: { owner: string; udpSize: number; flags: number; end: number }): Opt {
  if (o.owner !== '.') throw malformed('an OPT record belongs to the root');
  const options: { code: number; data: Uint8Array }[] = [];
  while (c.at < o.end) {
    if (c.at + 4 > o.end) throw malformed('an EDNS option goes beyond its record');
    const code = u16(c);
    const length = u16(c);
    if (c.at + length > o.end) throw malformed('an EDNS option goes beyond its record');
    options.push({ code, data: c.bytes.slice(c.at, c.at + length) });
    c.at += length;
  }
  return {
    edns: { udpSize: o.udpSize, version: (o.flags >>> 16) & 255, dnssecOk: (o.flags & 0x8000) !== 0, options },
    highRcode: o.flags >>> 24,
  };
}

function rdata(c: Cursor, number: number, end: number): Pick<ResourceRecord, 'type' | 'data'> {
  const type = typeName(number);
  const left = end - c.at;
  const atLeast = (count: number) => {
    if (left < count) throw malformed(`the data of a ${type} record has ${left} bytes: too few`);
  };
  switch (type) {
    case 'A':
    case 'AAAA': {
      const size = type === 'A' ? 4 : 16;
      if (left !== size) throw malformed(`the data of a ${type} record has ${left} bytes instead of ${size}`);
      c.at = end;
      return { type, data: addressText(c.bytes.subarray(end - size, end)) };
    }
    case 'NS':
    case 'CNAME':
    case 'PTR':
      return { type, data: name(c) };
    case 'MX':
      atLeast(3);
      return { type, data: { preference: u16(c), exchange: name(c) } };
    case 'SRV':
      atLeast(7);
      return { type, data: { priority: u16(c), weight: u16(c), port: u16(c), target: name(c) } };
    case 'SOA': {
      const [mname, rname] = [name(c), name(c)];
      if (end - c.at !== 20) throw malformed('the data of a SOA record has another length than its names and numbers');
      const [serial, refresh, retry, expire, minimum] = [u32(c), u32(c), u32(c), u32(c), u32(c)];
      return { type, data: { mname, rname, serial, refresh, retry, expire, minimum } };
    }
    case 'TXT': {
      const data: string[] = [];
      while (c.at < end) {
        const size = c.bytes[c.at] as number;
        if (c.at + 1 + size > end) throw malformed('a string of a TXT record goes beyond it');
        data.push(latin1(c.bytes.subarray(c.at + 1, c.at + 1 + size)));
        c.at += size + 1;
      }
      return { type, data };
    }
    default:
      c.at = end;
      return { type: type as RawType, data: c.bytes.slice(end - left, end) };
  }
}

const latin1 = (bytes: Uint8Array): string => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1');
