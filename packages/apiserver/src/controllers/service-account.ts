import { ApiError } from '../http/errors.ts';
import type { Draft } from './client.ts';
import type { Context, Controller } from './context.ts';
import { ConfigMaps, Namespaces, ServiceAccounts, type Kind, type KubeObject } from './kube.ts';
import { isNamespaceTerminating, isTerminating } from './pods.ts';

/** Gives each namespace the account that its pods have by default. */
export const serviceAccountController: Controller = {
  name: 'serviceaccount-controller',
  start(c) {
    ensureInEach(c, ServiceAccounts, 'default', (namespace) => ({ metadata: { name: 'default', namespace } }));
  },
};

const ROOT_CA = 'kube-root-ca.crt';
const ABOUT =
  'Contains a CA bundle that can be used to verify the kube-apiserver when using internal endpoints such as the internal service IP or kubernetes.default.svc. No other usage is guaranteed across distributions of Kubernetes clusters.';

/** Gives each namespace the certificate by which its pods know the API server. */
export const rootCaPublisher: Controller = {
  name: 'root-ca-certificate-publisher-controller',
  start(c) {
    const data = { 'ca.crt': c.shared.ca };
    ensureInEach(
      c,
      ConfigMaps,
      ROOT_CA,
      (namespace) => ({ metadata: { name: ROOT_CA, namespace, annotations: { 'kubernetes.io/description': ABOUT } }, data }),
      (there) => there.data?.['ca.crt'] === data['ca.crt'] && Object.keys(there.data).length === 1,
    );
  },
};

/** Keeps one object in each namespace: made where it is not there, mended where it is not `good`. */
function ensureInEach<T extends KubeObject>(
  c: Context,
  kind: Kind<T>,
  name: string,
  make: (namespace: string) => Draft<T>,
  good: (there: T) => boolean = () => true,
): void {
  const namespaces = c.informer(Namespaces);
  const objects = c.informer(kind);
  const queue = c.queue(async (namespace) => {
    const owner = namespaces.get('', namespace);
    if (!owner || isTerminating(owner)) return;
    const there = objects.get(namespace, name);
    const wanted = make(namespace);
    if (there) {
      if (!good(there))
        await c.client.update(kind, there, (o) => {
          const { metadata: _m, ...content } = wanted;
          Object.assign(o, content);
        });
      return;
    }
    await c.client.create(kind, wanted).catch((error: unknown) => {
      if (!isNamespaceTerminating(error) && !(error instanceof ApiError && (error.reason === 'AlreadyExists' || error.code === 404)))
        throw error;
    });
  });
  namespaces.on((now) => {
    if (now && !isTerminating(now)) queue.add(now.metadata.name);
  });
  objects.on((now, before) => {
    if ((now ?? before)!.metadata.name === name) queue.add((now ?? before)!.metadata.namespace ?? '');
  });
}
