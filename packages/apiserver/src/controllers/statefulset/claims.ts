import { ApiError } from '../../http/errors.ts';
import { equal } from '../../schema/schema.ts';
import type { Context } from '../context.ts';
import {
  apiVersionOf,
  Claims,
  controllerRef,
  Pods,
  StatefulSets,
  type Claim,
  type OwnerReference,
  type Pod,
  type StatefulSet,
} from '../kube.ts';
import { isTerminating } from '../pods.ts';
import { claimsOf, isWanted } from './identity.ts';

/** Makes the claims of a pod that are not there. */
export async function createClaims(c: Context, set: StatefulSet, ordinal: number, pod: string): Promise<void> {
  for (const draft of claimsOf(set, ordinal)) {
    const { namespace = '', name } = draft.metadata as { namespace?: string; name: string };
    const there = c.informer(Claims).get(namespace, name);
    if (there && isTerminating(there)) throw new ApiError(409, 'Conflict', `pvc ${name} is being deleted`);
    if (there) continue;
    try {
      await c.client.create(Claims, draft);
      c.event(
        StatefulSets,
        set,
        'Normal',
        'SuccessfulCreate',
        `Create Claim ${name} Pod ${pod} in StatefulSet ${set.metadata.name} success`,
      );
    } catch (error) {
      const why = (error as Error).message;
      const message = `Create Claim ${name} for Pod ${pod} in StatefulSet ${set.metadata.name} failed error: ${why}`;
      c.event(StatefulSets, set, 'Warning', 'FailedCreate', message);
      throw error;
    }
  }
}

/** Gives the claims of a pod the owners with which they are to end, as the set's retention policy says. */
export async function ownClaims(c: Context, set: StatefulSet, ordinal: number, pod: Pod): Promise<void> {
  const { whenDeleted, whenScaled } = set.spec.persistentVolumeClaimRetentionPolicy;
  const condemned = !isWanted(set, ordinal);
  const podRef: OwnerReference = {
    apiVersion: apiVersionOf(Pods),
    kind: Pods.kind,
    name: pod.metadata.name,
    uid: pod.metadata.uid,
    controller: true,
  };
  const wanted = condemned && whenScaled === 'Delete' ? podRef : whenDeleted === 'Delete' ? controllerRef(StatefulSets, set) : undefined;
  for (const draft of claimsOf(set, ordinal)) {
    const { namespace = '', name } = draft.metadata as { namespace?: string; name: string };
    const claim = c.informer(Claims).get(namespace, name);
    if (!claim) continue;
    const refs = ownersOf(claim, set, pod, wanted);
    if (equal(refs, claim.metadata.ownerReferences ?? [])) continue;
    await c.client.update(Claims, claim, (o) => {
      o.metadata.ownerReferences = refs;
    });
  }
}

/** The owners of a claim: those that are neither the set nor a pod of it stay. */
function ownersOf({ metadata }: Claim, set: StatefulSet, pod: Pod, wanted: OwnerReference | undefined): OwnerReference[] {
  const others = (metadata.ownerReferences ?? []).filter(
    (r) => !(r.kind === StatefulSets.kind && r.name === set.metadata.name) && !(r.kind === Pods.kind && r.name === pod.metadata.name),
  );
  return wanted ? [...others, wanted] : others;
}
