import { ApiError, notFound } from '../http/errors.ts';
import type { Registry } from '../kinds/registry.ts';
import type { Resource } from '../kinds/resource.ts';
import { contentOf } from './codec.ts';
import type { Store } from '../storage/store.ts';

const STORAGE = 'namespaces';

/** Refuses writes into namespaces that are not there, and new objects in those that are going. */
export function admit(store: Store, registry: Registry, resource: Resource, namespace: string, creating: boolean, name: string): void {
  if (!resource.namespaced) return;
  const entry = store.head(STORAGE, namespace);
  if (!entry) throw notFound(registry.find('', 'v1', 'namespaces')!, namespace);
  if (!creating) return;
  if (contentOf(entry)['metadata'].deletionTimestamp) {
    throw new ApiError(
      403,
      'Forbidden',
      `${resource.plural}${resource.group ? `.${resource.group}` : ''} "${name}" is forbidden: unable to create new content in namespace ${namespace} because it is being terminated`,
      {
        name,
        ...(resource.group ? { group: resource.group } : {}),
        kind: resource.plural,
        causes: [{ reason: 'NamespaceTerminating', message: `namespace ${namespace} is being terminated`, field: 'metadata.namespace' }],
      },
    );
  }
}
