/** @kosmos/plugin-network-vxlan: pods of many clusters reach each other over VXLAN. */
import { Clusters, Commands, definePlugin, Health, Metrics, part, type Plugin } from '@kosmos/kernel';
import { agentCommands, agentRights, setupAgent } from './agent/index.ts';
import { agentDeps } from './agent-deps.ts';
import { getCommands } from './commands/get.ts';
import { planCommand } from './commands/plan.ts';
import { CniAdapters, Network, networkHooks, NetworkViews, NextHopHealth, NodeNetwork } from './contracts.ts';
import { bundleCommand } from './diagnose/command.ts';
import { networkViews } from './explain/view.ts';
import { Fleet, fleetModel, fleetRights } from './fleet-model.ts';
import { setupInventory } from './inventory/index.ts';
import { inventoryRights } from './inventory/rights.ts';
import { nodeNetwork } from './node-network.ts';
import { optionsSchema, type VxlanInput, type VxlanOptions } from './options.ts';

export type { VxlanInput, VxlanOptions } from './options.ts';

export const vxlan: (options?: VxlanInput) => Plugin = definePlugin({
  name: 'network-vxlan',
  version: '0.1.0',
  apiVersion: 1,
  kernel: '*',
  options: optionsSchema,
  parts: {
    all: part<VxlanOptions>()({
      provides: { network: Network, fleet: Fleet },
      // Commands have the rights of whoever calls them.
      rights: ({ role }) => (role === 'cli' ? [] : fleetRights()),
      setup(ctx, options) {
        const hooks = networkHooks();
        // Commands are over in a moment and read what they need themselves.
        const model = ctx.self.role === 'cli' ? undefined : fleetModel(ctx, hooks, options);
        ctx.provide('fleet', { model });
        ctx.provide('network', {
          hooks,
          seenAs: (cluster, ip) => model?.planner.seenAs(cluster, ip) ?? ip,
          reachable: (cluster) => model?.planner.reachable(cluster) ?? false,
        });
      },
    }),
    manager: part<VxlanOptions>()({
      requires: { fleet: Fleet, network: Network, clusters: Clusters, adapters: CniAdapters },
      rights: inventoryRights,
      setup: (ctx) => setupInventory(ctx, ctx.use, ctx.use.fleet.model!, ctx.use.adapters),
    }),
    agent: part<VxlanOptions>()({
      requires: { fleet: Fleet, metrics: Metrics, health: Health },
      optional: { nextHops: NextHopHealth },
      provides: { node: NodeNetwork },
      rights: agentRights,
      setup(ctx, options) {
        const model = ctx.use.fleet.model!;
        const deps = agentDeps(ctx.self, model);
        ctx.provide('node', nodeNetwork(deps, model.planner));
        setupAgent(ctx, options, deps);
      },
    }),
    cli: part<VxlanOptions>()({
      requires: { network: Network },
      provides: { commands: Commands, views: NetworkViews },
      setup: (ctx, options) => {
        const { hooks } = ctx.use.network;
        ctx.provide('views', networkViews(hooks, options));
        for (const command of [
          planCommand(hooks, options),
          ...getCommands(hooks, options),
          bundleCommand(hooks, options),
          ...agentCommands,
        ])
          ctx.provide('commands', command);
      },
    }),
  },
});
export default vxlan;
