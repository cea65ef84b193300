import type { Question, Rcode, RecordType, ResourceRecord } from '@kosmos/dns-wire';

/** A question as plugins see it. */
export interface Query {
  /** As it was asked. */
  readonly question: Question;
  /** In lower case. */
  readonly name: string;
  readonly type: RecordType;
  readonly signal: AbortSignal;
}

export interface Reply {
  readonly rcode: Rcode;
  readonly authoritative?: boolean;
  readonly answers: readonly ResourceRecord[];
  readonly authorities?: readonly ResourceRecord[];
  readonly additionals?: readonly ResourceRecord[];
}

/** Undefined when there is nobody left who could know. */
export type Handler = (query: Query) => Promise<Reply | undefined>;

/** A plugin wraps those that come after it. */
export type Plugin = (next: Handler) => Handler;

export const REFUSED: Reply = { rcode: 'REFUSED', answers: [] };
export const SERVFAIL: Reply = { rcode: 'SERVFAIL', answers: [] };
