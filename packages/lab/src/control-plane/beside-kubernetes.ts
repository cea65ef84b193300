import type { RemoteCluster } from '@kosmos/apiserver';
import type { Informer, KObject } from '@kosmos/kernel';
import type { Connection } from '../connect.ts';

/** The cluster as the controllers see it that Kubernetes has as programs of their own; to be called before the informers start. */
export function remoteCluster({ client, informer }: Connection): RemoteCluster {
  return {
    request: (method, path, body) => client.request(method, path, body === undefined ? {} : { body }),
    watch(kind, changed) {
      const objects: Informer<KObject> = informer(kind);
      const there = (object: KObject) => changed(object, object.metadata.namespace ?? '', object.metadata.name);
      objects.on({
        add: there,
        update: there,
        remove: ({ metadata: { namespace = '', name } }) => changed(undefined, namespace, name),
      });
    },
  };
}
