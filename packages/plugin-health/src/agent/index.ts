/** The agent's part: probes this node's tunnels, and says what it finds in metrics and in the node's NodeConfig. */
import { clusterNodeName, type NodeConfig, NodeConfigKind } from '@kosmos/api';
import { createHostNet } from '@kosmos/hostnet';
import { type Ctx, eventRight, type Metrics, type Right, type Who } from '@kosmos/kernel';
import type { Probes } from '@kosmos/plugin-elector/contracts';
import type { NodeNetwork } from '@kosmos/plugin-network-vxlan/contracts';
import { TROUBLES } from '../trouble.ts';
import { linkMetrics } from './metrics.ts';
import { Report } from './report.ts';
import { LinkWatch } from './watch.ts';

export const reportRights = ({ cluster, node = '' }: Who): readonly Right[] => {
  const names = [clusterNodeName(cluster, node)];
  return [
    { on: 'host', kind: NodeConfigKind, verbs: ['list', 'watch'], names },
    { on: 'host', kind: NodeConfigKind, subresource: 'status', verbs: ['patch'], names },
    eventRight(),
  ];
};

/** How often the metrics are set. */
const METRICS_MS = 5000;

export function setupAgent(
  ctx: Pick<Ctx<{}, {}, {}>, 'clock' | 'log' | 'informer' | 'writer' | 'recorder' | 'onStart' | 'onStop'>,
  { metrics, node, probes }: { readonly metrics: Metrics; readonly node: NodeNetwork; readonly probes: Probes },
): void {
  const { clock, log } = ctx;
  const net = createHostNet();
  const configs = ctx.informer<NodeConfig>(NodeConfigKind, { fields: `metadata.name=${node.name}` });
  const report = new Report({
    clock,
    writer: ctx.writer('links'),
    recorder: ctx.recorder('links'),
    own: () => configs.get({ cluster: 'host', name: node.name }),
    failed: (error) => log.warn({ error: words(error) }, 'What is known of the tunnels could not be written; it is tried again'),
  });
  const show = linkMetrics(metrics);
  let shownAt = Number.NEGATIVE_INFINITY;
  let told = '';
  const watch = new LinkWatch({
    clock,
    probes,
    network: node,
    mtus: async () => new Map((await net.links()).filter(({ kind }) => kind === 'vxlan').map(({ name, mtu }) => [name, mtu])),
    used: (dev) => net.fdbUse(dev),
    looked() {
      const links = watch.links();
      void report.look(links);
      if (clock.now() - shownAt >= METRICS_MS) {
        shownAt = clock.now();
        show(links);
      }
      const wrong = TROUBLES.flatMap((t) =>
        links.filter(({ trouble }) => trouble === t).map(({ peer }) => `${t} ${peer.node} ${peer.dev}`),
      );
      if (wrong.join() !== told)
        log.info({ wrong: wrong.slice(0, 20), count: wrong.length }, 'Tunnels that are probed changed their state');
      told = wrong.join();
    },
    failed: (error) => log.debug({ error: words(error) }, 'The tunnels could not be looked at; it is tried again'),
  });
  ctx.onStart(async () => watch.start());
  ctx.onStop(async () => watch.stop());
}

const words = (error: unknown): string => (error instanceof Error ? error.message : String(error));
