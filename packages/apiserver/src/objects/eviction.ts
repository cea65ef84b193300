import { ApiError, badRequest } from '../http/errors.ts';
import { selects } from '../kinds/label-selector.ts';
import type { Registry } from '../kinds/registry.ts';
import type { JsonObject } from '../schema/schema.ts';
import type { Store } from '../storage/store.ts';
import { toObject } from './codec.ts';
import { timestamp, type Objects, type WriteRequest } from './objects.ts';

interface Place {
  store: Store;
  registry: Registry;
  objects: Objects;
}

/** Seconds after which an eviction that was refused may be asked for again. */
const RETRY_AFTER = 10;
/** Pods that a budget may await the end of. */
const MAX_DISRUPTED = 2000;

/** Deletes a pod if its disruption budget has room for that. @throws 429 where it has none now */
export async function evict({ store, registry, objects }: Place, write: WriteRequest, body: JsonObject): Promise<void> {
  const { resource, namespace, name, dryRun } = write;
  const named: unknown = body['metadata']?.name;
  if (named && named !== name) throw badRequest('name in URL does not match name in Eviction object');
  const options: JsonObject = body['deleteOptions'] ?? {};
  const pod = toObject(resource, objects.head(resource, namespace, name));
  if (!isFree(pod)) {
    const budgets = registry.find('policy', 'v1', 'poddisruptionbudgets')!;
    const found = store
      .list(budgets.storage, namespace)
      .filter((e) => selects((JSON.parse(e.json) as JsonObject)['spec']?.selector, pod['metadata'].labels));
    if (found.length > 1)
      throw new ApiError(
        500,
        'InternalError',
        'This pod has more than one PodDisruptionBudget, which the eviction subresource does not support.',
      );
    if (found.length === 1) await spend(objects, { ...write, resource: budgets, name: found[0]!.name }, pod);
    if (!dryRun) await note(objects, write);
  }
  await objects.delete({
    resource,
    namespace,
    name,
    dryRun,
    gracePeriodSeconds: options['gracePeriodSeconds'],
    preconditions: { uid: pod['metadata'].uid, ...options['preconditions'] },
  });
}

/** It has ended, has not begun, or is going already: no budget counts it. */
const isFree = ({ metadata, status }: JsonObject): boolean =>
  Boolean(metadata.deletionTimestamp) || ['Succeeded', 'Failed', 'Pending'].includes(status?.phase);

const isReady = ({ status }: JsonObject): boolean =>
  (status?.conditions ?? []).some((c: JsonObject) => c['type'] === 'Ready' && c['status'] === 'True');

/** Takes one of the disruptions that a budget allows. */
async function spend(objects: Objects, write: WriteRequest, pod: JsonObject): Promise<void> {
  const { resource, namespace, name } = write;
  for (let attempt = 0; ; attempt += 1) {
    const budget = toObject(resource, objects.head(resource, namespace, name));
    const { spec, status } = budget as { spec: JsonObject; status: JsonObject };
    if (!isReady(pod)) {
      if (spec['unhealthyPodEvictionPolicy'] === 'AlwaysAllow') return;
      if (status['currentHealthy'] >= status['desiredHealthy'] && status['desiredHealthy'] > 0) return;
    }
    if ((status['observedGeneration'] ?? 0) < budget['metadata'].generation)
      throw refused(`The disruption budget ${name} is still being processed by the server.`);
    if (Object.keys(status['disruptedPods'] ?? {}).length > MAX_DISRUPTED)
      throw new ApiError(
        403,
        'Forbidden',
        `poddisruptionbudgets.policy "${name}" is forbidden: DisruptedPods map too big - too many evictions not confirmed by PDB controller`,
      );
    if (!(status['disruptionsAllowed'] > 0))
      throw refused(
        `The disruption budget ${name} needs ${status['desiredHealthy']} healthy pods and has ${status['currentHealthy']} currently`,
      );
    status['disruptionsAllowed'] -= 1;
    status['disruptedPods'] = { ...status['disruptedPods'], [pod['metadata'].name]: timestamp() };
    if (status['disruptionsAllowed'] === 0)
      for (const c of status['conditions'] ?? [])
        if (c.type === 'DisruptionAllowed')
          Object.assign(c, { status: 'False', reason: 'InsufficientPods', lastTransitionTime: timestamp() });
    try {
      await objects.update({ ...write, subresource: 'status' }, budget);
      return;
    } catch (error) {
      if (!(error instanceof ApiError && error.reason === 'Conflict') || attempt > 10) throw error;
    }
  }
}

function refused(why: string): ApiError {
  return new ApiError(429, 'TooManyRequests', "Cannot evict pod as it would violate the pod's disruption budget.", {
    causes: [{ reason: 'DisruptionBudget', message: why, field: '' }],
    retryAfterSeconds: RETRY_AFTER,
  });
}

/** Says in the pod why it goes. */
async function note(objects: Objects, write: WriteRequest): Promise<void> {
  const { resource, namespace, name } = write;
  const condition = {
    type: 'DisruptionTarget',
    status: 'True',
    reason: 'EvictionByEvictionAPI',
    message: 'Eviction API: evicting',
    lastTransitionTime: timestamp(),
  };
  for (let attempt = 0; ; attempt += 1) {
    const pod = toObject(resource, objects.head(resource, namespace, name));
    const others = (pod['status'].conditions ?? []).filter((c: JsonObject) => c['type'] !== condition.type);
    pod['status'].conditions = [...others, condition];
    try {
      await objects.update({ ...write, subresource: 'status' }, pod);
      return;
    } catch (error) {
      if (!(error instanceof ApiError && error.reason === 'Conflict') || attempt > 10) throw error;
    }
  }
}
