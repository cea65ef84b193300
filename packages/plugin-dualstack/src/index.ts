/** @kosmos/plugin-dualstack: IPv6 beside or instead of IPv4 (`ipFamily` of a Cluster), in every mode of the network. */
import { DEFAULT_BRIDGE_CIDRS, DEFAULT_LOCAL_CIDRS } from '@kosmos/api';
import { definePlugin, part, type Plugin } from '@kosmos/kernel';
import { type Family, Network } from '@kosmos/plugin-network-vxlan/contracts';
import { z } from 'zod';

type None = Record<never, never>;

/** Device names, VNIs and ports are those of the Go original. */
const V6: Family = {
  id: 6,
  suffix: '-6',
  overhead: 70,
  bridge: { name: 'vx-bridge-6', id: 64, port: 4866 },
  local: { name: 'vx-local-6', id: 65, port: 4867 },
  wanted: ({ spec }) => ['all', 'ipv6'].includes(spec?.clusterLinkOptions?.ipFamily ?? 'all'),
  nets: ({ spec }) => ({
    bridge: spec?.clusterLinkOptions?.bridgeCIDRs?.ip6 ?? DEFAULT_BRIDGE_CIDRS.ip6,
    local: spec?.clusterLinkOptions?.localCIDRs?.ip6 ?? DEFAULT_LOCAL_CIDRS.ip6,
  }),
};

/** It has no options. */
export const dualstack: (options?: None) => Plugin = definePlugin({
  name: 'dualstack',
  version: '0.1.0',
  apiVersion: 1,
  kernel: '*',
  options: z.strictObject({}),
  parts: {
    all: part<None>()({
      requires: { network: Network },
      setup: ({ use, tap }) => tap(use.network.hooks.families, (add) => add(V6)),
    }),
  },
});
export default dualstack;
