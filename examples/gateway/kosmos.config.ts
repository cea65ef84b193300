import { defineConfig } from '@kosmos/kernel';
import { clusters } from '@kosmos/plugin-clusters';
import { gateway } from '@kosmos/plugin-gateway';
import { vxlan } from '@kosmos/plugin-network-vxlan';

/** Clusters with networkType gateway reach others through up to two gateways each: the nodes whose ClusterNode has the role `gateway`. */
export default defineConfig((env) => ({
  clusters: { host: { kubeconfigFile: env.KOSMOS_HOST_KUBECONFIG ?? env.KUBECONFIG ?? 'host.kubeconfig' } },
  plugins: [clusters(), vxlan(), gateway({ gateways: 2 })],
}));
