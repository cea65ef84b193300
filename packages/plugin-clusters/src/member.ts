import { type Cluster, KUBECONFIG_KEY, SecretKind, SYSTEM_NAMESPACE } from '@kosmos/api';
import { type CommandContext, KosmosError, type KubeClient } from '@kosmos/kernel';

/**
 * For commands: requests to the cluster of a Cluster object, by the access that the config names under this name, else by the
 * kubeconfig that the object refers to. Throws a KosmosError where there is neither.
 */
export async function memberClient(
  { clusters, signal }: Pick<CommandContext, 'clusters' | 'signal'>,
  { metadata: { name }, spec }: Cluster,
): Promise<KubeClient> {
  if (clusters.members().includes(name)) return clusters.client(name);
  const ref = spec?.kubeconfigSecretRef;
  const secret = ref && (await clusters.client('host').get(SecretKind, ref.name, { namespace: ref.namespace ?? SYSTEM_NAMESPACE, signal }));
  const encoded = spec?.kubeconfig ?? secret?.data?.[KUBECONFIG_KEY];
  if (encoded === undefined)
    throw new KosmosError('KOSMOS_E_KUBECONFIG', `Nothing says how to reach cluster '${name}': its Cluster object names no kubeconfig.`, {
      where: `cluster ${name}`,
      hint: `Join it anew: kosmos join ${name} --kubeconfig FILE.`,
    });
  clusters.join(name, { kubeconfig: Buffer.from(encoded, 'base64').toString('utf8') });
  return clusters.client(name);
}
