/** Keeps a cache equal to what a cluster holds of one kind: list, then watch from there, for as long as it takes. */
import type { Kind, KObject } from '../contracts/object.ts';
import { type Clock, KubeError, type Logger } from '../contracts/services.ts';
import { Backoff, classify, takesNoStreamedList } from './backoff.ts';
import { type ListBudget, pause } from './budget.ts';
import { pathOf, query } from './client.ts';
import { lines, listItems } from './decode.ts';
import { reasonOf } from './errors.ts';
import type { BusMetrics } from './metrics.ts';
import { withoutManagedFields } from './prune.ts';
import { shapeOf } from './shape.ts';
import { silence } from './silence.ts';
import type { Transport } from './transport.ts';

const PAGE = 500;
/** The server ends a watch at a random time in this range, so that those of many clients do not come again together. */
const WATCH_SECONDS: readonly [number, number] = [300, 600];
/** A watch that ends sooner than this with nothing seen is a failure, not a normal end. */
const SHORT_WATCH_MS = 1000;
/** Bookmarks come every minute; a watch that says nothing for two is made anew, from where it was. */
const SILENCE_MS = 120_000;
/** A server that does not know streamed lists may take the request for a watch that has nothing to say. */
const LIST_SILENCE_MS = 10_000;

/**
 * A stream is one request for list and watch, but costs some servers more for each object than a list does, and is not compressed:
 * kube-apiserver 1.36 needs 4.1 s of CPU time for 45,000 pods (up to 10,700 a second came), and 2.5 s for a list of them; the embedded
 * server sends twice as many. So one that does not prove fast is given up for a list. Not by its first objects: with those, both ends
 * are still warming up.
 */
const STREAM_WARM_UP = 1000;
const STREAM_TRIAL = 2000;
const STREAM_PER_MS = 15;

export interface Selection {
  readonly namespace?: string;
  readonly labels?: string;
  readonly fields?: string;
}

/** Where a reflector puts what it reads. */
export interface Sink {
  /** The cluster answered. */
  answered(): void;
  /** A list begins; what it does not name is gone at its end. One that breaks off is followed by another. */
  begin(): void;
  end(): Promise<void>;
  upsert(object: KObject): void;
  remove(object: KObject): void;
  /** The connection is gone, or cannot be made; what is known stays. */
  failed(error: unknown): void;
  /** The watch is open. */
  live(): void;
}

export interface ReflectorOptions {
  readonly cluster: string;
  readonly kind: Kind<unknown>;
  readonly selection: Selection;
  readonly transport: () => Transport;
  readonly budget: () => ListBudget;
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
  readonly #shape: (object: KObject) => KObject;
  /** Opaque; undefined: a list is due. */
  #version: string | undefined;
  /** What the list that is due must be as new as: undefined for any state that the server has, '' for the latest. */
  #notOlderThan: string | undefined;
  #why = 'first';
  /** Where the version comes from: with another access it may be another server, to which it says nothing. */
  #transport: Transport | undefined;
  /** Does this server stream lists? Tried until it says no. */
  #streams = true;
  #lastRelist = Number.NEGATIVE_INFINITY;
  /** When anything came, by the clock. */
  heardAt: number | undefined;

  constructor(options: ReflectorOptions) {
    this.#o = options;
    this.#backoff = new Backoff(() => options.clock.now());
    this.#labels = { cluster: options.cluster, kind: options.kind.plural };
    this.#shape = shapeOf(options.kind);
  }

  /** Until the signal aborts; never throws. */
  async run(signal: AbortSignal): Promise<void> {
    const { clock } = this.#o;
    while (!signal.aborted) {
      try {
        const transport = this.#o.transport();
        if (transport !== this.#transport) this.#relist('first', undefined);
        if (transport !== this.#transport) this.#streams = true;
        this.#transport = transport;
        if (this.#version !== undefined) await this.#watch(signal);
        else {
          await pause(clock, this.#o.budget().take(), signal);
          await this.#list(signal);
        }
      } catch (error) {
        if (signal.aborted) return;
        await pause(clock, this.#after(error), signal);
      }
    }
  }

  /** Decides what follows an error; the milliseconds until then. */
  #after(error: unknown): number {
    const { clock, log, metrics, sink } = this.#o;
    const verdict = classify(error);
    metrics.failures.inc({ ...this.#labels, verdict });
    const known = this.#version;
    // The list that a 410 asks for is as new as what is known, unless that failed too.
    if (verdict === 'relist') this.#relist('expired', this.#notOlderThan === undefined ? known : '');
    else if (verdict === 'relist-latest') this.#relist(error instanceof KubeError && error.status === 504 ? 'too-new' : 'refused', '');
    // The list that follows a 410 is normal; it backs off only when another 410 comes at once.
    const recently = clock.now() - this.#lastRelist < 10_000;
    if (verdict === 'relist') this.#lastRelist = clock.now();
    const waitMs = verdict === 'relist' && !recently ? 0 : this.#backoff.after(error);
    log.debug({ kind: this.#labels.kind, error: reasonOf(error), verdict, waitMs: Math.round(waitMs) }, 'watch interrupted');
    if (verdict !== 'relist') sink.failed(error);
    return waitMs;
  }

  #relist(why: string, notOlderThan: string | undefined): void {
    this.#version = undefined;
    this.#why = why;
    this.#notOlderThan = notOlderThan;
  }

  /** Streamed where the server can, so that neither side holds the whole list; else, or where the stream says ERROR, in pages. */
  async #list(signal: AbortSignal): Promise<void> {
    const { metrics, log } = this.#o;
    metrics.lists.inc({ ...this.#labels, reason: this.#why });
    if (this.#streams) {
      try {
        return await this.#stream(signal, true);
      } catch (error) {
        // Once the list was whole, this is the end of a watch; and an error of the connection is none of streaming.
        if (signal.aborted || this.#version !== undefined) throw error;
        if (takesNoStreamedList(error)) this.#streams = false;
        else if (!(error instanceof ErrorEvent)) throw error;
        log.debug({ kind: this.#labels.kind, error: reasonOf(error) }, 'no streamed list: taking pages');
      }
    }
    await this.#pages(signal);
  }

  async #pages(signal: AbortSignal): Promise<void> {
    const { kind, selection, sink, clock, metrics } = this.#o;
    sink.begin();
    let token: string | undefined;
    let limit: number | undefined = PAGE;
    for (;;) {
      const resourceVersion = token === undefined ? (this.#notOlderThan ?? '0') : undefined;
      const path =
        pathOf(kind, selection.namespace) +
        query({
          ...this.#selectors(),
          limit,
          continue: token,
          resourceVersion,
          // Without it, pages of a version are read as of that very version, however old.
          ...(resourceVersion ? { resourceVersionMatch: 'NotOlderThan' } : {}),
        });
      const quiet = silence(clock, 3 * LIST_SILENCE_MS, signal);
      let bytes = 0;
      try {
        const items = listItems(await this.#o.transport().stream(path, quiet.signal));
        sink.answered();
        let next = await items.next();
        for (; !next.done; next = await items.next()) {
          quiet.heard();
          bytes += next.value.length;
          sink.upsert(this.#shape(JSON.parse(withoutManagedFields(next.value, 2)) as KObject));
        }
        const { continue: more, resourceVersion: version } = next.value.metadata ?? {};
        if (version === undefined) throw new Error('the list has no resourceVersion');
        token = more || undefined;
        if (token !== undefined) continue;
        await sink.end();
        this.heardAt = clock.now();
        this.#version = version;
        return;
      } catch (error) {
        // The pages took longer than the server keeps the state that they show: all of it in one, then.
        if (token === undefined || classify(error) !== 'relist') throw error;
        [token, limit] = [undefined, undefined];
        sink.begin();
      } finally {
        metrics.bytes.inc(this.#labels, bytes);
        quiet.end();
      }
    }
  }

  #watch(signal: AbortSignal): Promise<void> {
    return this.#stream(signal, false);
  }

  /** A watch; with `listed` it begins with all that there is, up to a bookmark that says so. */
  async #stream(signal: AbortSignal, listed: boolean): Promise<void> {
    const { kind, selection, sink, clock, metrics } = this.#o;
    const [least, most] = WATCH_SECONDS;
    const path =
      pathOf(kind, selection.namespace) +
      query({
        ...this.#selectors(),
        watch: true,
        allowWatchBookmarks: true,
        ...(listed ? { sendInitialEvents: true, resourceVersionMatch: 'NotOlderThan' } : {}),
        resourceVersion: listed ? this.#notOlderThan : this.#version,
        timeoutSeconds: least + Math.floor(Math.random() * (most - least)),
      });
    const started = clock.now();
    const quiet = silence(clock, listed ? LIST_SILENCE_MS : SILENCE_MS, signal);
    let initial = listed;
    let events = 0;
    let warmAt = started;
    metrics.watches.inc(this.#labels);
    try {
      const stream = await this.#o.transport().stream(path, quiet.signal);
      sink.answered();
      if (listed) sink.begin();
      else this.#live();
      for await (const line of lines(stream)) {
        if (line.length === 0) continue;
        this.heardAt = quiet.heard();
        const event = parseEvent(line);
        if (event.type === 'ERROR') throw errorIn(event.object);
        if (event.type !== 'BOOKMARK') events += 1;
        if (events === STREAM_WARM_UP) warmAt = this.heardAt;
        metrics.bytes.inc(this.#labels, line.length);
        if (!initial) metrics.events.inc({ ...this.#labels, type: event.type });
        if (event.type === 'DELETED') sink.remove(this.#shape(event.object));
        else if (event.type !== 'BOOKMARK') sink.upsert(this.#shape(event.object));
        else if (initial && event.object.metadata.annotations?.['k8s.io/initial-events-end'] === 'true') {
          initial = false;
          quiet.after(SILENCE_MS);
          await sink.end();
          this.#live();
        }
        if (!initial) this.#version = event.object.metadata.resourceVersion;
        else if (events === STREAM_WARM_UP + STREAM_TRIAL && clock.now() - warmAt > STREAM_TRIAL / STREAM_PER_MS)
          throw new KubeError(422, 'Invalid', `a streamed list of fewer than ${STREAM_PER_MS * 1000} objects a second`);
      }
    } catch (error) {
      // Nothing was said for too long: that is no failure of a watch, which goes on where it was.
      if (!quiet.over || signal.aborted) throw error;
      if (initial) throw new KubeError(422, 'Invalid', `a streamed list that said nothing for ${LIST_SILENCE_MS / 1000} s`);
      return;
    } finally {
      quiet.end();
      metrics.watchSeconds.observe((clock.now() - started) / 1000, this.#labels);
    }
    if (initial) throw new Error('the streamed list ended before it was whole');
    if (events === 0 && clock.now() - started < SHORT_WATCH_MS) throw new Error('the watch ended at once');
  }

  #live(): void {
    this.#notOlderThan = undefined;
    this.#o.sink.live();
    this.#backoff.healthy();
  }

  #selectors() {
    return { labelSelector: this.#o.selection.labels, fieldSelector: this.#o.selection.fields };
  }
}

function parseEvent(line: Buffer): WatchEvent {
  let event: WatchEvent;
  try {
    event = JSON.parse(withoutManagedFields(line, 3)) as WatchEvent;
  } catch {
    throw new Error(`the watch sent a line that is not JSON: ${line.toString().slice(0, 80)}`);
  }
  if (event.type !== 'ERROR' && !event.object?.metadata?.resourceVersion)
    throw new Error(`the watch sent something that is no event: ${line.toString().slice(0, 80)}`);
  return event;
}

/** An ERROR within a stream that began well. */
class ErrorEvent extends KubeError {}

function errorIn(status: WatchEvent['object']): KubeError {
  const seconds = status.details?.retryAfterSeconds;
  return new ErrorEvent(
    status.code ?? 500,
    status.reason ?? 'Unknown',
    status.message ?? '',
    seconds === undefined ? undefined : seconds * 1000,
  );
}
