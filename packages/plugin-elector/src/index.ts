/** @kosmos/plugin-elector: which nodes stand for their cluster, and what happens when one dies. */
import { Commands, definePlugin, Metrics, part, type Plugin } from '@kosmos/kernel';
import { NextHopHealth } from '@kosmos/plugin-network-vxlan/contracts';
import { Probes } from './contracts.ts';
import { electorRights, setupElector } from './elect/index.ts';
import { getGatewaysCommand } from './get.ts';
import { moveCommand } from './move.ts';
import { type ElectorInput, type ElectorOptions, optionsSchema } from './options.ts';
import { probeRights, setupProbes } from './probe/index.ts';

export type { ElectorInput } from './options.ts';

export const elector: (options?: ElectorInput) => Plugin = definePlugin({
  name: 'elector',
  version: '0.1.0',
  apiVersion: 1,
  kernel: '*',
  options: optionsSchema,
  parts: {
    manager: part<ElectorOptions>()({ rights: electorRights, setup: (ctx, options) => setupElector(ctx, options) }),
    agent: part<ElectorOptions>()({
      requires: { metrics: Metrics },
      provides: { health: NextHopHealth, probes: Probes },
      rights: probeRights,
      setup: (ctx) => setupProbes(ctx),
    }),
    cli: part<ElectorOptions>()({
      provides: { commands: Commands },
      setup: (ctx) => {
        for (const command of [moveCommand, getGatewaysCommand]) ctx.provide('commands', command);
      },
    }),
  },
});
export default elector;
