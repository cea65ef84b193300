/** The planner with the plugins of a config, composed by the kernel as any process does it. */
import { definePlugin, part, type Plugin } from '@kosmos/kernel';
import { createKernel } from '@kosmos/kernel/runtime';
import { Network, type NetworkHooks } from '@kosmos/plugin-network-vxlan/contracts';
import { vxlan } from '@kosmos/plugin-network-vxlan';
import type { Cluster, ClusterNode } from '@kosmos/api';
import { createPlanner, type Planner } from '../../packages/plugin-network-vxlan/src/plan/planner.ts';

export type { Planner } from '../../packages/plugin-network-vxlan/src/plan/planner.ts';
export { createWalk, type Place } from '../../packages/plugin-network-vxlan/src/walk/walk.ts';

export interface Fleet {
  readonly clusters: readonly Cluster[];
  readonly nodes: readonly ClusterNode[];
}

const schema = { '~standard': { version: 1, vendor: 'test', validate: (value: unknown) => ({ value }) } } as const;

/** Hooks with the taps of these plugins, in this order. */
export async function hooksOf(plugins: readonly Plugin[]): Promise<NetworkHooks> {
  let hooks: NetworkHooks | undefined;
  const reader = definePlugin({
    name: 'reader',
    version: '1.0.0',
    apiVersion: 1,
    kernel: '*',
    options: schema,
    parts: { cli: part<unknown>()({ requires: { network: Network }, setup: ({ use }) => void (hooks = use.network.hooks) }) },
  });
  const log = { trace() {}, debug() {}, info() {}, warn() {}, error() {}, child: () => log };
  await createKernel({ config: { clusters: {}, plugins: [vxlan(), ...plugins, reader()] }, role: 'cli', log });
  return hooks!;
}

export function filled(hooks: NetworkHooks, { clusters, nodes }: Fleet): Planner {
  const planner = createPlanner(hooks);
  for (const cluster of clusters) planner.setCluster(cluster);
  for (const node of nodes) planner.setNode(node);
  return planner;
}
