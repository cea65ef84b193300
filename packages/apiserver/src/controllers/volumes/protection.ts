import { ApiError } from '../../http/errors.ts';
import type { Context, Controller } from '../context.ts';
import { Claims, keyOf, Pods, splitKey, Volumes, type Kind, type KubeObject, type Pod } from '../kube.ts';
import { isFinished, isTerminating } from '../pods.ts';

const CLAIM_FINALIZER = 'kubernetes.io/pvc-protection';
const VOLUME_FINALIZER = 'kubernetes.io/pv-protection';

/** The claims that a pod's volumes are. */
export const claimNamesOf = ({ spec, metadata }: Pod): string[] =>
  (spec.volumes ?? []).flatMap((v) =>
    v.persistentVolumeClaim ? [v.persistentVolumeClaim.claimName] : v.ephemeral ? [`${metadata.name}-${v.name}`] : [],
  );

/** Keeps a claim that is being deleted as long as a pod on a node uses it. */
export const claimProtection: Controller = {
  name: 'persistentvolumeclaim-protection-controller',
  component: 'pvc-protection-controller',
  start(c) {
    const queue = c.queue(async (key) => {
      const claim = c.informer(Claims).get(...splitKey(key));
      if (!claim || !isTerminating(claim)) return;
      const uses = (pod: Pod): boolean => Boolean(pod.spec.nodeName) && !isFinished(pod) && claimNamesOf(pod).includes(claim.metadata.name);
      if (!c.informer(Pods).list(claim.metadata.namespace).some(uses)) await letGo(c, Claims, claim, CLAIM_FINALIZER);
    });
    c.informer(Claims).on((now) => {
      if (now && isTerminating(now)) queue.add(keyOf(now));
    });
    c.informer(Pods).on((now, before) => {
      if (!before || (now && !isFinished(now))) return;
      for (const name of claimNamesOf(before)) queue.add(`${before.metadata.namespace}/${name}`);
    });
  },
};

/** Keeps a volume that is being deleted as long as it is bound. */
export const volumeProtection: Controller = {
  name: 'persistentvolume-protection-controller',
  component: 'pv-protection-controller',
  start(c) {
    const queue = c.queue(async (name) => {
      const volume = c.informer(Volumes).get('', name);
      if (volume && isTerminating(volume) && volume.status?.phase !== 'Bound') await letGo(c, Volumes, volume, VOLUME_FINALIZER);
    });
    c.informer(Volumes).on((now) => {
      if (now && isTerminating(now)) queue.add(now.metadata.name);
    });
  },
};

async function letGo<T extends KubeObject>(c: Context, kind: Kind<T>, object: T, finalizer: string): Promise<void> {
  await c.client
    .modify(kind, object, (o) => {
      o.metadata.finalizers = (o.metadata.finalizers ?? []).filter((f) => f !== finalizer);
    })
    .catch((error: unknown) => {
      if (!(error instanceof ApiError && error.code === 404)) throw error;
    });
}
