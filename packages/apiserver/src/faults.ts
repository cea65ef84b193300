import { ApiError } from './http/errors.ts';

/** Which requests a fault or a count is about; what is left out matches all. */
export interface Match {
  /** get, list, watch, create, update, patch, delete, deletecollection. */
  verb?: string;
  plural?: string;
}

/** What happens to a matching request. One fault may combine several. */
export interface Fault extends Match {
  /** Watches open and say nothing, not even bookmarks. */
  silent?: boolean;
  /** Watches end in good order after so many events. */
  closeAfter?: number;
  /** Watches carry a line that is no JSON after so many events. */
  garbageAfter?: number;
  /** Watches open with 200 and say ERROR with this code at once: 410 (`storm`), 429, 500. */
  watchError?: 410 | 429 | 500;
  /** A streamed list opens with 200, sends half of its objects, and then ERROR with this code. */
  listError?: 410 | 429 | 500;
  /** The request itself is refused with this code; 429 and 503 carry Retry-After. */
  refuse?: number;
  retryAfterSeconds?: number;
  /** Milliseconds before anything is done. */
  delay?: number;
  /** How many requests it hits; without it, all until it is removed. */
  times?: number;
}

/** The part of a fault that acts inside a watch. */
export interface WatchFault {
  silent?: boolean | undefined;
  closeAfter?: number | undefined;
  garbageAfter?: number | undefined;
  error?: ApiError | undefined;
  errorInList?: ApiError | undefined;
}

export interface RequestCount {
  verb: string;
  plural: string;
  count: number;
}

const REASONS: Record<number, [reason: string, message: string]> = {
  400: ['BadRequest', 'fault: bad request'],
  401: ['Unauthorized', 'Unauthorized'],
  403: ['Forbidden', 'fault: forbidden'],
  404: ['NotFound', 'the server could not find the requested resource'],
  409: ['Conflict', 'fault: conflict'],
  410: ['Expired', 'too old resource version: 1 (2)'],
  429: ['TooManyRequests', 'Too many requests, please try again later.'],
  500: ['InternalError', 'Internal error occurred: fault'],
  503: ['ServiceUnavailable', 'the server is currently unable to handle the request'],
  504: ['Timeout', 'the server was unable to return a response in time'],
};

function refusal(code: number, retryAfterSeconds = 1): ApiError {
  const [reason, message] = REASONS[code] ?? ['', `fault: ${code}`];
  return new ApiError(code, reason, message, code === 429 || code === 503 ? { retryAfterSeconds } : undefined);
}

/** Faults that tests switch on, and a count of what was asked for. */
export class Faults {
  readonly #faults = new Set<{ fault: Fault; left: number }>();
  readonly #counts = new Map<string, RequestCount>();
  readonly #drop: () => void;
  /** Every new connection is closed at once. */
  refuseConnections = false;

  /** @param drop closes all connections */
  constructor(drop: () => void) {
    this.#drop = drop;
  }

  /** Switches a fault on; the result switches it off. */
  add(fault: Fault): () => void {
    const entry = { fault, left: fault.times ?? Infinity };
    this.#faults.add(entry);
    return () => {
      this.#faults.delete(entry);
    };
  }

  /** Switches everything off. */
  clear(): void {
    this.#faults.clear();
    this.refuseConnections = false;
  }

  /** Closes all connections now, in the middle of whatever they carry. */
  dropConnections(): void {
    this.#drop();
  }

  /** Requests so far by verb and plural; `match` narrows. */
  requests(match: Match = {}): RequestCount[] {
    return [...this.#counts.values()].filter((c) => fits(match, c.verb, c.plural)).map((c) => ({ ...c }));
  }

  /** Number of requests that match. */
  count(match: Match = {}): number {
    return this.requests(match).reduce((n, c) => n + c.count, 0);
  }

  /** Starts the counts anew. */
  resetRequests(): void {
    this.#counts.clear();
  }

  /** The server's side: counts a request, waits and refuses as told, and gives what a watch shall do. */
  async meet(verb: string, plural: string): Promise<WatchFault | undefined> {
    const key = `${verb} ${plural}`;
    const count = this.#counts.get(key) ?? { verb, plural, count: 0 };
    count.count += 1;
    this.#counts.set(key, count);
    let found: WatchFault | undefined;
    for (const entry of this.#faults) {
      const { fault } = entry;
      if (entry.left <= 0 || !fits(fault, verb, plural)) continue;
      entry.left -= 1;
      if (fault.delay) await new Promise((resolve) => setTimeout(resolve, fault.delay));
      if (fault.refuse) throw refusal(fault.refuse, fault.retryAfterSeconds);
      if (verb === 'watch') {
        found = {
          ...found,
          ...(fault.silent ? { silent: true } : {}),
          ...(fault.closeAfter === undefined ? {} : { closeAfter: fault.closeAfter }),
          ...(fault.garbageAfter === undefined ? {} : { garbageAfter: fault.garbageAfter }),
          ...(fault.watchError ? { error: refusal(fault.watchError, fault.retryAfterSeconds) } : {}),
          ...(fault.listError ? { errorInList: refusal(fault.listError, fault.retryAfterSeconds) } : {}),
        };
      }
    }
    return found;
  }
}

const fits = (match: Match, verb: string, plural: string): boolean =>
  (match.verb === undefined || match.verb === verb) && (match.plural === undefined || match.plural === plural);
