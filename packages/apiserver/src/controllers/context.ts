import type { Registry } from '../kinds/registry.ts';
import type { Store } from '../storage/store.ts';
import type { Client } from './client.ts';
import type { Clock } from './clock.ts';
import type { EveryKind } from './every-kind.ts';
import type { EventRecorder, EventType } from './events.ts';
import type { Informer, Informers } from './informer.ts';
import type { Any, Kind, KubeObject, Meta } from './kube.ts';
import { WorkQueue } from './queue.ts';

/** What all controllers of a cluster share. */
export interface Shared {
  readonly client: Client;
  readonly clock: Clock;
  readonly informers: Informers;
  readonly events: EventRecorder;
  /** The cluster's CA certificate, PEM. */
  readonly ca: string;
  /** Where volumes are made that are directories. */
  readonly volumesDir: () => Promise<string>;
  readonly report: (error: unknown) => void;
}

/** What those share that are about every kind there is, and so only run inside of the API server. */
export interface SharedInside extends Shared {
  readonly store: Store;
  readonly registry: Registry;
  readonly everyKind: EveryKind;
}

/** What one controller works with. */
export class Context<S extends Shared = Shared> {
  readonly client: Client;
  readonly clock: Clock;
  readonly shared: S;
  readonly #component: string;
  readonly #stops: (() => void | Promise<void>)[] = [];

  /** @param component whom its events name */
  constructor(shared: S, component: string, client = shared.client) {
    this.shared = shared;
    this.#component = component;
    this.client = client;
    this.clock = shared.clock;
  }

  informer<T extends KubeObject>(kind: Kind<T>): Informer<T> {
    return this.shared.informers.of(kind);
  }

  queue(sync: (key: string) => Promise<void>, concurrency?: number): WorkQueue {
    const { clock, report } = this.shared;
    const queue = new WorkQueue({ clock, report, sync, ...(concurrency !== undefined && { concurrency }) });
    this.onStop(() => queue.stop());
    return queue;
  }

  event(kind: Kind<Any>, about: { metadata: Meta }, type: EventType, reason: string, message: string): void {
    this.shared.events.record(this.#component, kind, about, type, reason, message);
  }

  /** The time as objects have it. */
  timestamp(at = this.clock.now()): string {
    return `${new Date(at).toISOString().slice(0, 19)}Z`;
  }

  onStop(stop: () => void | Promise<void>): void {
    this.#stops.push(stop);
  }

  async stop(): Promise<void> {
    await Promise.all(this.#stops.map((stop) => stop()));
  }
}

/** One controller: `start` listens to what it needs and is done; the work happens in its queues. */
export interface Controller<S extends Shared = Shared> {
  /** As kube-controller-manager names it. */
  readonly name: string;
  /** Whom its events name; the name by default. */
  readonly component?: string;
  /** Whom managedFields name; kube-controller-manager by default. */
  readonly writer?: string;
  readonly start: (context: Context<S>) => void;
}
