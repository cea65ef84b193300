import type { Informer } from './bus.ts';
import type { Key, Kind, KObject } from './object.ts';
import type { Logger } from './services.ts';

/** Builds one level-triggered controller: keys from informers, deduplicated, rate limited, one key never twice at once. */
export interface ControllerBuilder {
  /** Objects whose key is reconciled. */
  for<T extends KObject>(informer: Informer<T>): this;
  /** Objects whose changes concern other keys. */
  also<T extends KObject>(informer: Informer<T>, keys: (object: T, cluster: string) => Iterable<Key>): this;
  /** Default 1. */
  concurrency(n: number): this;
  /** Runs only while this process holds the lease; writers of the controller refuse once it is lost. */
  gated(lease: string): this;
  /** Of one reconcile, by its signal. Default 30 s. */
  timeout(ms: number): this;
  reconcile(fn: (key: Key, context: ReconcileContext) => Promise<void | { requeueAfterMs: number }>): void;
}

export interface ReconcileContext {
  readonly signal: AbortSignal;
  readonly log: Logger;
}

/** Thrown by a reconcile that no retry can mend: reported once, not retried until the object changes. */
export class TerminalError extends Error {
  override readonly name = 'TerminalError';
}

/** Tells people what happened to an object: `kubectl describe` and `kubectl get events` show it. */
export interface EventRecorder {
  /**
   * Never throws and is not waited for. The same event again raises the count of the one that is there; many that differ in their
   * message only become one; beyond 25 at once, and one every 5 minutes, those of an object are dropped.
   * `reason` is one word in CamelCase, for machines; `message` is for people.
   */
  event(cluster: string, object: KObject, type: 'Normal' | 'Warning', reason: string, message: string): void;
}

export interface ApplyOptions {
  /** Take fields over from other managers. Default false. */
  readonly force?: boolean;
  /** Refuse when the object is another one than this. */
  readonly uid?: string;
  readonly subresource?: 'status';
  readonly signal?: AbortSignal;
}

/** Server-side apply with the field manager `kosmos/<plugin>/<controller>`. Refused when the controller's lease is lost. */
export interface Writer {
  /** `object` has apiVersion/kind filled in from `kind` when absent. No request when the informer's copy, or a write that it has not heard of yet, already says the same. */
  apply<T extends KObject>(cluster: string, kind: Kind<T>, object: object, options?: ApplyOptions): Promise<T | 'unchanged'>;
  /** Deleting what is gone already is success. */
  delete<T extends KObject>(key: Key, kind: Kind<T>, options?: { uid?: string; signal?: AbortSignal }): Promise<void>;
}
