import { quantityValue } from '../../kinds/quantity.ts';
import type { Context } from '../context.ts';
import { StorageClasses, Volumes, type Claim, type Node, type StorageClass, type Volume } from '../kube.ts';
import { isTerminating } from '../pods.ts';
import { anyTermHolds } from '../scheduler/node-affinity.ts';
import { selects } from '../../kinds/label-selector.ts';

export const SELECTED_NODE = 'volume.kubernetes.io/selected-node';
export const BOUND_BY_CONTROLLER = 'pv.kubernetes.io/bound-by-controller';
export const BIND_COMPLETED = 'pv.kubernetes.io/bind-completed';
export const NO_PROVISIONER = 'kubernetes.io/no-provisioner';

const requested = ({ spec }: Claim): number => quantityValue(spec.resources?.requests?.storage ?? 0);
const size = ({ spec }: Volume): number => quantityValue(spec.capacity.storage);

export const classOf = (c: Context, claim: Claim): StorageClass | undefined =>
  claim.spec.storageClassName ? c.informer(StorageClasses).get('', claim.spec.storageClassName) : undefined;

/** Its volume is chosen with the node of the first pod that uses it. */
export const isDelayed = (c: Context, claim: Claim): boolean => classOf(c, claim)?.volumeBindingMode === 'WaitForFirstConsumer';

export const isBound = ({ spec, metadata }: Claim): boolean =>
  Boolean(spec.volumeName) && metadata.annotations?.[BIND_COMPLETED] !== undefined;

/** Whether a volume is one that was meant for, or given to, this claim. */
export function isFor({ spec: { claimRef } }: Volume, { metadata }: Claim): boolean {
  return claimRef?.namespace === metadata.namespace && claimRef?.name === metadata.name && (!claimRef.uid || claimRef.uid === metadata.uid);
}

/** Whether a volume has all that a claim asks for. */
export function satisfies({ spec, metadata }: Volume, claim: Claim): boolean {
  return (
    (spec.volumeMode ?? 'Filesystem') === (claim.spec.volumeMode ?? 'Filesystem') &&
    (spec.storageClassName ?? '') === (claim.spec.storageClassName ?? '') &&
    quantityValue(spec.capacity.storage) >= requested(claim) &&
    claim.spec.accessModes.every((m) => spec.accessModes.includes(m)) &&
    (!claim.spec.selector || selects(claim.spec.selector, metadata.labels))
  );
}

export const isReachable = ({ spec }: Volume, node: Node): boolean => anyTermHolds(spec.nodeAffinity?.required?.nodeSelectorTerms, node);

/** The volume for a claim: the one that was made for it, else the smallest free one that suits; with a node only such as it reaches. */
export function match(c: Context, claim: Claim, options: { node?: Node; onlyMeant?: boolean } = {}): Volume | undefined {
  const volumes = c
    .informer(Volumes)
    .list()
    .filter((v) => !isTerminating(v) && (!options.node || isReachable(v, options.node)));
  const meant = volumes.find((v) => v.spec.claimRef && isFor(v, claim));
  if (meant || options.onlyMeant) return meant;
  return volumes
    .filter((v) => !v.spec.claimRef && v.status?.phase === 'Available' && satisfies(v, claim))
    .sort((a, b) => size(a) - size(b) || (a.metadata.name < b.metadata.name ? -1 : 1))[0];
}
