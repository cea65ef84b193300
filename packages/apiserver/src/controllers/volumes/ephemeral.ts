import { ApiError } from '../../http/errors.ts';
import type { Controller } from '../context.ts';
import { Claims, controllerOf, controllerRef, keyOf, Pods, splitKey, type Claim } from '../kube.ts';
import { isFinished, isTerminating } from '../pods.ts';

/** Makes the claims of pods that bring their own, and that end with them. */
export const ephemeralVolumeController: Controller = {
  name: 'ephemeral-volume-controller',
  component: 'ephemeral_volume',
  start(c) {
    const queue = c.queue(async (key) => {
      const pod = c.informer(Pods).get(...splitKey(key));
      if (!pod || isTerminating(pod) || isFinished(pod)) return;
      const { namespace = '', uid } = pod.metadata;
      for (const { name, ephemeral } of pod.spec.volumes ?? []) {
        if (!ephemeral?.volumeClaimTemplate) continue;
        const { metadata = {}, spec } = ephemeral.volumeClaimTemplate as { metadata?: Claim['metadata']; spec: Claim['spec'] };
        const claim = `${pod.metadata.name}-${name}`;
        const there = c.informer(Claims).get(namespace, claim);
        if (there && controllerOf(there)?.uid !== uid)
          throw new ApiError(409, 'Conflict', `PVC "${namespace}/${claim}" was not created for pod "${key}" (pod is not owner)`);
        if (there) continue;
        const { labels, annotations } = metadata as Claim['metadata'];
        await c.client.create(Claims, {
          metadata: {
            name: claim,
            namespace,
            ...(labels && { labels }),
            ...(annotations && { annotations }),
            ownerReferences: [controllerRef(Pods, pod)],
          },
          spec,
        });
      }
    });
    c.informer(Pods).on((now, before) => {
      if (now && !before && now.spec.volumes?.some((v) => v.ephemeral)) queue.add(keyOf(now));
    });
    c.informer(Claims).on((now, before) => {
      const ref = now ? undefined : controllerOf(before!);
      if (ref?.kind === Pods.kind) queue.add(`${before!.metadata.namespace}/${ref.name}`);
    });
  },
};
