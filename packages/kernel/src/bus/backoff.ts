/** How long to wait before the next try, and what an error means for a reflector. */
import { KubeError } from '../contracts/services.ts';

/** client-go's reflector: 0.8 s doubling to 30 s, up to twice that by jitter, forgotten after 2 minutes of health. */
const FIRST_MS = 800;
const LONGEST_MS = 30_000;
const HEALTHY_MS = 120_000;
/**
 * A server that refuses connections is asked every second or so: that costs it nothing, and when it is back every
 * node follows within 2 s what changed meanwhile.
 */
const REFUSED_MS = 1000;

export class Backoff {
  readonly #now: () => number;
  readonly #random: () => number;
  #next = FIRST_MS;
  #healthySince: number | undefined;

  constructor(now: () => number, random: () => number = Math.random) {
    this.#now = now;
    this.#random = random;
  }

  /** Milliseconds until the next try after `error`. */
  after(error: unknown): number {
    if (this.#healthySince !== undefined && this.#now() - this.#healthySince >= HEALTHY_MS) this.#next = FIRST_MS;
    this.#healthySince = undefined;
    if (error instanceof KubeError && error.retryAfterMs !== undefined) return error.retryAfterMs + this.#random() * FIRST_MS;
    if (isRefused(error)) return REFUSED_MS * (0.5 + this.#random() / 2);
    const wait = Math.min(this.#next * (1 + this.#random()), LONGEST_MS);
    this.#next = Math.min(this.#next * 2, LONGEST_MS);
    return wait;
  }

  healthy(): void {
    this.#healthySince ??= this.#now();
  }
}

/** Nothing was sent: the connection was not made, or was cut. */
export function isRefused(error: unknown): boolean {
  const { code } = error as { code?: string };
  return (
    code === 'ECONNREFUSED' ||
    code === 'ECONNRESET' ||
    code === 'EPIPE' ||
    code === 'EHOSTUNREACH' ||
    code === 'ENETUNREACH' ||
    code === 'ETIMEDOUT' ||
    code === 'ERR_STREAM_PREMATURE_CLOSE' ||
    code?.startsWith('ERR_HTTP2_') === true
  );
}

export type Verdict = 'rewatch' | 'relist' | 'relist-latest';

/**
 * The error table: what to do next, after the back-off. 410 and Expired: the version is compacted away. 504 with a
 * "too large resource version": a lagging server; ask for the latest. All else keeps its place: the same version is watched again.
 */
export function classify(error: unknown): Verdict {
  if (!(error instanceof KubeError)) return 'rewatch';
  if (error.status === 410 || error.reason === 'Expired' || error.reason === 'Gone') return 'relist';
  if (error.status === 504 || /too large resource version/i.test(error.message)) return 'relist-latest';
  // The kind is not served (any more), or this is not a version of it: what is known may be void.
  if (error.status === 404 || error.status === 400) return 'relist-latest';
  return 'rewatch';
}

/** Is it the streamed list that the server refuses? Older ones call it invalid, and who may not watch may still list. */
export function takesNoStreamedList(error: unknown): boolean {
  return error instanceof KubeError && (error.status === 400 || error.status === 403 || error.status === 422);
}
