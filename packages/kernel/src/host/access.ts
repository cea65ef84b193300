/** How the host cluster is reached where the config does not say. */
import { existsSync } from 'node:fs';
import { homedir } from 'node:os';
import { delimiter, dirname, join, resolve } from 'node:path';
import type { Role } from '../contracts/plugin.ts';
import type { ConfigEnv } from '../contracts/config.ts';
import type { ClusterAccess } from '../contracts/services.ts';

type Accesses = Readonly<Record<string, ClusterAccess>>;

/** Without `host`: in a pod, its service account; for commands, the kubeconfig that kubectl would take. Files are found from the config's folder. */
export function accessOf(clusters: Accesses, configFile: string | undefined, role: Role, env: ConfigEnv): Accesses {
  const folder = configFile === undefined ? process.cwd() : dirname(configFile);
  const found = Object.fromEntries(
    Object.entries(clusters).map(([name, access]) => [
      name,
      'kubeconfigFile' in access ? { ...access, kubeconfigFile: resolve(folder, access.kubeconfigFile) } : access,
    ]),
  );
  if (found.host) return found;
  const files = role === 'cli' ? [...(env.KUBECONFIG ?? '').split(delimiter), join(homedir(), '.kube/config')] : [];
  const kubeconfigFile = files.find((file) => file !== '' && existsSync(file));
  if (kubeconfigFile) return { host: { kubeconfigFile }, ...found };
  return env.KUBERNETES_SERVICE_HOST ? { host: { inCluster: true }, ...found } : found;
}
