/** @kosmos/plugin-globalip: clusters with equal or overlapping networks reach each other by global addresses, one to one. */
import { Commands, definePlugin, part, type Plugin } from '@kosmos/kernel';
import { type Cidr, Network, overlaps, parseCidr } from '@kosmos/plugin-network-vxlan/contracts';
import { z } from 'zod';
import { allocatorRights, setupAllocator } from './allocator.ts';
import { globalipCommand } from './command.ts';
import { mappingsOf, problemsOf, unmapped } from './mappings.ts';

const cidr = z.string().transform((text, context): Cidr => {
  const found = parseCidr(text);
  if (found?.text === text) return found;
  context.addIssue({
    code: 'custom',
    message: `expected an IPv4 or IPv6 network without host bits, such as 100.64.0.0/10; found '${text}'`,
  });
  return z.NEVER;
});

const optionsSchema = z.strictObject({
  /**
   * Networks from which every cluster is given a global one for each of its own, unless spec.clusterLinkOptions.globalCIDRsMap
   * has one. Without a pool only those count.
   */
  pool: z
    .array(cidr)
    .refine((all) => all.every((a, i) => all.every((b, k) => i === k || !overlaps(a, b))), 'networks of the pool overlap each other')
    .default([]),
});
export type GlobalIpInput = z.input<typeof optionsSchema>;
type Options = z.output<typeof optionsSchema>;

export const globalip: (options?: GlobalIpInput) => Plugin = definePlugin({
  name: 'globalip',
  version: '0.1.0',
  apiVersion: 1,
  kernel: '*',
  options: optionsSchema,
  parts: {
    all: part<Options>()({
      requires: { network: Network },
      setup({ use, tap }, { pool }) {
        const { hooks } = use.network;
        tap(hooks.maps, (cluster, add) => mappingsOf(cluster).forEach(add));
        tap(hooks.check, ({ object }, say) => {
          for (const problem of problemsOf(object)) say('Malformed', 'InvalidValue', problem);
          const mapped = mappingsOf(object);
          for (const real of unmapped(object)) {
            if (!pool.some((p) => p.family === real.family) || mapped.some((m) => m.real.text === real.text)) continue;
            say(
              'CIDRConflict',
              'NoGlobalCIDR',
              `${real.text} has no global network: the pool has no room of its size, or the manager has not given it one yet`,
            );
          }
        });
      },
    }),
    manager: part<Options>()({
      rights: allocatorRights,
      setup: (ctx, { pool }) => {
        if (pool.length > 0) setupAllocator(ctx, pool);
      },
    }),
    cli: part<Options>()({
      provides: { commands: Commands },
      setup: (ctx) => ctx.provide('commands', globalipCommand),
    }),
  },
});
export default globalip;
