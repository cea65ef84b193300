import { ApiError } from '../../http/errors.ts';
import { equal } from '../../schema/schema.ts';
import { conditionOf, withCondition } from '../conditions.ts';
import type { Context } from '../context.ts';
import { hashOf } from '../hash.ts';
import { controllerOf, controllerRef, Deployments, ReplicaSets, type Deployment, type ReplicaSet } from '../kube.ts';
import { byAge, newReplicas, sizeNotes } from './replicas.ts';

const REVISION = 'deployment.kubernetes.io/revision';
const HISTORY = 'deployment.kubernetes.io/revision-history';
const HASH = 'pod-template-hash';
const HISTORY_LENGTH = 2000;
/** Annotations of a Deployment that its ReplicaSets do not get. */
const OWN = new Set([
  'kubectl.kubernetes.io/last-applied-configuration',
  REVISION,
  HISTORY,
  'deployment.kubernetes.io/desired-replicas',
  'deployment.kubernetes.io/max-replicas',
  'deprecated.deployment.rollback.to',
]);

export const revisionOf = ({ metadata }: ReplicaSet): number => Number(metadata.annotations?.[REVISION] ?? 0) || 0;

export interface Revisions {
  /** The one with the Deployment's present template. */
  current: ReplicaSet | undefined;
  old: ReplicaSet[];
  /** The Deployment after what was noted in it. */
  deployment: Deployment;
}

/** The ReplicaSets told apart, the revision noted; the current one is made where it is not there and `create` is set. */
export async function revisions(c: Context, d: Deployment, sets: readonly ReplicaSet[], create: boolean): Promise<Revisions> {
  const current = [...sets].sort(byAge).find((s) => hasTemplateOf(s, d));
  const old = sets.filter((s) => s.metadata.uid !== current?.metadata.uid);
  const revision = Math.max(0, ...old.map(revisionOf)) + 1;
  if (current) return { old, ...(await note(c, d, current, revision)) };
  if (!create) return { current: undefined, old, deployment: d };
  return { old, ...(await make(c, d, old, revision)) };
}

function hasTemplateOf(set: ReplicaSet, d: Deployment): boolean {
  const { metadata = {}, spec } = set.spec.template;
  const { [HASH]: _hash, ...labels } = metadata.labels ?? {};
  const { metadata: wanted = {}, spec: wantedSpec } = d.spec.template;
  return equal(spec, wantedSpec) && equal({ labels: {}, ...wanted }, { ...metadata, labels });
}

/** The annotations that a ReplicaSet is to have, from its Deployment's and its revision. */
function annotations(
  d: Deployment,
  set: { metadata: Pick<ReplicaSet['metadata'], 'annotations'> },
  revision: number,
): Record<string, string> {
  const notes: Record<string, string> = { ...set.metadata.annotations };
  for (const [key, value] of Object.entries(d.metadata.annotations ?? {})) if (!OWN.has(key)) notes[key] = value;
  const before = notes[REVISION];
  if (Number(before ?? 0) < revision) {
    notes[REVISION] = String(revision);
    if (before !== undefined) {
      let history = [...(notes[HISTORY] ? notes[HISTORY].split(',') : []), before];
      while (history.join(',').length > HISTORY_LENGTH) history = history.slice(1);
      notes[HISTORY] = history.join(',');
    }
  }
  return notes;
}

async function note(
  c: Context,
  d: Deployment,
  set: ReplicaSet,
  revision: number,
): Promise<{ current: ReplicaSet; deployment: Deployment }> {
  const notes = annotations(d, set, revision);
  let current = set;
  if (!equal(notes, set.metadata.annotations ?? {}) || (set.spec.minReadySeconds ?? 0) !== (d.spec.minReadySeconds ?? 0)) {
    current = await c.client.update(ReplicaSets, set, (o) => {
      o.metadata.annotations = notes;
      if (d.spec.minReadySeconds) o.spec.minReadySeconds = d.spec.minReadySeconds;
      else delete o.spec.minReadySeconds;
    });
  }
  return {
    current,
    deployment: await progress(c, d, notes[REVISION]!, 'FoundNewReplicaSet', `Found new replica set "${set.metadata.name}"`, false),
  };
}

/** Notes the revision in the Deployment, and how its roll-out begins. */
async function progress(
  c: Context,
  d: Deployment,
  revision: string,
  reason: string,
  message: string,
  always: boolean,
): Promise<Deployment> {
  const says = d.spec.progressDeadlineSeconds !== undefined && (always || !conditionOf(d.status?.conditions, 'Progressing'));
  if (d.metadata.annotations?.[REVISION] === revision && !says) return d;
  const now = c.timestamp();
  return c.client.updateStatus(Deployments, d, (o) => {
    o.metadata.annotations = { ...o.metadata.annotations, [REVISION]: revision };
    if (says)
      o.status = {
        ...o.status,
        conditions: withCondition(o.status?.conditions, {
          type: 'Progressing',
          status: 'True',
          lastUpdateTime: now,
          lastTransitionTime: now,
          reason,
          message,
        }),
      };
  });
}

async function make(
  c: Context,
  d: Deployment,
  old: readonly ReplicaSet[],
  revision: number,
): Promise<{ current: ReplicaSet; deployment: Deployment }> {
  const { namespace = '' } = d.metadata;
  const template = structuredClone(d.spec.template);
  const hash = hashOf(d.spec.template, d.status?.collisionCount);
  const labels = { ...template.metadata?.labels, [HASH]: hash };
  const replicas = newReplicas(d, old, 0);
  const name = `${d.metadata.name}-${hash}`;
  let current: ReplicaSet;
  let existed = false;
  try {
    current = await c.client.create(ReplicaSets, {
      metadata: {
        name,
        namespace,
        labels,
        annotations: { ...annotations(d, { metadata: {} }, revision), ...sizeNotes(d) },
        ownerReferences: [controllerRef(Deployments, d)],
      },
      spec: {
        replicas,
        ...(d.spec.minReadySeconds ? { minReadySeconds: d.spec.minReadySeconds } : {}),
        selector: { ...structuredClone(d.spec.selector), matchLabels: { ...d.spec.selector.matchLabels, [HASH]: hash } },
        template: { ...template, metadata: { ...template.metadata, labels } },
      },
    });
  } catch (error) {
    if (!(error instanceof ApiError && error.reason === 'AlreadyExists')) {
      await failed(c, d, error);
      throw error;
    }
    const there = c.informer(ReplicaSets).get(namespace, name);
    if (!there || controllerOf(there)?.uid !== d.metadata.uid || !hasTemplateOf(there, d)) {
      // Another template has this hash: the count makes it another one.
      await c.client.updateStatus(Deployments, d, (o) => {
        o.status = { ...o.status, collisionCount: (o.status?.collisionCount ?? 0) + 1 };
      });
      throw error;
    }
    current = there;
    existed = true;
  }
  if (!existed && replicas > 0)
    c.event(Deployments, d, 'Normal', 'ScalingReplicaSet', `Scaled up replica set ${name} from 0 to ${replicas}`);
  const message = `Created new replica set "${name}"`;
  return { current, deployment: await progress(c, d, String(revision), 'NewReplicaSetCreated', message, !existed) };
}

async function failed(c: Context, d: Deployment, error: unknown): Promise<void> {
  if (d.spec.progressDeadlineSeconds === undefined) return;
  const now = c.timestamp();
  await c.client.updateStatus(Deployments, d, (o) => {
    const { message } = error as Error;
    const condition = {
      type: 'Progressing',
      status: 'False' as const,
      lastUpdateTime: now,
      lastTransitionTime: now,
      reason: 'ReplicaSetCreateError',
      message,
    };
    o.status = { ...o.status, conditions: withCondition(o.status?.conditions, condition) };
  });
}
