import { setTimeout as sleep } from 'node:timers/promises';
import { crdManifests, CustomResourceDefinitionKind, NamespaceKind, SYSTEM_NAMESPACE } from '@kosmos/api';
import { type KubeClient, KosmosError } from '@kosmos/kernel';

/** Field manager of what the commands write. */
export const FIELD_MANAGER = 'kosmos/clusters/cli';
const ESTABLISH_MS = 30_000;
const POLL_MS = 100;

/** Installs or updates the definitions of Kosmos' kinds and waits until the API server serves them; makes the namespace. */
export async function install(host: KubeClient, signal: AbortSignal): Promise<void> {
  const o = { fieldManager: FIELD_MANAGER, force: true, signal };
  const manifests = crdManifests();
  await Promise.all(manifests.map((manifest) => host.apply(CustomResourceDefinitionKind, manifest, o)));
  await host.apply(NamespaceKind, { apiVersion: 'v1', kind: 'Namespace', metadata: { name: SYSTEM_NAMESPACE } }, o);
  const deadline = AbortSignal.any([signal, AbortSignal.timeout(ESTABLISH_MS)]);
  for (const { metadata } of manifests) await established(host, metadata.name, deadline, signal);
}

async function established(host: KubeClient, name: string, deadline: AbortSignal, signal: AbortSignal): Promise<void> {
  for (;;) {
    const crd = await host.get(CustomResourceDefinitionKind, name, { signal });
    const conditions = crd?.status?.conditions ?? [];
    if (conditions.some((c) => c.type === 'Established' && c.status === 'True')) return;
    if (deadline.aborted) {
      signal.throwIfAborted();
      const why = conditions
        .filter((c) => c.status === 'False')
        .map((c) => c.message)
        .join('; ');
      throw new KosmosError(
        'KOSMOS_E_TIMEOUT',
        `${host.server} did not establish ${name} within ${ESTABLISH_MS / 1000} s${why && `: ${why}`}.`,
        {
          where: name,
          hint: `See kubectl get crd ${name} -o yaml.`,
        },
      );
    }
    await sleep(POLL_MS, undefined, { signal });
  }
}
