/** Runs one level-triggered controller: keys from informers, a queue, workers. */
import { randomUUID } from 'node:crypto';
import type { Informer } from '../contracts/bus.ts';
import type { ControllerBuilder } from '../contracts/controller.ts';
import { KosmosError } from '../contracts/error.ts';
import type { Key, KObject } from '../contracts/object.ts';
import type { Clock, Logger } from '../contracts/services.ts';
import type { ControllerMetrics } from './metrics.ts';
import { type Taken, WorkQueue } from './queue.ts';
import { TimeUp, withDeadline } from '../host/deadline.ts';
import { span } from '../services/tracing.ts';

const TIMEOUT_MS = 30_000;
/** How long what runs may go on once the process is to stop, before its signal aborts. */
const DRAIN_MS = 5000;

export interface ControllerOptions {
  readonly plugin: string;
  readonly name: string;
  readonly clock: Clock;
  readonly log: Logger;
  readonly metrics: ControllerMetrics;
  /** Resolves once the lease is held, with a signal that aborts when it is lost; undefined when `stop` comes first. */
  leading(lease: string, stop: AbortSignal): Promise<AbortSignal | undefined>;
}

export interface ControllerStatus {
  readonly controller: string;
  readonly queued: number;
  /** Failed, or asked for later. */
  readonly delayed: number;
  readonly active: number;
  readonly failing: number;
  readonly lease?: string;
}

export class Controller implements ControllerBuilder {
  readonly #o: ControllerOptions;
  readonly #queue: WorkQueue;
  readonly #labels: { readonly controller: string };
  readonly #sources: (() => () => void)[] = [];
  /** No more keys are taken. */
  readonly #closing = new AbortController();
  /** What runs is to end. */
  readonly #stopping = new AbortController();
  #active = 0;
  #unsubscribe: (() => void)[] = [];
  #workers: Promise<void>[] = [];
  #concurrency = 1;
  #timeoutMs = TIMEOUT_MS;
  #fn: Parameters<ControllerBuilder['reconcile']>[0] | undefined;
  readonly plugin: string;
  lease: string | undefined;

  constructor(options: ControllerOptions) {
    this.#o = options;
    this.plugin = options.plugin;
    this.#queue = new WorkQueue(options.clock);
    this.#labels = { controller: `${options.plugin}/${options.name}` };
  }

  for<T extends KObject>(informer: Informer<T>): this {
    return this.also(informer, (object, cluster) => [
      { cluster, ...(object.metadata.namespace === undefined ? {} : { namespace: object.metadata.namespace }), name: object.metadata.name },
    ]);
  }

  also<T extends KObject>(informer: Informer<T>, keys: (object: T, cluster: string) => Iterable<Key>): this {
    const add = (object: T, cluster: string, unhurried = false) => {
      for (const key of keys(object, cluster)) this.#queue.add(encode(key), unhurried);
    };
    this.#sources.push(() =>
      informer.on({
        add: (object, { cluster, initial }) => add(object, cluster, initial),
        update: (object, old, { cluster }) => {
          add(old, cluster); // what it concerned before may have to be undone
          add(object, cluster);
        },
        remove: (last, { cluster }) => add(last, cluster),
      }),
    );
    return this;
  }

  concurrency(n: number): this {
    this.#concurrency = n;
    return this;
  }

  gated(lease: string): this {
    this.lease = lease;
    return this;
  }

  timeout(ms: number): this {
    this.#timeoutMs = ms;
    return this;
  }

  reconcile(fn: Parameters<ControllerBuilder['reconcile']>[0]): void {
    this.#fn = fn;
  }

  start(): void {
    if (!this.#fn)
      throw new KosmosError('KOSMOS_E_SETUP', `the controller '${this.#o.name}' has no reconcile`, {
        where: `plugin ${this.#o.plugin}`,
        hint: 'Give it one: controller(name).for(informer).reconcile(fn).',
      });
    this.#unsubscribe = this.#sources.map((subscribe) => subscribe());
    this.#workers = Array.from({ length: this.#concurrency }, () => this.#work());
  }

  /** What runs may end by itself for a while; then its signal aborts. */
  async stop(): Promise<void> {
    for (const unsubscribe of this.#unsubscribe) unsubscribe();
    this.#queue.close();
    this.#closing.abort();
    const cancel = this.#o.clock.after(DRAIN_MS, () => this.#stopping.abort());
    await Promise.all(this.#workers);
    cancel();
    this.#stopping.abort();
  }

  status(): ControllerStatus {
    return {
      controller: this.#labels.controller,
      queued: this.#queue.length,
      delayed: this.#queue.delayed,
      active: this.#active,
      failing: this.#queue.failing,
      ...(this.lease === undefined ? {} : { lease: this.lease }),
    };
  }

  /** Sets the gauges, which are asked for and not kept up to date. */
  measure(): void {
    const { depth, delayed, active } = this.#o.metrics;
    depth.set(this.#queue.length, this.#labels);
    delayed.set(this.#queue.delayed, this.#labels);
    active.set(this.#active, this.#labels);
  }

  async #work(): Promise<void> {
    for (;;) {
      const term = this.lease === undefined ? this.#stopping.signal : await this.#o.leading(this.lease, this.#closing.signal);
      if (!term) return;
      const taken = await this.#queue.take();
      if (!taken) return;
      if (!term.aborted) await this.#run(taken, term);
      else {
        this.#queue.add(taken.key); // kept for when this process leads again
        this.#queue.done(taken.key);
      }
    }
  }

  async #run({ key: encoded, waitedMs }: Taken, term: AbortSignal): Promise<void> {
    const { metrics, clock } = this.#o;
    const key = decode(encoded);
    const reconcile = randomUUID().slice(0, 8);
    const log = this.#o.log.child({ controller: this.#o.name, ...key, reconcile });
    const started = clock.now();
    const count = (result: string) => metrics.reconciles.inc({ ...this.#labels, result });
    metrics.wait.observe(waitedMs / 1000, this.#labels);
    this.#active += 1;
    try {
      const bounded = () => this.#bounded(key, log, term);
      const result = await span(`reconcile ${this.#labels.controller}`, key, bounded, { 'kosmos.reconcile.id': reconcile });
      this.#queue.forget(encoded);
      if (result) this.#queue.addAfter(encoded, result.requeueAfterMs);
      count(result ? 'requeue' : 'success');
    } catch (error) {
      if (term.aborted || this.#stopping.signal.aborted) return void this.#queue.add(encoded);
      metrics.errors.inc(this.#labels);
      if ((error as Error | undefined)?.name === 'TerminalError') {
        this.#queue.forget(encoded);
        count('terminal');
        log.error({ err: error }, 'reconcile failed for good; it waits for the object to change');
      } else {
        this.#queue.addRateLimited(encoded);
        metrics.retries.inc(this.#labels);
        count(error instanceof TimeUp ? 'timeout' : 'error');
        log.warn({ err: error }, 'reconcile failed; it will be tried again');
      }
    } finally {
      this.#active -= 1;
      metrics.duration.observe((clock.now() - started) / 1000, this.#labels);
    }
  }

  /** One that ignores its signal does not hold up the worker; its key waits until it ends, since a key is never reconciled twice at once. */
  #bounded(key: Key, log: Logger, term: AbortSignal): Promise<void | { requeueAfterMs: number }> {
    return withDeadline(this.#o.clock, this.#timeoutMs, async (expired) => {
      try {
        return await this.#fn?.(key, { signal: AbortSignal.any([expired, this.#stopping.signal, term]), log });
      } finally {
        this.#queue.done(encode(key));
      }
    });
  }
}

const encode = (key: Key): string => JSON.stringify([key.cluster, key.namespace ?? null, key.name]);
function decode(encoded: string): Key {
  const [cluster, namespace, name] = JSON.parse(encoded) as [string, string | null, string];
  return { cluster, ...(namespace === null ? {} : { namespace }), name };
}
