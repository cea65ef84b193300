import type { Context } from '../context.ts';
import { apiVersionOf, Claims, Volumes, type Claim, type Node, type Pod } from '../kube.ts';
import { isTerminating } from '../pods.ts';
import {
  BOUND_BY_CONTROLLER,
  classOf,
  isBound,
  isDelayed,
  isReachable,
  match,
  NO_PROVISIONER,
  SELECTED_NODE,
} from '../volumes/matching.ts';
import { claimNamesOf } from '../volumes/protection.ts';

export interface PodVolumes {
  /** Why the pod can be nowhere yet. */
  readonly blocked: string | undefined;
  refusal(node: Node): string | undefined;
  /** Has what is not bound yet bound for this node; whether all of it is. */
  prepare(node: Node): Promise<boolean>;
}

/** What the claims of a pod mean for its place. */
export function podVolumes(c: Context, pod: Pod): PodVolumes {
  const names = claimNamesOf(pod);
  const claims = names.map((n) => c.informer(Claims).get(pod.metadata.namespace ?? '', n));
  const blocked = names.map((name, i) => problem(c, name, claims[i])).find((p) => p !== undefined);
  const open = claims.filter((x) => x !== undefined && !isBound(x)) as Claim[];
  return {
    blocked,
    refusal(node) {
      for (const claim of claims) {
        if (!claim) continue;
        if (isBound(claim)) {
          const volume = c.informer(Volumes).get('', claim.spec.volumeName!);
          if (volume && !isReachable(volume, node)) return "node(s) didn't match PersistentVolume's node affinity";
        } else if (!canBind(c, claim, node)) return "node(s) didn't find available persistent volumes to bind";
      }
      return undefined;
    },
    async prepare(node) {
      for (const claim of open) await choose(c, claim, node);
      return open.length === 0;
    },
  };
}

function problem(c: Context, name: string, claim: Claim | undefined): string | undefined {
  if (!claim) return `persistentvolumeclaim "${name}" not found`;
  if (isTerminating(claim)) return `persistentvolumeclaim "${name}" is being deleted`;
  if (claim.status?.phase === 'Lost')
    return `persistentvolumeclaim "${name}" bound to non-existent persistentvolume "${claim.spec.volumeName}"`;
  if (!isBound(claim) && !isDelayed(c, claim)) return 'pod has unbound immediate PersistentVolumeClaims';
  return undefined;
}

function canBind(c: Context, claim: Claim, node: Node): boolean {
  const selected = claim.metadata.annotations?.[SELECTED_NODE];
  if (selected) return selected === node.metadata.name;
  const provisioner = classOf(c, claim)?.provisioner;
  return Boolean(match(c, claim, { node })) || (provisioner !== undefined && provisioner !== NO_PROVISIONER);
}

/** Gives a claim a volume that is there, or says for which node one is to be made. */
async function choose(c: Context, claim: Claim, node: Node): Promise<void> {
  if (claim.metadata.annotations?.[SELECTED_NODE]) return;
  const volume = match(c, claim, { node });
  const { name, namespace = '', uid, resourceVersion } = claim.metadata;
  if (volume) {
    if (volume.spec.claimRef?.uid === uid) return;
    await c.client.update(Volumes, volume, (o) => {
      o.spec.claimRef = { kind: Claims.kind, apiVersion: apiVersionOf(Claims), namespace, name, uid, resourceVersion };
      o.metadata.annotations = { ...o.metadata.annotations, [BOUND_BY_CONTROLLER]: 'yes' };
    });
    return;
  }
  await c.client.modify(Claims, claim, (o) => {
    o.metadata.annotations = { ...o.metadata.annotations, [SELECTED_NODE]: node.metadata.name };
  });
}
