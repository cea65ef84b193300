/** Probes this node's tunnels, one after the other, and keeps what is known of each. */
import type { Clock } from '@kosmos/kernel';
import type { Probes } from '@kosmos/plugin-elector/contracts';
import type { NodeNetwork, TunnelPeer } from '@kosmos/plugin-network-vxlan/contracts';
import { choose, keyOf } from './choose.ts';
import { largest } from './full-size.ts';
import { Link } from './link.ts';

const TICK_MS = 500;
/** How long a probe may take. */
const TIMEOUT_MS = 900;
/** And a ping, whose process takes its time to start on a busy node. */
const PING_MS = 2000;
/** How long one sample is probed, and how old news of the kernel may get. */
const TURN_MS = 60_000;
const LOOK_MS = 20_000;
/** Seconds by which the kernel's ages may be off. */
const SLACK_S = 2;
/** One that was sent to is probed for so long: an own probe at the wrong moment hides that it still is. */
const BUSY_MS = 60_000;
/** Probes under way at a time. */
const AT_ONCE = 64;

export interface WatchDeps {
  readonly clock: Clock;
  readonly probes: Probes;
  readonly network: Pick<NodeNetwork, 'peers'>;
  /** MTU of each tunnel device. */
  mtus(): Promise<ReadonlyMap<string, number>>;
  /** See `HostNet.fdbUse`. */
  used(dev: string): Promise<ReadonlyMap<string, { readonly usedS: number; readonly updatedS: number }>>;
  /** After each round of probes. */
  looked(): void;
  failed(error: unknown): void;
}

export class LinkWatch {
  readonly #deps: WatchDeps;
  readonly #links = new Map<string, Link>();
  readonly #probing = new Set<Link>();
  readonly #busy = new Map<string, number>();
  #mtus: ReadonlyMap<string, number> = new Map();
  #peers: readonly TunnelPeer[] | undefined;
  #lookedAt = Number.NEGATIVE_INFINITY;
  #turnAt = Number.NEGATIVE_INFINITY;
  #turn = -1;
  #cancel: (() => void) | undefined;
  #stopped = false;

  constructor(deps: WatchDeps) {
    this.#deps = deps;
  }

  links(): Link[] {
    return [...this.#links.values()];
  }

  start(): void {
    this.#cancel = this.#deps.clock.after(0, () => void this.#tick());
  }

  stop(): void {
    this.#stopped = true;
    this.#cancel?.();
  }

  async #tick(): Promise<void> {
    try {
      const { clock, network, probes } = this.#deps;
      const now = clock.now();
      if (now - this.#lookedAt >= LOOK_MS) await this.#look(now);
      const peers = network.peers();
      if (peers !== this.#peers || now - this.#turnAt >= TURN_MS) this.#choose(peers, now);
      const followed = new Map(probes.followed().map((hop) => [keyOf(hop), hop]));
      for (const [key, link] of this.#links) {
        const known = followed.get(key);
        const answers = known?.answering === true && !link.doubtful;
        if (answers) link.adopt(known);
        const due = answers ? link.fullDue(now) : link.due(now);
        if (due && !this.#probing.has(link) && this.#probing.size < AT_ONCE) void this.#probe(link, answers);
      }
      this.#deps.looked();
    } catch (error) {
      this.#deps.failed(error);
    }
    if (!this.#stopped) this.#cancel = this.#deps.clock.after(TICK_MS, () => void this.#tick());
  }

  /** `answers`: that much is known already. */
  async #probe(link: Link, answers: boolean): Promise<void> {
    const { probes, clock } = this.#deps;
    const { peer } = link;
    this.#probing.add(link);
    try {
      if (!answers) {
        const rttMs = await probes.ask(peer, { timeoutMs: TIMEOUT_MS });
        const pong = rttMs === undefined && link.doubtful && (await probes.ping(peer, PING_MS));
        link.record(rttMs, pong, clock.now());
      }
      const full = this.#mtus.get(peer.dev);
      if (full === undefined || !link.fullDue(clock.now())) return;
      const passing = await largest(full, peer.via.includes(':') ? 6 : 4, async (bytes) => {
        return !this.#stopped && (await probes.ask(peer, { bytes, timeoutMs: TIMEOUT_MS })) !== undefined;
      });
      if (passing === undefined) link.unsure(clock.now());
      else link.passes(passing, full, clock.now());
    } finally {
      this.#probing.delete(link);
    }
  }

  #choose(peers: readonly TunnelPeer[], now: number): void {
    if (now - this.#turnAt >= TURN_MS) {
      this.#turn += 1;
      this.#turnAt = now;
    }
    this.#peers = peers;
    for (const [key, at] of this.#busy) if (now - at > BUSY_MS) this.#busy.delete(key);
    const troubled = new Set([...this.#links].flatMap(([key, link]) => (link.trouble ? [key] : [])));
    const chosen = new Map(choose(peers, { busy: new Set(this.#busy.keys()), troubled, turn: this.#turn }).map((p) => [keyOf(p), p]));
    for (const [key, { peer }] of this.#links) {
      const next = chosen.get(key);
      // Another node may have the address now.
      if (!next || next.node !== peer.node || next.source !== peer.source) this.#links.delete(key);
    }
    for (const [key, peer] of chosen) if (!this.#links.has(key)) this.#links.set(key, new Link(peer));
  }

  /** What the kernel says: sizes, and to whom something was sent that was no probe. */
  async #look(now: number): Promise<void> {
    const { network, probes, mtus, used } = this.#deps;
    this.#lookedAt = now;
    this.#mtus = await mtus();
    const peers = network.peers();
    for (const dev of new Set(peers.map((peer) => peer.dev))) {
      if (!this.#mtus.has(dev)) continue;
      const ages = await used(dev);
      for (const peer of peers) {
        const age = peer.dev === dev ? ages.get(peer.mac) : undefined;
        if (!age || age.updatedS - age.usedS <= SLACK_S) continue;
        const sentAt = probes.sentAt(peer) ?? Number.NEGATIVE_INFINITY;
        if (now - age.usedS * 1000 > sentAt + SLACK_S * 1000 && now - age.usedS * 1000 > now - BUSY_MS) this.#busy.set(keyOf(peer), now);
      }
    }
  }
}
