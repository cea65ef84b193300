import type { Kind, KObject } from './object.ts';
import { type Token, token } from './token.ts';

/** pino's calling convention: fields first, then a constant message. */
export interface Logger {
  trace(fields: object, message: string): void;
  debug(fields: object, message: string): void;
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
  child(fields: object): Logger;
}

export interface Clock {
  /** Milliseconds since the epoch. */
  now(): number;
  /** Runs `fn` once after `ms`; the returned function cancels. */
  after(ms: number, fn: () => void): () => void;
}

/** How to reach a cluster: a kubeconfig as text, a file with one, or the service account of the pod. */
export type ClusterAccess =
  | { readonly kubeconfig: string; readonly context?: string }
  | { readonly kubeconfigFile: string; readonly context?: string }
  | { readonly inCluster: true };

export type ClusterState = 'connecting' | 'live' | 'unreachable';

/** One-shot requests to one cluster, for commands and set-up; controllers use informers and `Writer`. */
export interface KubeClient {
  readonly cluster: string;
  readonly server: string;
  get<T extends KObject>(kind: Kind<T>, name: string, o?: { namespace?: string; signal?: AbortSignal }): Promise<T | undefined>;
  list<T extends KObject>(kind: Kind<T>, o?: { namespace?: string; labels?: string; fields?: string; signal?: AbortSignal }): Promise<T[]>;
  /** Server-side apply. */
  apply<T extends KObject>(
    kind: Kind<T>,
    object: object,
    o: { fieldManager: string; force?: boolean; subresource?: 'status'; signal?: AbortSignal },
  ): Promise<T>;
  /** A merge patch (RFC 7386). */
  patch<T extends KObject>(
    kind: Kind<T>,
    name: string,
    patch: object,
    o?: { namespace?: string; fieldManager?: string; subresource?: 'status'; signal?: AbortSignal },
  ): Promise<T>;
  delete<T extends KObject>(kind: Kind<T>, name: string, o?: { namespace?: string; uid?: string; signal?: AbortSignal }): Promise<void>;
  /** Runs a command in the only container of a running pod, until it ends. Throws `KubeError` where it cannot be run. */
  exec(pod: { readonly namespace: string; readonly name: string }, command: readonly string[], o?: { signal?: AbortSignal }): Promise<Ran>;
  /** Any path; a status >= 400 throws `KubeError`. */
  request(method: string, path: string, o?: { body?: unknown; contentType?: string; signal?: AbortSignal }): Promise<unknown>;
}

/** How a command ended, and what it wrote. */
export interface Ran {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** What an API server refused, as its Status says it. */
export class KubeError extends Error {
  override readonly name = 'KubeError';
  readonly status: number;
  readonly reason: string;
  readonly retryAfterMs: number | undefined;
  constructor(status: number, reason: string, message: string, retryAfterMs?: number) {
    super(message);
    this.status = status;
    this.reason = reason;
    this.retryAfterMs = retryAfterMs;
  }
}

/** The clusters this process knows; they come and go while it runs. `host` is always there in roles that need a cluster. */
export interface Clusters {
  /** Adds a member, or replaces its access when that changed. */
  join(name: string, access: ClusterAccess): void;
  leave(name: string): void;
  /** Without `host`. */
  members(): readonly string[];
  state(name: string): ClusterState | undefined;
  /** Throws a KosmosError for an unknown name. */
  client(name: string): KubeClient;
  on(handler: (name: string, change: 'joined' | 'left' | ClusterState) => void): () => void;
}
export const Clusters: Token<Clusters> = token<Clusters>('kernel.clusters');

export interface Counter {
  inc(labels?: Readonly<Record<string, string>>, by?: number): void;
}
export interface Gauge {
  set(value: number, labels?: Readonly<Record<string, string>>): void;
  /** What it told of is there no more. */
  remove(labels: Readonly<Record<string, string>>): void;
}
export interface Histogram {
  observe(value: number, labels?: Readonly<Record<string, string>>): void;
}
/** Prometheus metrics; names are prefixed `kosmos_`. The same name from two plugins is an error. */
export interface Metrics {
  counter(name: string, help: string, labels?: readonly string[]): Counter;
  gauge(name: string, help: string, labels?: readonly string[]): Gauge;
  histogram(name: string, help: string, labels?: readonly string[], buckets?: readonly number[]): Histogram;
}
export const Metrics: Token<Metrics> = token<Metrics>('kernel.metrics');

/** A named readiness condition: /readyz lists every reason that is not undefined. */
export interface Health {
  ready(name: string, reason: () => string | undefined): void;
}
export const Health: Token<Health> = token<Health>('kernel.health');
