/** @kosmos/plugin-health: says how well every tunnel of the network works. */
import { Commands, definePlugin, Metrics, part, type Plugin } from '@kosmos/kernel';
import { Probes } from '@kosmos/plugin-elector/contracts';
import { NetworkViews, NodeNetwork } from '@kosmos/plugin-network-vxlan/contracts';
import { reportRights, setupAgent } from './agent/index.ts';
import { checkCommand } from './check/command.ts';
import { getLinksCommand } from './get.ts';
import { judgeRights, setupManager } from './manager/index.ts';
import { type HealthInput, type HealthOptions, optionsSchema } from './options.ts';

export type { HealthInput } from './options.ts';

export const health: (options?: HealthInput) => Plugin = definePlugin({
  name: 'health',
  version: '0.1.0',
  apiVersion: 1,
  kernel: '*',
  options: optionsSchema,
  parts: {
    manager: part<HealthOptions>()({ rights: judgeRights, setup: (ctx) => setupManager(ctx) }),
    agent: part<HealthOptions>()({
      requires: { metrics: Metrics, node: NodeNetwork, probes: Probes },
      rights: reportRights,
      setup: (ctx) => setupAgent(ctx, ctx.use),
    }),
    cli: part<HealthOptions>()({
      requires: { views: NetworkViews },
      provides: { commands: Commands },
      setup: (ctx) => {
        for (const command of [getLinksCommand, checkCommand(ctx.use.views)]) ctx.provide('commands', command);
      },
    }),
  },
});
export default health;
