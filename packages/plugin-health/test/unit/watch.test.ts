import type { FollowedHop, Probes } from '@kosmos/plugin-elector/contracts';
import type { TunnelPeer } from '@kosmos/plugin-network-vxlan/contracts';
import { manualClock } from '@kosmos/testing';
import { expect } from 'chai';
import { LinkWatch } from '../../src/agent/watch.ts';
import { peer } from '../support/peers.ts';

/** A node with these peers, on a network that loses packets to `down` and those larger than `limit`. */
function network(peers: readonly TunnelPeer[]) {
  const clock = manualClock(1_000_000);
  const state = {
    down: new Set<string>(),
    silent: new Set<string>(),
    limit: 9000,
    asked: new Map<string, number>(),
    peers,
    followed: [] as FollowedHop[],
  };
  /** When the kernel last sent by a peer's entry for others than the prober. */
  const traffic = new Map<string, number>();
  const sent = new Map<string, number>();
  const probes: Probes = {
    async ask({ via }, { bytes = 44 }) {
      state.asked.set(via, (state.asked.get(via) ?? 0) + 1);
      sent.set(via, clock.now());
      return state.down.has(via) || state.silent.has(via) || bytes > state.limit ? undefined : 1;
    },
    ping: async ({ via }) => !state.down.has(via),
    followed: () => state.followed,
    sentAt: ({ via }) => sent.get(via),
  };
  const watch = new LinkWatch({
    clock,
    probes,
    network: { peers: () => state.peers },
    mtus: async () => new Map([['vx-bridge', 1450]]),
    async used() {
      const ages = new Map<string, { usedS: number; updatedS: number }>();
      for (const { mac, via } of state.peers) {
        const at = Math.max(traffic.get(via) ?? 0, sent.get(via) ?? 0);
        ages.set(mac, { usedS: at === 0 ? 9000 : Math.floor((clock.now() - at) / 1000), updatedS: 9000 });
      }
      return ages;
    },
    looked() {},
    failed(error) {
      throw error;
    },
  });
  watch.start();
  const troubles = () => watch.links().flatMap(({ peer: { node }, trouble }) => (trouble ? [`${node} ${trouble}`] : []));
  return { clock, watch, state, traffic, troubles };
}

describe('a node that watches its tunnels', () => {
  it('finds a dead peer, a silent agent and a size that does not pass', async () => {
    const { clock, state, troubles } = network([peer('c2', 1), peer('c2', 2), peer('c2', 3)]);
    await clock.advance(20_000);
    expect(troubles()).to.deep.equal([]);
    state.down.add('220.1.0.1');
    state.silent.add('220.1.0.2');
    await clock.advance(15_000);
    expect(troubles()).to.deep.equal(['c2-n1 NoAnswer', 'c2-n2 AgentSilent']);
    state.limit = 1400;
    await clock.advance(60_000);
    expect(troubles()).to.deep.equal(['c2-n1 NoAnswer', 'c2-n2 AgentSilent', 'c2-n3 MtuTooSmall']);
    state.limit = 9000;
    state.down.clear();
    state.silent.clear();
    await clock.advance(60_000);
    expect(troubles()).to.deep.equal([]);
  });

  it('leaves a peer that answers the probes for failover to those, and asks itself when it does not', async () => {
    const { clock, state, watch, troubles } = network([peer('c2', 1)]);
    const hop = { dev: 'vx-bridge', via: '220.1.0.1', rttMs: 7, loss: 0 };
    state.followed = [{ ...hop, answering: true }];
    await clock.advance(50_000);
    expect(state.asked.get(hop.via), 'one of full size').to.equal(1);
    expect(watch.links()[0]!.rttMs).to.equal(7);
    state.down.add(hop.via);
    state.followed = [{ ...hop, answering: false }];
    await clock.advance(5000);
    expect(troubles()).to.deep.equal(['c2-n1 NoAnswer']);
    state.down.clear();
    state.followed = [{ ...hop, answering: true }];
    await clock.advance(20_000);
    expect(troubles()).to.deep.equal([]);
  });

  it('probes in a large fleet whom it sends to beside its sample, and its own probes are not taken for traffic', async () => {
    const peers = Array.from({ length: 400 }, (_, i) => peer('c2', i + 1));
    const { clock, watch, traffic } = network(peers);
    const { via, node } = peers[300]!;
    for (let s = 0; s < 180; s += 1) {
      traffic.set(via, clock.now());
      await clock.advance(1000);
    }
    const watched = watch.links().map((link) => link.peer.node);
    expect(watched).to.include(node);
    expect(watched.length).to.be.at.most(34);
  });

  it('follows the peers that it has: forgets those that left, and keeps what it knows of the others', async () => {
    const { clock, state, watch, troubles } = network([peer('c2', 1), peer('c2', 2)]);
    state.down.add('220.1.0.2');
    await clock.advance(20_000);
    state.peers = [peer('c2', 2), peer('c3', 3)];
    await clock.advance(600);
    expect(watch.links().map((link) => link.peer.node)).to.deep.equal(['c2-n2', 'c3-n3']);
    expect(troubles()).to.deep.equal(['c2-n2 NoAnswer']);
    watch.stop();
    await clock.advance(60_000);
    expect(clock.waiting()).to.equal(0);
  });
});
