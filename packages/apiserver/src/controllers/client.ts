import type { Kind, KubeObject, Meta, Pod } from './kube.ts';

/** An object as it is created: what the server gives it is not there yet. */
export type Draft<T extends KubeObject> = Omit<T, 'metadata'> & {
  metadata: Pick<Meta, 'namespace' | 'labels' | 'annotations' | 'ownerReferences' | 'finalizers'> &
    ({ name: string } | { generateName: string });
};

export interface DeleteOptions {
  gracePeriodSeconds?: number;
  propagationPolicy?: 'Background' | 'Foreground' | 'Orphan';
  /** Only as long as it is at the version that was seen. */
  asSeen?: boolean;
}

/** Writes objects as a request over HTTP does: the same defaults, checks, field owners and watch events. */
export interface Client {
  /** @throws ApiError as the server refuses: AlreadyExists, Invalid, Forbidden */
  create<T extends KubeObject>(kind: Kind<T>, draft: Draft<T>): Promise<T>;
  /**
   * Changes an object in the version that was seen. Nothing is written where nothing changes.
   * @throws ApiError: Conflict where it has another version by now, NotFound where it went or is another one
   */
  update<T extends KubeObject>(kind: Kind<T>, seen: T, change: (object: T) => void, subresource?: string): Promise<T>;
  /** The same for its status. */
  updateStatus<T extends KubeObject>(kind: Kind<T>, seen: T, change: (object: T) => void): Promise<T>;
  /** Changes an object in whatever version it is by now, as a patch does. @throws ApiError NotFound */
  modify<T extends KubeObject>(kind: Kind<T>, seen: T, change: (object: T) => void, subresource?: string): Promise<T>;
  /** Deletes this very object; one that went already, or was made anew, is left alone. @throws ApiError Conflict with `asSeen` */
  delete<T extends KubeObject>(kind: Kind<T>, seen: T, options?: DeleteOptions): Promise<void>;
  /** Puts a pod on a node. @throws ApiError Conflict where it is on one already */
  bind(pod: Pod, node: string): Promise<void>;
}
