import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { labError } from '../errors.ts';

/** Kubernetes' own programs, as paths of files. */
export interface Binaries {
  readonly etcd: string;
  readonly apiserver: string;
  readonly controllerManager: string;
}

/**
 * What the environment names: `KUBEBUILDER_ASSETS`, a folder with `etcd` and `kube-apiserver`, and `KUBE_CONTROLLER_MANAGER`, a file.
 * Undefined where it does not name both. @throws KosmosError where one of them is not there
 */
export function binariesOf(env: NodeJS.ProcessEnv): Binaries | undefined {
  const { KUBEBUILDER_ASSETS: assets, KUBE_CONTROLLER_MANAGER: controllerManager } = env;
  if (!assets || !controllerManager) return undefined;
  const found = { etcd: join(assets, 'etcd'), apiserver: join(assets, 'kube-apiserver'), controllerManager };
  const missing = Object.values(found).filter((file) => !existsSync(file));
  if (missing.length > 0)
    throw labError('KOSMOS_E_LAB_START', `${missing.join(' and ')}: there is no such file`, {
      where: 'KUBEBUILDER_ASSETS, KUBE_CONTROLLER_MANAGER',
      hint: 'Name a folder with etcd and kube-apiserver, and the file kube-controller-manager; or unset both, and the lab brings its own.',
    });
  return found;
}
