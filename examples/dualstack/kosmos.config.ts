import { defineConfig } from '@kosmos/kernel';
import { clusters } from '@kosmos/plugin-clusters';
import { dualstack } from '@kosmos/plugin-dualstack';
import { vxlan } from '@kosmos/plugin-network-vxlan';

/** IPv4 and IPv6, or one of them, as each Cluster's ipFamily says. */
export default defineConfig((env) => ({
  clusters: { host: { kubeconfigFile: env.KOSMOS_HOST_KUBECONFIG ?? env.KUBECONFIG ?? 'host.kubeconfig' } },
  plugins: [clusters(), vxlan(), dualstack()],
}));
