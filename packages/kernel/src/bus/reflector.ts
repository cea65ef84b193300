/** Keeps a cache equal to what a cluster holds of one kind: list, then watch from there, for as long as it takes. */
import type { Kind, KObject } from '../contracts/object.ts';
import { type Clock, KubeError, type Logger } from '../contracts/services.ts';
import { Backoff, classify } from './backoff.ts';
import { apiVersionOf, pathOf, query } from './client.ts';
import { reasonOf } from './errors.ts';
import { lines } from './lines.ts';
import type { BusMetrics } from './metrics.ts';
import type { Transport } from './transport.ts';

const PAGE = 500;
/** The server ends a watch at a random time in this range, so that those of many clients do not come again together. */
const WATCH_SECONDS: readonly [number, number] = [300, 600];
/** A watch that ends sooner than this with nothing seen is a failure, not a normal end. */
const SHORT_WATCH_MS = 1000;

export interface Selection {
  readonly namespace?: string;
  readonly labels?: string;
  readonly fields?: string;
}

/** Where a reflector puts what it reads. */
export interface Sink {
  /** The first page of a list is there. */
  answered(): void;
  replace(objects: KObject[]): void;
  upsert(object: KObject): void;
  remove(object: KObject): void;
  /** The connection is gone, or cannot be made; what is known stays. */
  failed(error: unknown): void;
  /** The watch is open. */
  live(): void;
}

interface ReflectorOptions {
  readonly cluster: string;
  readonly kind: Kind<unknown>;
  readonly selection: Selection;
  readonly transport: () => Transport;
  readonly clock: Clock;
  readonly log: Logger;
  readonly metrics: BusMetrics;
  readonly sink: Sink;
}

interface WatchEvent {
  readonly type: 'ADDED' | 'MODIFIED' | 'DELETED' | 'BOOKMARK' | 'ERROR';
  readonly object: KObject & {
    readonly code?: number;
    readonly reason?: string;
    readonly message?: string;
    readonly details?: { retryAfterSeconds?: number };
  };
}

export class Reflector {
  readonly #o: ReflectorOptions;
  readonly #backoff: Backoff;
  readonly #labels: { readonly cluster: string; readonly kind: string };
  /** Opaque; undefined: a list is due. */
  #version: string | undefined;
  /** Where the version comes from: with another access it may be another server, to which it says nothing. */
  #transport: Transport | undefined;

  constructor(options: ReflectorOptions) {
    this.#o = options;
    this.#backoff = new Backoff(() => options.clock.now());
    this.#labels = { cluster: options.cluster, kind: options.kind.plural };
  }

  /** Until the signal aborts; never throws. */
  async run(signal: AbortSignal): Promise<void> {
    const { sink, log, metrics, kind } = this.#o;
    while (!signal.aborted) {
      try {
        const transport = this.#o.transport();
        if (transport !== this.#transport) this.#version = undefined;
        this.#transport = transport;
        if (this.#version === undefined) this.#version = await this.#list(signal);
        await this.#watch(signal);
      } catch (error) {
        if (signal.aborted) return;
        const verdict = classify(error);
        if (verdict !== 'rewatch') this.#version = undefined;
        metrics.failures.inc({ ...this.#labels, verdict });
        const wait = verdict === 'relist' ? 0 : this.#backoff.after(error);
        // The list that follows a 410 is normal; it backs off only when it fails too, or another 410 comes at once.
        const due = verdict === 'relist' && this.#relistedRecently() ? this.#backoff.after(error) : wait;
        log.debug({ kind: kind.plural, error: reasonOf(error), verdict, waitMs: Math.round(due) }, 'watch interrupted');
        if (verdict !== 'relist') sink.failed(error);
        await this.#sleep(due, signal);
      }
    }
  }

  #lastRelist = Number.NEGATIVE_INFINITY;
  #relistedRecently(): boolean {
    const now = this.#o.clock.now();
    const recently = now - this.#lastRelist < 10_000;
    this.#lastRelist = now;
    return recently;
  }

  async #list(signal: AbortSignal): Promise<string> {
    const { kind, selection, sink, metrics } = this.#o;
    metrics.lists.inc(this.#labels);
    const objects: KObject[] = [];
    let token: string | undefined;
    for (;;) {
      const path = pathOf(kind, selection.namespace) + query({ ...this.#selectors(), limit: PAGE, continue: token });
      const page = (await this.#o.transport().request(path, { signal })) as {
        items: KObject[];
        metadata: { resourceVersion: string; continue?: string };
      };
      sink.answered();
      for (const item of page.items) objects.push(this.#shape(item));
      token = page.metadata.continue || undefined;
      if (token === undefined) {
        sink.replace(objects);
        return page.metadata.resourceVersion;
      }
    }
  }

  async #watch(signal: AbortSignal): Promise<void> {
    const { kind, selection, sink, clock, metrics } = this.#o;
    const [least, most] = WATCH_SECONDS;
    const parameters = {
      ...this.#selectors(),
      watch: true,
      allowWatchBookmarks: true,
      resourceVersion: this.#version,
      timeoutSeconds: least + Math.floor(Math.random() * (most - least)),
    };
    const started = clock.now();
    const stream = await this.#o.transport().stream(pathOf(kind, selection.namespace) + query(parameters), signal);
    sink.live();
    this.#backoff.healthy();
    let events = 0;
    for await (const line of lines(stream)) {
      if (line === '') continue;
      const event = parseEvent(line);
      if (event.type !== 'BOOKMARK') events += 1;
      metrics.events.inc({ ...this.#labels, type: event.type });
      if (event.type === 'ERROR') throw errorIn(event.object);
      if (event.type === 'DELETED') sink.remove(this.#shape(event.object));
      else if (event.type !== 'BOOKMARK') sink.upsert(this.#shape(event.object));
      this.#version = event.object.metadata.resourceVersion;
    }
    if (events === 0 && clock.now() - started < SHORT_WATCH_MS) throw new Error('the watch ended at once');
  }

  #selectors() {
    return { labelSelector: this.#o.selection.labels, fieldSelector: this.#o.selection.fields };
  }

  /** One shape, whether listed or watched: items of a list lack apiVersion and kind; nobody here reads managedFields. */
  #shape(object: KObject): KObject {
    const { managedFields: _, ...metadata } = object.metadata as KObject['metadata'] & { managedFields?: unknown };
    const { kind } = this.#o;
    return { apiVersion: apiVersionOf(kind), kind: kind.kind, ...object, metadata };
  }

  #sleep(ms: number, signal: AbortSignal): Promise<void> {
    if (signal.aborted) return Promise.resolve();
    return new Promise((resolve) => {
      const done = () => {
        cancel();
        signal.removeEventListener('abort', done);
        resolve();
      };
      const cancel = this.#o.clock.after(ms, done);
      signal.addEventListener('abort', done, { once: true });
    });
  }
}

function parseEvent(line: string): WatchEvent {
  let event: WatchEvent;
  try {
    event = JSON.parse(line) as WatchEvent;
  } catch {
    throw new Error(`the watch sent a line that is not JSON: ${line.slice(0, 80)}`);
  }
  if (event.type !== 'ERROR' && !event.object?.metadata?.resourceVersion)
    throw new Error(`the watch sent something that is no event: ${line.slice(0, 80)}`);
  return event;
}

function errorIn(status: WatchEvent['object']): KubeError {
  const seconds = status.details?.retryAfterSeconds;
  return new KubeError(
    status.code ?? 500,
    status.reason ?? 'Unknown',
    status.message ?? '',
    seconds === undefined ? undefined : seconds * 1000,
  );
}
