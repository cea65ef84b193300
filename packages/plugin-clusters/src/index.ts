/** @kosmos/plugin-clusters: member clusters from Cluster objects. */
import { Clusters, Commands, definePlugin, part, type Plugin, Rights } from '@kosmos/kernel';
import { z } from 'zod';
import { crds } from './commands/crds.ts';
import { join, unjoin } from './commands/join.ts';
import { rbac } from './commands/rbac.ts';
import { registryRights, setupRegistry } from './registry.ts';

type None = Record<never, never>;

/** It has no options. */
export const clusters: (options?: None) => Plugin = definePlugin({
  name: 'clusters',
  version: '0.1.0',
  apiVersion: 1,
  kernel: '*',
  options: z.strictObject({}),
  parts: {
    manager: part<None>()({
      requires: { clusters: Clusters },
      rights: registryRights,
      setup: (ctx) => setupRegistry(ctx),
    }),
    cli: part<None>()({
      requires: { rights: Rights },
      provides: { commands: Commands },
      setup: (ctx) => {
        for (const command of [join, unjoin, crds, rbac(ctx.use.rights)]) ctx.provide('commands', command);
      },
    }),
  },
});
export default clusters;
