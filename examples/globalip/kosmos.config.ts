import { defineConfig } from '@kosmos/kernel';
import { clusters } from '@kosmos/plugin-clusters';
import { globalip } from '@kosmos/plugin-globalip';
import { vxlan } from '@kosmos/plugin-network-vxlan';

/** Clusters may have equal networks: each is seen by global ones, which it is given from the pool. */
export default defineConfig((env) => ({
  clusters: { host: { kubeconfigFile: env.KOSMOS_HOST_KUBECONFIG ?? env.KUBECONFIG ?? 'host.kubeconfig' } },
  plugins: [clusters(), vxlan(), globalip({ pool: ['100.64.0.0/10'] })],
}));
