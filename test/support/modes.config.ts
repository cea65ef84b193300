import { defineConfig } from '@kosmos/kernel';
import { presetNetwork } from '@kosmos/preset-network';

/** Every plugin of the network. */
export default defineConfig((env) => ({
  clusters: { host: { kubeconfigFile: env.KOSMOS_HOST_KUBECONFIG ?? 'host.kubeconfig' } },
  plugins: [presetNetwork({ gateway: { gateways: 2 } })],
}));
