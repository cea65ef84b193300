import { selects } from '../kinds/label-selector.ts';
import type { Resource } from '../kinds/resource.ts';
import { toObject } from '../objects/codec.ts';
import { timestamp, type Objects, type WriteRequest } from '../objects/objects.ts';
import { isObject, type JsonObject } from '../schema/schema.ts';
import type { Store } from '../storage/store.ts';
import { ApiError, badRequest } from './errors.ts';

export interface EvictionContext {
  store: Store;
  objects: Objects;
  budgets: Resource;
}

/** Seconds after which a budget that was not counted yet may be asked for again. */
const RETRY_AFTER = 10;
/** Pods that a budget may await the end of. */
const MAX_DISRUPTED = 2000;

/** Deletes a pod if its disruption budget has room for that. @throws 429 where it has none now */
export async function evict({ store, objects, budgets }: EvictionContext, write: WriteRequest, body: unknown): Promise<void> {
  const { resource, namespace, name } = write;
  const eviction: JsonObject = isObject(body) ? body : {};
  const named: unknown = eviction['metadata']?.name;
  if (named && named !== name) throw badRequest('name in URL does not match name in Eviction object');
  const options: JsonObject = eviction['deleteOptions'] ?? {};
  const dryRun = write.dryRun || options['dryRun']?.includes('All') === true;
  const pod = toObject(resource, objects.head(resource, namespace, name));
  if (!isFree(pod)) {
    const found = store
      .list(budgets.storage, namespace)
      .filter((e) => selects((JSON.parse(e.json) as JsonObject)['spec']?.selector, pod['metadata'].labels));
    if (found.length > 1)
      throw new ApiError(
        500,
        'InternalError',
        'Internal error occurred: This pod has more than one PodDisruptionBudget, which the eviction subresource does not support.',
      );
    if (found.length === 1) await spend(objects, { ...write, dryRun, resource: budgets, name: found[0]!.name, warnings: [] }, pod);
    if (!dryRun) await note(objects, write);
  }
  await objects.delete({
    resource,
    namespace,
    name,
    dryRun,
    gracePeriodSeconds: options['gracePeriodSeconds'],
    propagationPolicy: options['propagationPolicy'],
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
      throw refused(`The disruption budget ${name} is still being processed by the server.`, RETRY_AFTER);
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

function refused(why: string, retryAfterSeconds?: number): ApiError {
  return new ApiError(429, 'TooManyRequests', "Cannot evict pod as it would violate the pod's disruption budget.", {
    causes: [{ reason: 'DisruptionBudget', message: why, field: '' }],
    ...(retryAfterSeconds !== undefined && { retryAfterSeconds }),
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
