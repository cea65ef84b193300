import { ApiError, conflict } from '../http/errors.ts';
import type { JsonObject } from '../schema/schema.ts';
import { toObject } from './codec.ts';
import { timestamp, type Objects, type WriteRequest } from './objects.ts';

/** Puts a pod on a node, once. */
export async function bind(objects: Objects, write: WriteRequest, node: string, body: JsonObject): Promise<void> {
  const { resource, namespace, name } = write;
  const uid: unknown = body['metadata']?.uid;
  for (let attempt = 0; ; attempt += 1) {
    const pod = toObject(resource, objects.head(resource, namespace, name));
    if (uid && uid !== pod['metadata'].uid)
      throw conflict(
        resource,
        name,
        `Precondition failed: UID in precondition: ${String(uid)}, UID in object meta: ${pod['metadata'].uid}`,
      );
    if (pod['metadata'].deletionTimestamp) throw conflict(resource, name, `pod ${name} is being deleted, cannot be assigned to a host`);
    if (pod['spec'].nodeName) throw conflict(resource, name, `pod ${name} is already assigned to node "${pod['spec'].nodeName}"`);
    pod['spec'].nodeName = node;
    pod['metadata'].annotations = { ...pod['metadata'].annotations, ...body['metadata']?.annotations };
    const scheduled = { type: 'PodScheduled', status: 'True', lastProbeTime: null, lastTransitionTime: timestamp() };
    pod['status'] = {
      ...pod['status'],
      conditions: [...(pod['status']?.conditions ?? []).filter((c: JsonObject) => c['type'] !== 'PodScheduled'), scheduled],
    };
    try {
      await objects.update({ ...write, subresource: 'binding', name }, pod);
      return;
    } catch (error) {
      if (!(error instanceof ApiError && error.reason === 'Conflict') || attempt > 10) throw error;
    }
  }
}
