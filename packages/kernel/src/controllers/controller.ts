/** Runs one level-triggered controller: keys from informers, a queue, workers. */
import { randomUUID } from 'node:crypto';
import type { Informer } from '../contracts/bus.ts';
import type { ControllerBuilder } from '../contracts/controller.ts';
import { KosmosError } from '../contracts/error.ts';
import type { Key, KObject } from '../contracts/object.ts';
import type { Clock, Logger } from '../contracts/services.ts';
import type { ControllerMetrics } from './metrics.ts';
import { WorkQueue } from './queue.ts';

const TIMEOUT_MS = 30_000;

export interface ControllerOptions {
  readonly plugin: string;
  readonly name: string;
  readonly clock: Clock;
  readonly log: Logger;
  readonly metrics: ControllerMetrics;
  /** Resolves once the lease is held, with a signal that aborts when it is lost; undefined when `stop` comes first. */
  leading(lease: string, stop: AbortSignal): Promise<AbortSignal | undefined>;
}

export class Controller implements ControllerBuilder {
  readonly #o: ControllerOptions;
  readonly #queue: WorkQueue;
  readonly #labels: { readonly controller: string };
  readonly #sources: (() => () => void)[] = [];
  readonly #stopping = new AbortController();
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
    const add = (object: T, cluster: string) => {
      for (const key of keys(object, cluster)) this.#queue.add(encode(key));
    };
    this.#sources.push(() =>
      informer.on({
        add: (object, { cluster }) => add(object, cluster),
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

  async stop(): Promise<void> {
    for (const unsubscribe of this.#unsubscribe) unsubscribe();
    this.#queue.close();
    this.#stopping.abort();
    await Promise.all(this.#workers);
  }

  async #work(): Promise<void> {
    const stop = this.#stopping.signal;
    for (;;) {
      const term = this.lease === undefined ? stop : await this.#o.leading(this.lease, stop);
      if (!term) return;
      const key = await this.#queue.take();
      if (key === undefined) return;
      this.#o.metrics.depth.set(this.#queue.length, this.#labels);
      if (!term.aborted) await this.#run(key, term);
      else {
        this.#queue.add(key); // kept for when this process leads again
        this.#queue.done(key);
      }
    }
  }

  async #run(encoded: string, term: AbortSignal): Promise<void> {
    const { metrics, clock } = this.#o;
    const key = decode(encoded);
    const log = this.#o.log.child({ controller: this.#o.name, ...key, reconcile: randomUUID().slice(0, 8) });
    const started = clock.now();
    try {
      const result = await this.#bounded(key, log, term);
      this.#queue.forget(encoded);
      if (result) this.#queue.addAfter(encoded, result.requeueAfterMs);
    } catch (error) {
      if (term.aborted) return void this.#queue.add(encoded);
      metrics.errors.inc(this.#labels);
      if ((error as Error | undefined)?.name === 'TerminalError') {
        this.#queue.forget(encoded);
        log.error({ err: error }, 'reconcile failed for good; it waits for the object to change');
      } else {
        this.#queue.addRateLimited(encoded);
        log.warn({ err: error }, 'reconcile failed; it will be tried again');
      }
    } finally {
      metrics.duration.observe((clock.now() - started) / 1000, this.#labels);
    }
  }

  /** One that ignores its signal does not hold up the worker; its key waits until it ends, since a key is never reconciled twice at once. */
  async #bounded(key: Key, log: Logger, term: AbortSignal): Promise<void | { requeueAfterMs: number }> {
    const expired = new AbortController();
    const signal = AbortSignal.any([expired.signal, this.#stopping.signal, term]);
    let cancel = () => {};
    const timeout = new Promise<never>((_, reject) => {
      cancel = this.#o.clock.after(this.#timeoutMs, () => {
        expired.abort(new Error(`not done within ${this.#timeoutMs / 1000} s`));
        reject(expired.signal.reason as Error);
      });
    });
    const work = async () => {
      try {
        return await this.#fn?.(key, { signal, log });
      } finally {
        this.#queue.done(encode(key));
      }
    };
    try {
      return await Promise.race([work(), timeout]);
    } finally {
      cancel();
    }
  }
}

const encode = (key: Key): string => JSON.stringify([key.cluster, key.namespace ?? null, key.name]);
function decode(encoded: string): Key {
  const [cluster, namespace, name] = JSON.parse(encoded) as [string, string | null, string];
  return { cluster, ...(namespace === null ? {} : { namespace }), name };
}
