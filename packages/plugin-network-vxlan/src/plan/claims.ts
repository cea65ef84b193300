import { type NodeState, NOTHING, type Peer } from './model.ts';
import { compareClusters } from './table.ts';

type Claimants = Map<string, NodeState | NodeState[]>;

/** Who has which overlay address and MAC address. Of several nodes the one of the oldest cluster, then by name, keeps it. */
export class Claims {
  /** By tunnel, then by address or MAC address, whose forms differ: one node, as nearly always, or several. */
  readonly #tunnels = new Map<string, Claimants>();

  /** Replaces what the node claims (nothing: it left). Returns the others that claim what it has now or had. */
  set(node: NodeState, peers: readonly Peer[]): readonly NodeState[] {
    const concerned: NodeState[] = [];
    for (const { tunnel, address, arp } of node.claims) {
      const claimants = this.#tunnels.get(tunnel)!;
      for (const key of [address.text, arp.mac]) {
        const left = all(claimants, key).filter((other) => other !== node);
        concerned.push(...left);
        if (left.length > 0) claimants.set(key, left);
        else claimants.delete(key);
      }
      if (claimants.size === 0) this.#tunnels.delete(tunnel);
    }
    for (const { tunnel, address, arp } of peers) {
      let claimants = this.#tunnels.get(tunnel);
      if (!claimants) this.#tunnels.set(tunnel, (claimants = new Map()));
      concerned.push(...add(claimants, address.text, node), ...add(claimants, arp.mac, node));
    }
    node.claims = peers;
    return concerned;
  }

  /** The node that keeps something that this one claims too, and what that is. */
  lostTo(node: NodeState): { readonly winner: NodeState; readonly what: string } | undefined {
    for (const { tunnel, address, arp } of node.claims) {
      const claimants = this.#tunnels.get(tunnel)!;
      for (const key of [address.text, arp.mac]) {
        if (claimants.get(key) === node) continue;
        const winner = all(claimants, key).reduce((best, other) => (before(other, best) ? other : best));
        if (winner !== node) return { winner, what: `${key === arp.mac ? 'MAC' : 'address'} ${key} on ${tunnel}` };
      }
    }
    return undefined;
  }
}

/** Returns who claims it already. */
function add(claimants: Claimants, key: string, node: NodeState): readonly NodeState[] {
  const known = all(claimants, key);
  claimants.set(key, known.length > 0 ? [...known, node] : node);
  return known;
}

function all(claimants: Claimants, key: string): readonly NodeState[] {
  const found = claimants.get(key);
  if (!found) return NOTHING;
  return Array.isArray(found) ? found : [found];
}

function before(a: NodeState, b: NodeState): boolean {
  const order = compareClusters(a.cluster, b.cluster);
  return order < 0 || (order === 0 && a.name < b.name);
}
