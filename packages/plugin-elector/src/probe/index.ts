/** The agent's part: probes next hops, answers the probes of others, and tells the elector that this gateway's agent lives. */
import { randomInt } from 'node:crypto';
import { type ClusterNode, ClusterNodeKind, clusterNodeName, LeaseKind, SYSTEM_NAMESPACE } from '@kosmos/api';
import type { Ctx, Metrics, Right, Token, Who } from '@kosmos/kernel';
import type { NextHopHealth } from '@kosmos/plugin-network-vxlan/contracts';
import type { Probes } from '../contracts.ts';
import { heartbeat, leaseName } from '../elect/heartbeat.ts';
import { pingOnce } from './ping.ts';
import { openProbePort } from './port.ts';
import { keyOf, Prober } from './prober.ts';

type AgentCtx = Ctx<{ readonly metrics: Token<Metrics> }, {}, { readonly health: Token<NextHopHealth>; readonly probes: Token<Probes> }>;

export const probeRights = ({ cluster, node = '' }: Who): readonly Right[] => [
  { on: 'host', kind: ClusterNodeKind, verbs: ['list', 'watch'] },
  {
    on: 'host',
    kind: LeaseKind,
    verbs: ['create', 'patch'],
    namespace: SYSTEM_NAMESPACE,
    names: [leaseName(clusterNodeName(cluster, node))],
  },
];

/** How often the figures of the probes go into the metrics. */
const REPORT_MS = 5000;

export function setupProbes(ctx: AgentCtx): void {
  const { clock, log, self } = ctx;
  const { metrics } = ctx.use;
  const up = metrics.gauge('network_probe_up', 'Is the next hop used (1), or found dead (0)?', ['dev', 'via']);
  const rtt = metrics.gauge('network_probe_rtt_seconds', 'Smoothed round trip to the next hop, through the tunnel.', ['dev', 'via']);
  const loss = metrics.gauge('network_probe_loss_ratio', 'Share of the last 32 probes without an answer.', ['dev', 'via']);
  const listeners = new Set<() => void>();
  let unusable: ReadonlySet<string> = new Set();
  const prober = new Prober({
    clock,
    openPort: openProbePort,
    ping: pingOnce,
    run: randomInt(2 ** 32),
    changed() {
      for (const hop of prober.unusable)
        if (!unusable.has(hop)) log.warn({ hop }, 'A next hop does not answer: it is not used until it has for 10 s');
      for (const hop of unusable) if (!prober.unusable.has(hop)) log.info({ hop }, 'A next hop answers again, and is used again');
      unusable = prober.unusable;
      for (const listener of listeners) listener();
    },
    failed: (source, error) => log.warn({ source, error: error.message }, 'Probes cannot be sent or answered there; it is tried again'),
  });
  ctx.provide('health', {
    follow: (hops, sources) => prober.follow(hops, sources),
    usable: (hop) => !prober.unusable.has(keyOf(hop)),
    onChange(fn) {
      listeners.add(fn);
      return () => void listeners.delete(fn);
    },
  });

  ctx.provide('probes', {
    ask: (hop, { bytes, timeoutMs }) => prober.ask(hop, bytes, timeoutMs),
    ping: ({ via, dev }, timeoutMs) => pingOnce(via, dev, timeoutMs),
    followed: () =>
      prober.states().map(({ target: { dev, via }, answering, rttMs, loss: lost }) => ({ dev, via, answering, rttMs, loss: lost })),
    sentAt: (hop) => prober.sentAt(hop),
  });

  const name = clusterNodeName(self.cluster, self.node ?? '');
  const nodes = ctx.informer<ClusterNode>(ClusterNodeKind);
  const writer = ctx.writer('heartbeat');
  let stopBeating = () => {};
  let stopReporting = () => {};
  let reported: readonly { readonly dev: string; readonly via: string }[] = [];
  const report = () => {
    const states = prober.states();
    const now = new Set(states.map(({ target }) => keyOf(target)));
    for (const { dev, via } of reported) if (!now.has(keyOf({ dev, via }))) for (const gauge of [up, rtt, loss]) gauge.remove({ dev, via });
    reported = states.map(({ target: { dev, via } }) => ({ dev, via }));
    for (const {
      target: { dev, via },
      usable,
      rttMs,
      loss: lost,
    } of states) {
      up.set(usable ? 1 : 0, { dev, via });
      loss.set(lost, { dev, via });
      if (rttMs !== undefined) rtt.set(rttMs / 1000, { dev, via });
    }
    stopReporting = clock.after(REPORT_MS, report);
  };
  ctx.onStart(async () => {
    report();
    stopBeating = heartbeat(
      () => nodes.get({ cluster: 'host', name }),
      name,
      self.instance,
      writer,
      clock,
      (error) => log.debug({ error: String(error) }, 'The heartbeat of this gateway could not be written'),
    );
  });
  ctx.onStop(async () => {
    stopBeating();
    stopReporting();
    prober.stop();
  });
}
