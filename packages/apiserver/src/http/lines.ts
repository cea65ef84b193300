import type { Outgoing } from './request.ts';

/** No stream waits longer than this for its turn, in ms. */
const LONGEST_WAIT = 20;

const waiting = new Set<Lines>();
let scheduled = false;
let notBefore = 0;

/**
 * Lines for a stream. What many streams are to get goes out in rounds, and a round begins no sooner than the one before took:
 * with few streams at once, with thousands a few lines at a time, so that half of the time is left for requests.
 */
export class Lines {
  readonly #res: Outgoing;
  #pending: Buffer[] = [];
  #bytes = 0;

  constructor(res: Outgoing) {
    this.#res = res;
  }

  /** Bytes that the client has not taken yet. */
  get length(): number {
    return this.#bytes + (this.#res.writableLength ?? 0);
  }

  add(line: Buffer): void {
    this.#pending.push(line);
    this.#bytes += line.length;
    waiting.add(this);
    schedule();
  }

  /** Writes what waits, now. */
  flush(): void {
    waiting.delete(this);
    if (!this.#pending.length) return;
    const bytes = this.#pending.length === 1 ? this.#pending[0]! : Buffer.concat(this.#pending);
    this.#pending = [];
    this.#bytes = 0;
    if (!this.#res.destroyed && !this.#res.writableEnded) this.#res.write(bytes);
  }

  /** Forgets what waits. */
  drop(): void {
    waiting.delete(this);
    this.#pending = [];
    this.#bytes = 0;
  }
}

function schedule(): void {
  if (scheduled) return;
  scheduled = true;
  const wait = notBefore - performance.now();
  if (wait < 1) setImmediate(round);
  else setTimeout(round, wait);
}

function round(): void {
  const since = performance.now();
  for (const lines of waiting) lines.flush();
  // The next turn of the loop is when they have been encrypted and sent.
  setImmediate(() => {
    const now = performance.now();
    notBefore = now + Math.min(now - since, LONGEST_WAIT);
    scheduled = false;
    if (waiting.size) schedule();
  });
}
