import { ApiError, badRequest } from './errors.ts';
import { groupVersion, type Resource } from '../kinds/resource.ts';
import { selects } from '../kinds/builtin/checks.ts';
import { timestamp, type Objects, type WriteRequest } from '../objects/objects.ts';
import { toObject } from '../objects/codec.ts';
import { isObject, type JsonObject } from '../schema/schema.ts';
import type { Store } from '../storage/store.ts';

const BUDGETS = 'poddisruptionbudgets.policy';

export interface EvictionContext {
  store: Store;
  objects: Objects;
  budgets: Resource;
}

/**
 * Deletes a pod where its disruption budget allows that (policy/v1 Eviction), and counts the disruption.
 * @throws 429 where the budget does not allow it now
 */
export async function evict({ store, objects, budgets }: EvictionContext, write: WriteRequest, body: unknown): Promise<void> {
  const { resource, namespace, name } = write;
  const eviction: JsonObject = isObject(body) ? body : {};
  if (eviction['metadata']?.name !== undefined && eviction['metadata'].name !== name)
    throw badRequest('name in URL does not match name in Eviction object');
  const options: JsonObject = eviction['deleteOptions'] ?? {};
  const dryRun = write.dryRun || options['dryRun']?.includes('All') === true;
  const pod = toObject(resource, objects.get(resource, namespace, name));
  const ends = ['Succeeded', 'Failed', 'Pending'].includes(pod['status']?.phase) || pod['metadata'].deletionTimestamp;
  if (!ends) await spend(name, pod['metadata'].labels ?? {});
  await objects.delete({
    resource,
    namespace,
    name,
    dryRun,
    gracePeriodSeconds: options['gracePeriodSeconds'],
    propagationPolicy: options['propagationPolicy'],
    preconditions: options['preconditions'],
  });

  /** Takes one disruption from the budget that covers the pod. */
  async function spend(pod: string, labels: JsonObject): Promise<void> {
    for (let attempt = 0; ; attempt += 1) {
      const covering = store
        .list(BUDGETS, namespace)
        .map((entry) => toObject(budgets, entry))
        .filter((b) => b['spec']?.selector && selects(b['spec'].selector, labels));
      if (covering.length > 1)
        throw new ApiError(
          500,
          'InternalError',
          'Internal error occurred: This pod has more than one PodDisruptionBudget, which the eviction subresource does not support.',
        );
      const [budget] = covering;
      if (!budget) return;
      const { status } = budget as { status: JsonObject };
      const refuse = (why: string, retryAfterSeconds?: number): ApiError =>
        new ApiError(429, 'TooManyRequests', "Cannot evict pod as it would violate the pod's disruption budget.", {
          ...(retryAfterSeconds ? { retryAfterSeconds } : {}),
          causes: [{ reason: 'DisruptionBudget', message: `The disruption budget ${budget['metadata'].name} ${why}` }],
        });
      if ((status['observedGeneration'] ?? 0) < budget['metadata'].generation) throw refuse('is still being processed by the server.', 10);
      if (status['disruptionsAllowed'] <= 0)
        throw refuse(`needs ${status['desiredHealthy']} healthy pods and has ${status['currentHealthy']} currently`);
      status['disruptionsAllowed'] -= 1;
      status['disruptedPods'] = { ...status['disruptedPods'], [pod]: timestamp() };
      try {
        await objects.update(
          { ...write, dryRun, resource: budgets, name: budget['metadata'].name, subresource: 'status', warnings: [] },
          { ...budget, apiVersion: groupVersion(budgets) },
        );
        return;
      } catch (error) {
        if (!(error instanceof ApiError && error.reason === 'Conflict') || attempt > 10) throw error;
      }
    }
  }
}
