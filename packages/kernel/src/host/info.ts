import type { Self } from '../contracts/plugin.ts';
import type { Metrics } from '../contracts/services.ts';
import { KERNEL_VERSION } from './version.ts';

/** By which other metrics of the same process are told apart: the node of an agent is no label of theirs. */
export function infoMetric(metrics: Pick<Metrics, 'gauge'>, { role, cluster, node = '' }: Self): void {
  const info = metrics.gauge('info', 'Always 1: what this process is', ['role', 'cluster', 'node', 'version']);
  info.set(1, { role, cluster, node, version: KERNEL_VERSION });
}
