/** What other plugins may use of the probes that agents send each other. Side-effect free. */
import { type Token, token } from '@kosmos/kernel';
import type { NextHop } from '@kosmos/plugin-network-vxlan/contracts';

/** What the probes for failover, each 300 ms, found of a next hop that could be done without. */
export interface FollowedHop {
  readonly dev: string;
  readonly via: string;
  /** Fewer are without an answer than make it dead. A peer that is used may not answer: see README, held and pings. */
  readonly answering: boolean;
  /** Smoothed round trip in ms; undefined before the first answer. */
  readonly rttMs: number | undefined;
  /** Share of the last 32 probes without an answer, 0 to 1. */
  readonly loss: number;
}

/** The probes of this node, in the role `agent`: datagrams between overlay addresses, which the agents there send back. */
export interface Probes {
  /**
   * Sends one through the tunnel. `bytes`: size of the IP packet, which must not be divided, there and back; default: the
   * smallest. Resolves with the round trip in ms; undefined: no answer within `timeoutMs`.
   */
  ask(hop: NextHop, options: { readonly bytes?: number; readonly timeoutMs: number }): Promise<number | undefined>;
  /** Does the kernel there answer pings, whatever its agent does? False where there is no `ping`. */
  ping(hop: NextHop, timeoutMs: number): Promise<boolean>;
  followed(): readonly FollowedHop[];
  /** When a packet of this node's probes, or an answer to one of the peer's, last went to it, in ms of the clock. */
  sentAt(hop: NextHop): number | undefined;
}
export const Probes: Token<Probes> = token<Probes>('elector.probes');
