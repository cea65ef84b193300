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
  /** `object` has apiVersion/kind filled in from `kind` when absent. No request when the informer's copy already says the same. */
  apply<T extends KObject>(cluster: string, kind: Kind<T>, object: object, options?: ApplyOptions): Promise<T | 'unchanged'>;
  /** Deleting what is gone already is success. */
  delete<T extends KObject>(key: Key, kind: Kind<T>, options?: { uid?: string; signal?: AbortSignal }): Promise<void>;
}
