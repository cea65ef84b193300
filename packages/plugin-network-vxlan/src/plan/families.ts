import { type Cluster, DEFAULT_BRIDGE_CIDRS, DEFAULT_LOCAL_CIDRS } from '@kosmos/api';
import type { Family } from '../contracts.ts';

const wants = (cluster: Cluster, family: string) => {
  const wanted = cluster.spec?.clusterLinkOptions?.ipFamily ?? 'all';
  return wanted === 'all' || wanted === family;
};

/** Device names, VNIs and ports are those of the Go original (kosmos-reference 2.0). */
export const V4: Family = {
  id: 4,
  suffix: '',
  overhead: 50,
  bridge: { name: 'vx-bridge', id: 54, port: 4876 },
  local: { name: 'vx-local', id: 55, port: 4877 },
  wanted: (cluster) => wants(cluster, 'ipv4'),
  nets: ({ spec }) => ({
    bridge: spec?.clusterLinkOptions?.bridgeCIDRs?.ip ?? DEFAULT_BRIDGE_CIDRS.ip,
    local: spec?.clusterLinkOptions?.localCIDRs?.ip ?? DEFAULT_LOCAL_CIDRS.ip,
  }),
};
