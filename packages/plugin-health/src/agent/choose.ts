import type { TunnelPeer } from '@kosmos/plugin-network-vxlan/contracts';

/** Peers probed at a time beside gateways and those in use. */
export const SAMPLE = 32;
/** As many of those in use, and of those in trouble, are kept an eye on. */
const AT_MOST = 256;

export const keyOf = ({ dev, via }: Pick<TunnelPeer, 'dev' | 'via'>): string => `${dev} ${via}`;

/**
 * Whom to probe: every gateway, who is in trouble, whom this node sends to, and of all others a sample that has been around
 * after a few turns.
 */
export function choose(
  peers: readonly TunnelPeer[],
  { busy, troubled, turn }: { readonly busy: ReadonlySet<string>; readonly troubled: ReadonlySet<string>; readonly turn: number },
): TunnelPeer[] {
  const chosen = new Map<string, TunnelPeer>();
  const others: TunnelPeer[] = [];
  const left = { troubled: AT_MOST, busy: AT_MOST };
  for (const peer of peers) {
    const key = keyOf(peer);
    const kind = troubled.has(key) ? 'troubled' : busy.has(key) ? 'busy' : undefined;
    if (peer.gateway || (kind && (left[kind] -= 1) >= 0)) chosen.set(key, peer);
    else others.push(peer);
  }
  const from = others.length > SAMPLE ? (turn * SAMPLE) % others.length : 0;
  for (let i = 0; i < Math.min(SAMPLE, others.length); i += 1) {
    const peer = others[(from + i) % others.length]!;
    chosen.set(keyOf(peer), peer);
  }
  return [...chosen.values()];
}
