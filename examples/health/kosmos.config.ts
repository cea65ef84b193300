import { defineConfig } from '@kosmos/kernel';
import { clusters } from '@kosmos/plugin-clusters';
import { dualstack } from '@kosmos/plugin-dualstack';
import { elector } from '@kosmos/plugin-elector';
import { gateway } from '@kosmos/plugin-gateway';
import { health } from '@kosmos/plugin-health';
import { vxlan } from '@kosmos/plugin-network-vxlan';

/**
 * Every node probes its tunnels; `kosmos get links`, conditions, events and the metrics on port 9464 say what it finds.
 * `kosmos check` sends packets between pods of all clusters, and says what is wrong where they get lost.
 */
export default defineConfig((env) => ({
  clusters: { host: { kubeconfigFile: env.KOSMOS_HOST_KUBECONFIG ?? env.KUBECONFIG ?? 'host.kubeconfig' } },
  plugins: [clusters(), vxlan(), gateway(), elector(), health(), dualstack()],
  http: { host: '127.0.0.1', port: 9464 },
}));
