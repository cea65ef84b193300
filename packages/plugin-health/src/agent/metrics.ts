import type { Gauge, Metrics } from '@kosmos/kernel';
import type { Link } from './link.ts';

const LABELS = ['peer_cluster', 'peer', 'dev'] as const;
type Labels = Readonly<Record<(typeof LABELS)[number], string>>;

/** Shows the tunnels that are probed now, and none that were. */
export function linkMetrics(metrics: Metrics): (links: readonly Link[]) => void {
  const gauge = (name: string, help: string) => metrics.gauge(`health_link_${name}`, help, LABELS);
  const up = gauge('up', '1: the tunnel to the peer works; 0: it does not answer probes.');
  const agent = gauge('agent_up', "1: the peer's agent answers; 0: its kernel does, or nothing.");
  const rtt = gauge('rtt_seconds', 'Smoothed round trip through the tunnel.');
  const loss = gauge('loss_ratio', 'Share of the last 32 probes without an answer.');
  const mtu = gauge('mtu_bytes', 'The largest IP packet that passes undivided.');
  const full = gauge('full_size_ok', '1: packets as large as the tunnel device lets pass do; 0: they get lost.');
  const all: readonly Gauge[] = [up, agent, rtt, loss, mtu, full];
  let shown = new Map<string, Labels>();
  return (links) => {
    const now = new Map<string, Labels>();
    for (const { peer, probed, trouble, rttMs, loss: lost, mtu: bytes } of links) {
      if (!probed) continue;
      const labels = { peer_cluster: peer.cluster, peer: peer.node, dev: peer.dev };
      now.set(`${peer.node} ${peer.dev}`, labels);
      up.set(trouble === 'NoAnswer' ? 0 : 1, labels);
      agent.set(trouble === 'NoAnswer' || trouble === 'AgentSilent' ? 0 : 1, labels);
      loss.set(lost, labels);
      if (rttMs !== undefined) rtt.set(rttMs / 1000, labels);
      if (bytes === undefined) continue;
      mtu.set(bytes, labels);
      full.set(trouble === 'MtuTooSmall' ? 0 : 1, labels);
    }
    for (const [key, labels] of shown) if (!now.has(key)) for (const each of all) each.remove(labels);
    shown = now;
  };
}
