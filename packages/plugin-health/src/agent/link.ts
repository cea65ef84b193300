/** What is known of one tunnel by its probes. Pure: time and answers come from outside. */
import type { TunnelPeer } from '@kosmos/plugin-network-vxlan/contracts';
import type { Trouble } from '../trouble.ts';

/** Between two probes of a tunnel that works: for the report only, failover has its own (dataplane.md 11). */
export const INTERVAL_MS = 10_000;
/** Where a probe was lost, or answers come again, so that it is known soon. */
const DOUBT_MS = 1000;
/** Probes in a row without an answer, until the tunnel counts as dead. */
const LOSSES = 3;
/** And with one, until it counts as working again. */
const ANSWERS = 5;
/** As in `kosmos_network_probe_loss_ratio`. */
const WINDOW = 32;
/** Of the newest round trip in the smoothed one, as RFC 6298 has it. */
const SMOOTHING = 1 / 8;
/** Between two probes of full size, and where they did not pass. */
const FULL_MS = 60_000;
const FULL_DOUBT_MS = 20_000;

export class Link {
  readonly peer: TunnelPeer;
  #trouble: Trouble | undefined;
  #lost = 0;
  #answered = 0;
  #rttMs: number | undefined;
  readonly #history: boolean[] = [];
  #mtu: number | undefined;
  #narrow = false;
  #due = 0;
  #fullDue = 0;
  #known: { readonly rttMs: number | undefined; readonly loss: number } | undefined;

  constructor(peer: TunnelPeer) {
    this.peer = peer;
  }

  /** Undefined: it works, as far as is known. */
  get trouble(): Trouble | undefined {
    return this.#trouble ?? (this.#narrow ? 'MtuTooSmall' : undefined);
  }
  /** Has anything been found out yet? */
  get probed(): boolean {
    return this.#history.length > 0 || this.#known !== undefined;
  }
  /** Smoothed, ms; undefined before the first answer. */
  get rttMs(): number | undefined {
    return this.#known ? this.#known.rttMs : this.#rttMs;
  }
  /** Share of the last probes, at most 32, without an answer. */
  get loss(): number {
    if (this.#known) return this.#known.loss;
    return this.#history.length === 0 ? 0 : this.#history.filter((answered) => !answered).length / this.#history.length;
  }
  /** The largest IP packet that was seen to pass there and back undivided, in bytes; undefined before the first. */
  get mtu(): number | undefined {
    return this.#mtu;
  }
  /** It is dead or silent, or lost the last probe. */
  get doubtful(): boolean {
    return this.#trouble !== undefined || this.#lost > 0;
  }
  due(now: number): boolean {
    return now >= this.#due;
  }
  fullDue(now: number): boolean {
    return this.#trouble === undefined && this.probed && now >= this.#fullDue;
  }

  /** A probe's outcome. `pong`: the kernel there answers pings all the same. */
  record(rttMs: number | undefined, pong: boolean, now: number): void {
    this.#known = undefined;
    this.#history.push(rttMs !== undefined);
    if (this.#history.length > WINDOW) this.#history.shift();
    if (rttMs === undefined) {
      this.#lost += 1;
      this.#answered = 0;
      if (this.#lost >= LOSSES) this.#trouble = pong ? 'AgentSilent' : 'NoAnswer';
    } else {
      this.#lost = 0;
      this.#answered += 1;
      this.#rttMs = this.#rttMs === undefined ? rttMs : this.#rttMs + SMOOTHING * (rttMs - this.#rttMs);
      if (this.#answered >= ANSWERS) this.#trouble = undefined;
    }
    const settled = this.#trouble === undefined ? this.#lost === 0 : this.#answered === 0 && this.#lost > LOSSES;
    this.#due = now + (settled ? INTERVAL_MS : DOUBT_MS);
  }

  /** It answers the probes for failover, and needs no others beside them while it does. Not while it is in doubt. */
  adopt(known: { readonly rttMs: number | undefined; readonly loss: number }): void {
    this.#known = known;
  }

  /** Packets of `bytes` pass; `full` is what the device lets pass. */
  passes(bytes: number, full: number, now: number): void {
    this.#mtu = bytes;
    this.#narrow = bytes < full;
    this.#fullDue = now + (this.#narrow ? FULL_DOUBT_MS : FULL_MS);
  }

  /** It could not be told what passes. */
  unsure(now: number): void {
    this.#fullDue = now + FULL_DOUBT_MS;
  }
}
