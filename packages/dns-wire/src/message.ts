/** Numbers of record types that have a name here; any other one is written `TYPE257`, RFC 3597. */
export const TYPES = {
  A: 1,
  NS: 2,
  CNAME: 5,
  SOA: 6,
  PTR: 12,
  MX: 15,
  TXT: 16,
  AAAA: 28,
  SRV: 33,
  NAPTR: 35,
  DS: 43,
  RRSIG: 46,
  NSEC: 47,
  DNSKEY: 48,
  SVCB: 64,
  HTTPS: 65,
  IXFR: 251,
  AXFR: 252,
  ANY: 255,
  CAA: 257,
} as const;
export const CLASSES = { IN: 1, CH: 3, HS: 4, NONE: 254, ANY: 255 } as const;
export const RCODES = {
  NOERROR: 0,
  FORMERR: 1,
  SERVFAIL: 2,
  NXDOMAIN: 3,
  NOTIMP: 4,
  REFUSED: 5,
  YXDOMAIN: 6,
  YXRRSET: 7,
  NXRRSET: 8,
  NOTAUTH: 9,
  NOTZONE: 10,
  BADVERS: 16,
} as const;

export type RecordType = keyof typeof TYPES | `TYPE${number}`;
export type RecordClass = keyof typeof CLASSES | `CLASS${number}`;
export type Rcode = keyof typeof RCODES | `RCODE${number}`;

/**
 * Names are absolute, without the last dot; the root is `.`. A dot or backslash in a label is written `\.` or `\\`, bytes
 * that are not printable ASCII as `\DDD`. Case is kept.
 */
export type Name = string;

export interface Question {
  readonly name: Name;
  readonly type: RecordType;
  /** Default IN. */
  readonly class?: RecordClass;
}

interface Of<T extends RecordType, D> {
  readonly name: Name;
  readonly type: T;
  /** Default IN. */
  readonly class?: RecordClass;
  /** In seconds. */
  readonly ttl: number;
  readonly data: D;
}

export interface Soa {
  readonly mname: Name;
  readonly rname: Name;
  readonly serial: number;
  readonly refresh: number;
  readonly retry: number;
  readonly expire: number;
  readonly minimum: number;
}

export type AddressRecord = Of<'A' | 'AAAA', string>;
export type NameRecord = Of<'NS' | 'CNAME' | 'PTR', Name>;
export type SoaRecord = Of<'SOA', Soa>;
export type MxRecord = Of<'MX', { readonly preference: number; readonly exchange: Name }>;
export type SrvRecord = Of<'SRV', { readonly priority: number; readonly weight: number; readonly port: number; readonly target: Name }>;
/** Strings of up to 255 bytes, a character each. */
export type TxtRecord = Of<'TXT', readonly string[]>;
export type RawType = Exclude<RecordType, 'A' | 'AAAA' | 'NS' | 'CNAME' | 'PTR' | 'SOA' | 'MX' | 'SRV' | 'TXT'>;
export type RawRecord = Of<RawType, Uint8Array>;
export type ResourceRecord = AddressRecord | NameRecord | SoaRecord | MxRecord | SrvRecord | TxtRecord | RawRecord;

/** EDNS(0), RFC 6891. On the wire it is a record among the additional ones and a part of the rcode. */
export interface Edns {
  /** The largest datagram that the sender takes. */
  readonly udpSize: number;
  /** Default 0. */
  readonly version?: number;
  /** DNSSEC records are wanted. */
  readonly dnssecOk?: boolean;
  readonly options?: readonly { readonly code: number; readonly data: Uint8Array }[];
}

export interface Message {
  readonly id: number;
  /** False for a query. */
  readonly response?: boolean;
  /** Default 0, QUERY. */
  readonly opcode?: number;
  readonly authoritative?: boolean;
  readonly truncated?: boolean;
  readonly recursionDesired?: boolean;
  readonly recursionAvailable?: boolean;
  readonly authenticData?: boolean;
  readonly checkingDisabled?: boolean;
  /** Default NOERROR. Those above 15 need `edns`. */
  readonly rcode?: Rcode;
  readonly questions?: readonly Question[];
  readonly answers?: readonly ResourceRecord[];
  readonly authorities?: readonly ResourceRecord[];
  /** Without the one of EDNS. */
  readonly additionals?: readonly ResourceRecord[];
  readonly edns?: Edns;
}

/** A message as it is decoded: everything is said. */
export type Decoded = Required<Omit<Message, 'edns'>> & { readonly edns?: Edns };

const reverse = (names: Readonly<Record<string, number>>) => new Map(Object.entries(names).map(([name, number]) => [number, name]));
const typeNames = reverse(TYPES);
const classNames = reverse(CLASSES);
const rcodeNames = reverse(RCODES);

export const typeName = (number: number): RecordType => (typeNames.get(number) ?? `TYPE${number}`) as RecordType;
export const className = (number: number): RecordClass => (classNames.get(number) ?? `CLASS${number}`) as RecordClass;
export const rcodeName = (number: number): Rcode => (rcodeNames.get(number) ?? `RCODE${number}`) as Rcode;
