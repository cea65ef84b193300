/** Events on objects, correlated as client-go's recorder does: counted, aggregated, and not too many. */
import { createHash } from 'node:crypto';
import type { Registry } from '../clusters/registry.ts';
import type { EventRecorder } from '../contracts/controller.ts';
import type { Kind, KObject } from '../contracts/object.ts';
import { type Clock, KubeError, type Logger } from '../contracts/services.ts';
import type { ControllerMetrics } from './metrics.ts';

/** client-go's figures: from the tenth on within 10 minutes, events that differ in their message only are one. */
const SIMILAR = 10;
const SIMILAR_MS = 600_000;
/** And of one object 25 at once, then one every 5 minutes. */
const BURST = 25;
const PER_MS = 1 / 300_000;
/** As many events, groups and objects are remembered, each. */
const REMEMBERED = 4096;

interface Event extends KObject {
  readonly count?: number;
}
const Events: Kind<Event> = { group: '', version: 'v1', kind: 'Event', plural: 'events', namespaced: true };

interface RecorderOptions {
  readonly plugin: string;
  readonly controller: string;
  readonly instance: string;
  readonly registry: Registry;
  readonly clock: Clock;
  readonly log: Logger;
  readonly metrics: ControllerMetrics;
  /** Undefined when the controller may not write now. */
  term(): AbortSignal | undefined;
}

export class Recorder implements EventRecorder {
  readonly #o: RecorderOptions;
  /** By what makes two events the same: the name of the one that was written, and how often it was told. */
  readonly #written = new Map<string, { readonly name: string; count: number }>();
  readonly #groups = new Map<string, { readonly messages: Set<string>; last: number }>();
  readonly #budgets = new Map<string, { tokens: number; at: number }>();
  /** One after the other, so that a count is raised after its event was made. */
  #writing: Promise<void> = Promise.resolve();

  constructor(options: RecorderOptions) {
    this.#o = options;
  }

  event(cluster: string, object: KObject, type: 'Normal' | 'Warning', reason: string, message: string): void {
    const { apiVersion, kind, metadata } = object;
    const term = this.#o.term();
    const of = [cluster, kind, metadata.namespace, metadata.name, metadata.uid].join(' ');
    if (!term || !this.#affords(of)) return this.#count('dropped');
    const now = this.#o.clock.now();
    const told = this.#aggregate(`${of} ${type} ${reason}`, message, now);
    const id = `${of} ${type} ${reason} ${told.id}`;
    const namespace = metadata.namespace ?? 'default';
    const at = new Date(now).toISOString().replace(/\.\d+Z$/, 'Z');
    const { plugin, controller, instance } = this.#o;
    const body = {
      metadata: {
        name: `${metadata.name}.${createHash('sha256').update(`${instance} ${id} ${now}`).digest('hex').slice(0, 16)}`,
        namespace,
      },
      involvedObject: {
        apiVersion,
        kind,
        ...(metadata.namespace === undefined ? {} : { namespace }),
        name: metadata.name,
        uid: metadata.uid,
      },
      type,
      reason,
      message: told.message,
      source: { component: `kosmos/${plugin}/${controller}` },
      reportingComponent: `kosmos/${plugin}/${controller}`,
      reportingInstance: instance,
      firstTimestamp: at,
      lastTimestamp: at,
      count: 1,
    };
    this.#writing = this.#writing
      .then(() => this.#write(cluster, id, body, term))
      .catch((error: unknown) => {
        this.#count('failed');
        this.#o.log.debug({ controller, cluster, namespace, name: metadata.name, err: error }, 'event not written');
      });
  }

  /** Resolves when what was told is written, or could not be. */
  async settled(): Promise<void> {
    await this.#writing;
  }

  async #write(
    cluster: string,
    id: string,
    body: { metadata: { name: string; namespace: string }; message: string; lastTimestamp: string },
    signal: AbortSignal,
  ): Promise<void> {
    const client = this.#o.registry.client(cluster);
    const { namespace } = body.metadata;
    const known = this.#written.get(id);
    if (known) {
      try {
        const count = known.count + 1;
        const patch = { count, message: body.message, lastTimestamp: body.lastTimestamp };
        await client.patch(Events, known.name, patch, { namespace, signal });
        known.count = count;
        return this.#count('raised');
      } catch (error) {
        // Events are kept for an hour.
        if (!(error instanceof KubeError && error.status === 404)) throw error;
      }
    }
    const event = { apiVersion: 'v1', kind: 'Event', ...body };
    await client.request('POST', `/api/v1/namespaces/${encodeURIComponent(namespace)}/events`, { body: event, signal });
    remember(this.#written, id, { name: body.metadata.name, count: 1 });
    this.#count('created');
  }

  #aggregate(group: string, message: string, now: number): { readonly id: string; readonly message: string } {
    let known = this.#groups.get(group);
    if (!known || now - known.last > SIMILAR_MS) known = { messages: new Set(), last: now };
    remember(this.#groups, group, known);
    known.last = now;
    if (known.messages.size < SIMILAR) known.messages.add(message);
    if (known.messages.size < SIMILAR || known.messages.size === 1) return { id: message, message };
    return { id: '', message: `(combined from similar events): ${message}` };
  }

  #affords(of: string): boolean {
    const now = this.#o.clock.now();
    const known = this.#budgets.get(of) ?? { tokens: BURST, at: now };
    const tokens = Math.min(BURST, known.tokens + (now - known.at) * PER_MS);
    remember(this.#budgets, of, { tokens: tokens >= 1 ? tokens - 1 : tokens, at: now });
    return tokens >= 1;
  }

  #count(result: string): void {
    this.#o.metrics.events.inc({ controller: `${this.#o.plugin}/${this.#o.controller}`, result });
  }
}

/** As the latest; the oldest is forgotten where there are too many. */
function remember<T>(map: Map<string, T>, key: string, value: T): void {
  map.delete(key);
  map.set(key, value);
  if (map.size > REMEMBERED) map.delete(map.keys().next().value as string);
}
