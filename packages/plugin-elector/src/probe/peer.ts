/** How a peer is judged by its answers to probes. Pure: time comes from outside. */

export interface ProbeTiming {
  /** Between two probes, ms. */
  readonly intervalMs: number;
  /** Probes without an answer until the peer counts as dead. */
  readonly losses: number;
  /** A dead peer must answer every probe for so long until it is used again, ms. */
  readonly backAfterMs: number;
}

/**
 * 300 ms and three losses: dead after 0.9-1.2 s, since TCP's back-off makes an outage up to twice as long as it is
 * (dataplane.md 2 and 11); back only after 10 s, so that a link that comes and goes is not followed.
 */
export const TIMING: ProbeTiming = { intervalMs: 300, losses: 3, backAfterMs: 10_000 };

/** One that dies again so soon after its return has to prove itself for twice as long, up to MOST_BACK_AFTER_MS. */
const FLAP_MS = 300_000;
const MOST_BACK_AFTER_MS = 160_000;
/** Of the newest round trip in the smoothed one: as RFC 6298 has it. */
const SMOOTHING = 1 / 8;
/** Loss is counted over so many probes. */
const WINDOW = 32;

export type Verdict = 'alive' | 'dead';

export class Peer {
  readonly #timing: ProbeTiming;
  #verdict: Verdict = 'alive';
  #sent = 0;
  #answered = 0;
  #diedAt = Number.NEGATIVE_INFINITY;
  #returnedAt = Number.NEGATIVE_INFINITY;
  #healthySince: number | undefined;
  #backAfterMs: number;
  #rttMs: number | undefined;
  #heardAt = Number.NEGATIVE_INFINITY;
  /** Times of sending by sequence number, of the newest probes. */
  readonly #pending = new Map<number, number>();
  /** One bit a probe, the newest lowest: was it answered? */
  #history = 0;
  #counted = 0;

  constructor(timing: ProbeTiming = TIMING) {
    this.#timing = timing;
    this.#backAfterMs = timing.backAfterMs;
  }

  get verdict(): Verdict {
    return this.#verdict;
  }
  /** When it was found dead last, in ms of the clock that `send` is given. */
  get diedAt(): number {
    return this.#diedAt;
  }
  /** When an answer came last. */
  get heardAt(): number {
    return this.#heardAt;
  }
  /** Smoothed, ms; undefined before the first answer. */
  get rttMs(): number | undefined {
    return this.#rttMs;
  }
  /** Share of the last 32 probes that had no answer before the next one was due, 0 to 1. */
  get loss(): number {
    if (this.#counted === 0) return 0;
    let answered = 0;
    for (let bits = this.#history >>> 0; bits; bits &= bits - 1) answered += 1;
    return 1 - answered / this.#counted;
  }
  /** Probes in a row that have no answer yet. */
  get outstanding(): number {
    return this.#sent - this.#answered;
  }

  /**
   * The next probe is due: judges by the answers until now, and gives the number for the new one. `pathAlive`: something
   * else proves that packets reach the peer and come back (it answers pings: its agent is away, its kernel forwards).
   */
  send(now: number, pathAlive = false): number {
    if (this.#sent > 0) {
      this.#history = (this.#history << 1) | (this.outstanding === 0 ? 1 : 0);
      this.#counted = Math.min(this.#counted + 1, WINDOW);
    }
    this.#judge(now, pathAlive);
    this.#sent += 1;
    this.#pending.set(this.#sent, now);
    if (this.#pending.size > this.#timing.losses + 2) this.#pending.delete(this.#pending.keys().next().value!);
    return this.#sent;
  }

  /** An answer to probe `sequence` has come; late ones and those of an earlier life are no harm. */
  answer(sequence: number, now: number): void {
    const at = this.#pending.get(sequence);
    if (at === undefined) return;
    this.#pending.delete(sequence);
    this.#answered = Math.max(this.#answered, sequence);
    this.#heardAt = now;
    const rtt = now - at;
    this.#rttMs = this.#rttMs === undefined ? rtt : this.#rttMs + SMOOTHING * (rtt - this.#rttMs);
  }

  #judge(now: number, pathAlive: boolean): void {
    // A link with a long round trip has probes under way all the time: only the number of them tells.
    const healthy = pathAlive || (this.#answered > 0 && this.outstanding < 2);
    if (!healthy) this.#healthySince = undefined;
    else this.#healthySince ??= now;
    if (this.#verdict === 'alive') {
      if (this.outstanding >= this.#timing.losses && !pathAlive) this.#die(now);
    } else if (this.#healthySince !== undefined && now - this.#healthySince >= this.#backAfterMs) {
      this.#verdict = 'alive';
      this.#returnedAt = now;
    }
  }

  #die(now: number): void {
    const again = now - this.#returnedAt < FLAP_MS;
    this.#backAfterMs = again ? Math.min(this.#backAfterMs * 2, MOST_BACK_AFTER_MS) : this.#timing.backAfterMs;
    this.#verdict = 'dead';
    this.#diedAt = now;
  }
}
