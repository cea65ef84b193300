/** @kosmos/plugin-gateway: clusters whose nodes reach other clusters through their gateways (networkType `gateway`). */
import { definePlugin, part, type Plugin } from '@kosmos/kernel';
import { Network } from '@kosmos/plugin-network-vxlan/contracts';
import { z } from 'zod';
import { gatewayMode } from './gateways.ts';

const optionsSchema = z.strictObject({
  /** How many gateways of a cluster forward at the same time, 1 to 16. Nodes with the role beyond these are spare. Default 1. */
  gateways: z.int().min(1).max(16).default(1),
});
export type GatewayInput = z.input<typeof optionsSchema>;

export const gateway: (options?: GatewayInput) => Plugin = definePlugin({
  name: 'gateway',
  version: '0.1.0',
  apiVersion: 1,
  kernel: '*',
  options: optionsSchema,
  parts: {
    all: part<z.output<typeof optionsSchema>>()({
      requires: { network: Network },
      setup({ use, tap }, { gateways }) {
        const { hooks } = use.network;
        const mode = gatewayMode(gateways);
        tap(hooks.classOf, mode.classOf);
        tap(hooks.devices, mode.devices);
        tap(hooks.announce, mode.announce);
        tap(hooks.nextHop, mode.nextHop);
        tap(hooks.nat, mode.nat);
        tap(hooks.check, mode.check);
      },
    }),
  },
});
export default gateway;
