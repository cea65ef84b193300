import type { NodeNetwork, TunnelPeer } from './contracts.ts';
import type { AgentDeps } from './agent-contract.ts';
import { overlayAddresses } from './agent/spare.ts';
import type { Planner, TunnelEnd } from './plan/planner.ts';
import type { NodePlan } from './plan/types.ts';

export function nodeNetwork({ name, plans }: AgentDeps, planner: Planner): NodeNetwork {
  let made: { readonly plan: NodePlan; readonly peers: readonly TunnelPeer[] } | undefined;
  return {
    name,
    peers() {
      const plan = plans.plan();
      if (!plan) return [];
      if (made?.plan !== plan) made = { plan, peers: same(made?.peers, peersOf(plan, planner)) };
      return made.peers;
    },
  };
}

function peersOf(plan: NodePlan, planner: Planner): TunnelPeer[] {
  const own = overlayAddresses(plan);
  const wanted = new Map<string, TunnelEnd | undefined>(plan.arps.map(({ dev, mac }) => [`${dev} ${mac}`, undefined]));
  for (const end of planner.ends()) {
    const key = `${end.dev} ${end.mac}`;
    if (wanted.has(key)) wanted.set(key, end);
  }
  return plan.arps.flatMap(({ ip: via, mac, dev }) => {
    const [end, source] = [wanted.get(`${dev} ${mac}`), own.get(dev)];
    return end && source ? [{ dev, via, source, mac, node: end.node, cluster: end.cluster, gateway: end.gateway }] : [];
  });
}

/** The old list where the new one says the same. */
function same(old: readonly TunnelPeer[] | undefined, now: readonly TunnelPeer[]): readonly TunnelPeer[] {
  const equal = (a: TunnelPeer, b: TunnelPeer) =>
    a.dev === b.dev && a.via === b.via && a.source === b.source && a.mac === b.mac && a.node === b.node && a.gateway === b.gateway;
  return old?.length === now.length && now.every((peer, i) => equal(peer, old[i]!)) ? old : now;
}
