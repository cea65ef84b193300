import { defineConfig } from '@kosmos/kernel';
import { clusters } from '@kosmos/plugin-clusters';
import { elector } from '@kosmos/plugin-elector';
import { gateway } from '@kosmos/plugin-gateway';
import { vxlan } from '@kosmos/plugin-network-vxlan';

/** Clusters with networkType gateway have one gateway in use and one spare, which takes over by itself. */
export default defineConfig((env) => ({
  clusters: { host: { kubeconfigFile: env.KOSMOS_HOST_KUBECONFIG ?? env.KUBECONFIG ?? 'host.kubeconfig' } },
  plugins: [clusters(), vxlan(), gateway(), elector({ candidates: 2 })],
}));
