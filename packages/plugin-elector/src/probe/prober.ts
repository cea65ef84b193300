/** Probes the next hops of this node, and says which of them are not to be used. */
import type { Clock } from '@kosmos/kernel';
import { Asker } from './ask.ts';
import type { Probe } from './packet.ts';
import { Peer, type ProbeTiming, TIMING } from './peer.ts';
import type { openProbePort, ProbePort } from './port.ts';

/** A next hop: the overlay address `via` through `dev`, where this node has the overlay address `source`. */
export interface Target {
  readonly dev: string;
  readonly via: string;
  readonly source: string;
}

export interface ProberDeps {
  readonly clock: Clock;
  readonly openPort: typeof openProbePort;
  readonly ping: (address: string, dev: string, waitMs: number) => Promise<boolean>;
  readonly changed: () => void;
  readonly failed: (source: string, error: Error) => void;
  /** Identifies this run in the probes. */
  readonly run: number;
  readonly timing?: ProbeTiming;
}

/** What is known of one target. */
export interface TargetState {
  readonly target: Target;
  readonly usable: boolean;
  readonly answering: boolean;
  readonly rttMs: number | undefined;
  readonly loss: number;
}

/** Probes are sent in so many groups, spread over the interval, so that they are no bursts. */
const SLOTS = 10;
/** Deaths so near to each other are one event. */
const AT_ONCE_MS = 1500;
/** Probes under way, the newest included, from which on a peer is in doubt. */
const DOUBTFUL = 2;
/** So long they are put down to this node itself, if they are more than half of its peers. */
const HOLD_MS = 10_000;
/** A port that could not be opened (its address is not there yet) is tried again after this. */
const REOPEN_MS = 1000;
/** Of the interval a ping may take, so that its answer is there before the next judgement. */
const PING_SHARE = 0.8;
/** Pings cost a process each. */
const PINGS_AT_ONCE = 32;
/** Of so many peers it is known when something was sent to them last. */
const SENT_KNOWN = 8192;

interface Followed {
  readonly target: Target;
  readonly peer: Peer;
  readonly slot: number;
  pinging: boolean;
  /** When it answered a ping last. */
  pongAt: number;
}

const addressesOf = (source: string, via: string): string => `${source} ${via}`;
export const keyOf = ({ dev, via }: Pick<Target, 'dev' | 'via'>): string => `${dev} ${via}`;

export class Prober {
  readonly #deps: ProberDeps;
  readonly #timing: ProbeTiming;
  readonly #followed = new Map<string, Followed>();
  /** The same by `source via`, the addresses of an answer. */
  readonly #byAddresses = new Map<string, Followed>();
  /** Dead, yet put down to this node itself for now. */
  readonly #held = new Set<Followed>();
  readonly #ports = new Map<string, ProbePort | 'closed'>();
  readonly #asker: Asker;
  /** By `source via`, the longest ago first. */
  readonly #sentAt = new Map<string, number>();
  #unusable: ReadonlySet<string> = new Set();
  #slot = 0;
  #pings = 0;
  #cancel: (() => void) | undefined;

  constructor(deps: ProberDeps) {
    this.#deps = deps;
    this.#timing = deps.timing ?? TIMING;
    this.#asker = new Asker(deps.clock, (deps.run + 1) >>> 0);
  }

  /** See `Probes.ask`. */
  async ask({ source, via }: Target, bytes: number | undefined, timeoutMs: number): Promise<number | undefined> {
    const port = this.#ports.get(source);
    if (!port || port === 'closed') return undefined;
    this.#sent(source, via);
    return this.#asker.ask(port, via, bytes, timeoutMs);
  }

  /** See `Probes.sentAt`. */
  sentAt({ source, via }: Target): number | undefined {
    return this.#sentAt.get(addressesOf(source, via));
  }

  /** Keys of the targets that are not to be used now. */
  get unusable(): ReadonlySet<string> {
    return this.#unusable;
  }

  states(): TargetState[] {
    return [...this.#followed].map(([key, { target, peer }]) => ({
      target,
      usable: !this.#unusable.has(key),
      answering: peer.verdict === 'alive' && peer.outstanding < this.#timing.losses,
      rttMs: peer.rttMs,
      loss: peer.loss,
    }));
  }

  /** Probes these from now on; `sources` are the node's overlay addresses, where it answers the probes of others. */
  follow(targets: readonly Target[], sources: readonly string[]): void {
    const wanted = new Map(targets.map((target) => [keyOf(target), target]));
    for (const [key, { target }] of this.#followed) {
      if (wanted.get(key)?.source === target.source) continue;
      this.#held.delete(this.#followed.get(key)!);
      this.#followed.delete(key);
      this.#byAddresses.delete(addressesOf(target.source, target.via));
    }
    for (const [key, target] of wanted) {
      if (this.#followed.has(key)) continue;
      const slot = this.#followed.size % SLOTS;
      const followed = { target, peer: new Peer(this.#timing), slot, pinging: false, pongAt: Number.NEGATIVE_INFINITY };
      this.#followed.set(key, followed);
      this.#byAddresses.set(addressesOf(target.source, target.via), followed);
    }
    const needed = new Set(sources);
    for (const [source, port] of this.#ports) {
      if (needed.has(source)) continue;
      if (port !== 'closed') port.close();
      this.#ports.delete(source);
    }
    for (const source of needed) if (!this.#ports.has(source)) this.#open(source);
    this.#decide();
    this.#cancel ??= this.#deps.clock.after(0, () => this.#tick());
  }

  stop(): void {
    this.#cancel?.();
    this.#cancel = undefined;
    this.#asker.stop();
    for (const port of this.#ports.values()) if (port !== 'closed') port.close();
    this.#ports.clear();
    this.#followed.clear();
    this.#held.clear();
    this.#byAddresses.clear();
  }

  #open(source: string): void {
    const port = this.#deps.openPort(
      source,
      (from, probe, bytes) => this.#answered(source, from, probe, bytes),
      (error) => {
        if (this.#ports.get(source) !== port) return;
        this.#deps.failed(source, error);
        this.#ports.set(source, 'closed');
        this.#deps.clock.after(REOPEN_MS, () => {
          if (this.#ports.get(source) === 'closed') this.#open(source);
        });
      },
      (from) => this.#sent(source, from),
    );
    this.#ports.set(source, port);
  }

  #tick(): void {
    this.#cancel = this.#deps.clock.after(this.#timing.intervalMs / SLOTS, () => this.#tick());
    this.#slot = (this.#slot + 1) % SLOTS;
    const now = this.#deps.clock.now();
    for (const followed of this.#followed.values()) if (followed.slot === this.#slot) this.#probe(followed, now);
    this.#decide();
  }

  #probe(followed: Followed, now: number): void {
    const { target, peer } = followed;
    const { intervalMs, losses } = this.#timing;
    const sequence = peer.send(now, now - followed.pongAt < losses * intervalMs);
    const port = this.#ports.get(target.source);
    this.#sent(target.source, target.via);
    if (port && port !== 'closed') port.send(target.via, { kind: 'probe', run: this.#deps.run, sequence });
    // From the second loss on (of a link with a long round trip one is always missing): the answer is there when the verdict is due.
    if (peer.outstanding > 2) this.#ping(followed);
  }

  #ping(followed: Followed): void {
    if (followed.pinging || this.#pings >= PINGS_AT_ONCE) return;
    followed.pinging = true;
    this.#pings += 1;
    const { via, dev } = followed.target;
    void this.#deps.ping(via, dev, this.#timing.intervalMs * PING_SHARE).then((alive) => {
      followed.pinging = false;
      this.#pings -= 1;
      if (alive) followed.pongAt = this.#deps.clock.now();
    });
  }

  #answered(source: string, from: string, probe: Probe, bytes: number): void {
    if (probe.run !== this.#deps.run) return this.#asker.answered(from, probe, bytes);
    this.#byAddresses.get(addressesOf(source, from))?.peer.answer(probe.sequence, this.#deps.clock.now());
  }

  #sent(source: string, via: string): void {
    const key = addressesOf(source, via);
    this.#sentAt.delete(key);
    this.#sentAt.set(key, this.#deps.clock.now());
    if (this.#sentAt.size > SENT_KNOWN) this.#sentAt.delete(this.#sentAt.keys().next().value!);
  }

  /** If more than half of all peers fell silent at once, the fault is rather here, and nothing is to be gained by moving. */
  #decide(): void {
    const now = this.#deps.clock.now();
    const silent = ({ peer }: Followed) => now - peer.heardAt > this.#timing.intervalMs * 2;
    const all = [...this.#followed.values()];
    const dead = all.filter(({ peer }) => peer.verdict === 'dead');
    const justNow = dead.filter(({ peer }) => now - peer.diedAt < AT_ONCE_MS);
    // Those whose verdict is not due yet count too: the first of many deaths looks like a single one. Time alone does not tell:
    // while this process was busy with something else it neither asked nor heard.
    const doubtful = all.filter((f) => f.peer.verdict === 'alive' && f.peer.outstanding > DOUBTFUL && silent(f)).length;
    const many = (affected: number) => affected > 1 && affected * 2 > all.length - (dead.length - affected + doubtful);
    if (many(justNow.length + doubtful)) for (const followed of justNow) this.#held.add(followed);
    // This node is not the one at fault if another peer answers, and the others that were silent do again or it has been so for long.
    const connected = all.some((f) => f.peer.verdict === 'alive' && !silent(f));
    const stillMany = many(this.#held.size + doubtful);
    for (const followed of this.#held) {
      const believed = connected && silent(followed) && (!stillMany || now - followed.peer.diedAt >= HOLD_MS);
      if (believed || followed.peer.verdict === 'alive') this.#held.delete(followed);
    }
    const unusable = new Set(dead.filter((f) => !this.#held.has(f)).map(({ target }) => keyOf(target)));
    if (unusable.size === this.#unusable.size && [...unusable].every((key) => this.#unusable.has(key))) return;
    this.#unusable = unusable;
    this.#deps.changed();
  }
}
