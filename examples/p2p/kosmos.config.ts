import { defineConfig } from '@kosmos/kernel';
import { clusters } from '@kosmos/plugin-clusters';
import { vxlan } from '@kosmos/plugin-network-vxlan';

/** Every node has a tunnel to every node of the other clusters (networkType p2p on the Cluster objects). */
export default defineConfig((env) => ({
  clusters: { host: { kubeconfigFile: env.KOSMOS_HOST_KUBECONFIG ?? env.KUBECONFIG ?? 'host.kubeconfig' } },
  plugins: [clusters(), vxlan()],
}));
