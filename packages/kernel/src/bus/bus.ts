/** Shares one reflector and cache for each (cluster, kind, selection, transform), and hands informers to plugins. */
import type { Informer, InformerOptions, InformerState } from '../contracts/bus.ts';
import { KosmosError, KosmosErrors } from '../contracts/error.ts';
import type { Key, Kind, KObject } from '../contracts/object.ts';
import { type Clock, type Health, KubeError, type Logger, type Metrics } from '../contracts/services.ts';
import { Cache, objectKey } from './cache.ts';
import { apiVersionOf } from './client.ts';
import type { Registry } from '../clusters/registry.ts';
import { isRefused } from './backoff.ts';
import { reasonOf, unreachable } from './errors.ts';
import { isKosmosError } from '../host/errors.ts';
import { ClusterInformer } from './informer.ts';
import { busMetrics } from './metrics.ts';
import { Reflector } from './reflector.ts';
import { Written } from './written.ts';

/** What is known of the host is out of date after so long without a word of it. */
const STALE_MS = 120_000;
/** A member that has said nothing for so long is not waited for. */
const MEMBER_GRACE_MS = 3000;

interface Shared {
  readonly cache: Cache;
  readonly reflector: Reflector;
  readonly stopper: AbortController;
  readonly kind: Kind<unknown>;
  /** Absent where a transform leaves out parts of the objects. */
  readonly written: Written | undefined;
  readonly run: Promise<void>;
}
export interface InformerStatus {
  readonly cluster: string;
  readonly kind: string;
  readonly plugins: readonly string[];
  readonly state: InformerState;
  readonly objects: number;
  /** Events that wait for the slowest handler. */
  readonly queued: number;
  /** Since anything came, bookmarks among it; absent before the first. */
  readonly lagMs?: number;
  readonly error?: string;
}
interface Wanted {
  readonly informer: ClusterInformer<KObject>;
  readonly options: InformerOptions<KObject>;
}

export class Bus {
  readonly #registry: Registry;
  readonly #clock: Clock;
  readonly #log: Logger;
  readonly #metrics: ReturnType<typeof busMetrics>;
  #wanted: readonly Wanted[] = [];
  /** By cluster, then by what is shared. */
  readonly #shared = new Map<string, Map<string, Shared>>();
  /** By cluster and kind. */
  readonly #written = new Map<string, Written>();
  #started = false;

  constructor(registry: Registry, clock: Clock, log: Logger, metrics: Metrics, health: Health) {
    this.#registry = registry;
    this.#clock = clock;
    this.#log = log;
    this.#metrics = busMetrics(metrics);
    registry.on((cluster, change) => {
      if (change === 'joined') this.#joined(cluster);
      if (change === 'left') this.#left(cluster);
    });
    health.ready('informers', () => this.#notReady());
  }

  informer<T extends KObject>(plugin: string, kind: Kind<T>, options: InformerOptions<T>, log: Logger): Informer<T> {
    const informer = new ClusterInformer(plugin, kind, options, log, this.#metrics);
    const wanted = { informer, options } as unknown as Wanted;
    this.#wanted = [...this.#wanted, wanted];
    if (this.#started) for (const cluster of this.#registry.names()) this.#attach(wanted, cluster);
    return informer;
  }

  /** What is known of an object without a transform: as this process wrote it, where no watch has told of that yet, or as a cache has it. */
  known(key: Key, kind: Kind<unknown>): KObject | undefined {
    return this.#written.get(writtenKey(key.cluster, kind))?.get(objectKey(key.namespace, key.name)) ?? this.#copies(key, kind)[0];
  }

  /** A write of an object goes out; call the result with what was answered, or with nothing where it failed. */
  writing(key: Key, kind: Kind<unknown>): (answer?: KObject) => void {
    const versions = this.#copies(key, kind).map(({ metadata }) => metadata.resourceVersion);
    return this.#written.get(writtenKey(key.cluster, kind))?.begin(objectKey(key.namespace, key.name), versions) ?? (() => {});
  }

  /** Of every cache that has it whole; a selection may leave it out. */
  #copies(key: Key, kind: Kind<unknown>): KObject[] {
    const written = this.#written.get(writtenKey(key.cluster, kind));
    return [...(this.#shared.get(key.cluster)?.values() ?? [])].flatMap((shared) => {
      const object =
        written &&
        shared.written === written &&
        shared.cache.state === 'live' &&
        shared.cache.objects.get(objectKey(key.namespace, key.name));
      return object ? [object] : [];
    });
  }

  /** Resolves when the first lists are there; a member that does not answer is not waited for. */
  async start(signal: AbortSignal): Promise<void> {
    this.#started = true;
    for (const wanted of this.#wanted) for (const cluster of this.#registry.names()) this.#attach(wanted, cluster);
    try {
      await Promise.all(this.#wanted.map(({ informer }) => informer.synced(signal)));
    } catch (error) {
      const problems = this.#problems();
      throw problems.length > 0 ? new KosmosErrors(problems) : error;
    }
  }

  async stop(): Promise<void> {
    this.#started = false;
    const all = [...this.#shared.values()].flatMap((byKey) => [...byKey.values()]);
    for (const { stopper } of all) stopper.abort();
    this.#registry.close();
    for (const { informer } of this.#wanted) informer.close();
    await Promise.all(all.map(({ run }) => run));
  }

  /** Its informers hear no more, and what only they wanted is not read any more. */
  exclude(plugin: string): void {
    const gone = this.#wanted.filter(({ informer }) => informer.plugin === plugin);
    this.#wanted = this.#wanted.filter((wanted) => !gone.includes(wanted));
    for (const { informer } of gone) {
      informer.close();
      for (const cluster of informer.clusters) informer.detach(cluster);
    }
    for (const [cluster, byKey] of this.#shared) {
      const used = this.#wanted.filter(({ informer }) => informer.clusters.includes(cluster));
      const keys = new Set(used.map(({ informer, options }) => shareKey(informer.kind, options)));
      for (const [key, { stopper }] of byKey) {
        if (keys.has(key)) continue;
        stopper.abort();
        byKey.delete(key);
      }
    }
  }

  /** What is watched, and how it is doing. */
  status(): InformerStatus[] {
    const now = this.#clock.now();
    return [...this.#shared].flatMap(([cluster, byKey]) =>
      [...byKey].map(([key, { cache, reflector, kind }]) => {
        const users = this.#wanted.filter(({ informer, options }) => shareKey(informer.kind, options) === key);
        return {
          cluster,
          kind: kind.plural,
          plugins: [...new Set(users.map(({ informer }) => informer.plugin))],
          state: cache.state,
          objects: cache.objects.size,
          queued: Math.max(0, ...users.map(({ informer }) => informer.queued)),
          ...(reflector.heardAt === undefined ? {} : { lagMs: now - reflector.heardAt }),
          ...(cache.error === undefined ? {} : { error: reasonOf(cache.error) }),
        };
      }),
    );
  }

  /** Sets the gauges, which are asked for and not kept up to date. */
  measure(): void {
    const { objects, lastEvent, queued, state } = this.#metrics;
    for (const informer of merged(this.status())) {
      const { cluster, kind } = informer;
      objects.set(informer.objects, { cluster, kind });
      if (informer.lagMs !== undefined) lastEvent.set(informer.lagMs / 1000, { cluster, kind });
      for (const plugin of informer.plugins) queued.set(informer.queued, { plugin, kind });
    }
    for (const cluster of this.#registry.names())
      for (const each of ['connecting', 'live', 'unreachable'])
        state.set(this.#registry.state(cluster) === each ? 1 : 0, { cluster, state: each });
  }

  #joined(cluster: string): void {
    if (this.#started) for (const wanted of this.#wanted) this.#attach(wanted, cluster);
  }

  #left(cluster: string): void {
    const shared = [...(this.#shared.get(cluster)?.values() ?? [])];
    const had = this.#wanted.filter(({ informer }) => informer.clusters.includes(cluster));
    for (const { stopper } of shared) stopper.abort();
    this.#shared.delete(cluster);
    for (const key of this.#written.keys()) if (key.startsWith(`${cluster} `)) this.#written.delete(key);
    void Promise.all(shared.map(({ cache }) => cache.leave())).then(() => {
      for (const { informer } of had) informer.detach(cluster);
      if (this.#registry.names().includes(cluster)) this.#joined(cluster); // it came back meanwhile
    });
  }

  #attach({ informer, options }: Wanted, cluster: string): void {
    const { clusters = 'host' } = options;
    const concerns = clusters === 'host' ? cluster === 'host' : clusters === 'members' ? cluster !== 'host' : clusters.includes(cluster);
    if (!concerns || informer.clusters.includes(cluster)) return;
    informer.attach(cluster, this.#share(cluster, informer, options).cache);
  }

  #share(cluster: string, informer: ClusterInformer<KObject>, options: InformerOptions<KObject>): Shared {
    const { kind } = informer;
    const { namespace, labels, fields, transform } = options;
    const key = shareKey(kind, options);
    let byKey = this.#shared.get(cluster);
    if (!byKey) this.#shared.set(cluster, (byKey = new Map()));
    const known = byKey.get(key);
    if (known) return known;
    const written = transform ? undefined : this.#writtenOf(cluster, kind);
    const transformFailed = ({ metadata: { name, namespace } }: KObject, error: unknown) =>
      informer.failed(`the transform '${transform?.id}' threw`, error, { cluster, namespace, name });
    const cache = new Cache(transform, transformFailed, written);
    const stopper = new AbortController();
    const selection = {
      ...(namespace === undefined ? {} : { namespace }),
      ...(labels === undefined ? {} : { labels }),
      ...(fields === undefined ? {} : { fields }),
    };
    cache.listen({ set: () => {}, remove: () => {}, state: () => this.#observe(cluster, cache) });
    const reflector = new Reflector({
      cluster,
      kind,
      selection,
      transport: () => this.#registry.transport(cluster),
      budget: () => this.#registry.budget(cluster),
      clock: this.#clock,
      log: this.#log.child({ cluster }),
      metrics: this.#metrics,
      sink: cache,
    });
    if (cluster !== 'host') {
      const silent = () => {
        if (!cache.reached && cache.error === undefined) cache.failed(new Error(`no answer within ${MEMBER_GRACE_MS / 1000} s`));
      };
      stopper.signal.addEventListener('abort', this.#clock.after(MEMBER_GRACE_MS, silent), { once: true });
    }
    const shared: Shared = { cache, reflector, stopper, kind, written, run: reflector.run(stopper.signal) };
    byKey.set(key, shared);
    return shared;
  }

  #writtenOf(cluster: string, kind: Kind<unknown>): Written {
    const key = writtenKey(cluster, kind);
    const known = this.#written.get(key) ?? new Written(this.#clock);
    this.#written.set(key, known);
    return known;
  }

  /** A refused request says that the cluster is not reachable; any answer, that it is. */
  #observe(cluster: string, cache: Cache): void {
    const { state, error } = cache;
    if (state === 'live' || error instanceof KubeError) this.#registry.seen(cluster, 'live');
    else if (error !== undefined) this.#registry.seen(cluster, 'unreachable', reasonOf(error));
  }

  #problems(): KosmosError[] {
    const found = new Map<string, KosmosError>();
    for (const { informer } of this.#wanted) {
      for (const { cluster, error } of informer.unsynced()) {
        if (error === undefined) continue;
        const { kind } = informer;
        const { server } = this.#registry.client(cluster);
        if (error instanceof KubeError && error.status === 404) {
          found.set(`${cluster} ${kind.plural}`, notServed(cluster, kind));
        } else if (error instanceof KubeError && !isRefused(error)) {
          const what = `cluster '${cluster}' does not give ${kind.plural}: ${reasonOf(error)}`;
          found.set(
            `${cluster} ${kind.plural}`,
            new KosmosError('KOSMOS_E_CLUSTER_REFUSED', what, {
              where: `cluster ${cluster}`,
              hint: 'Give the user of the kubeconfig the right to list and watch them.',
            }),
          );
        } else {
          found.set(cluster, isKosmosError(error) ? error : unreachable(cluster, server, error));
        }
      }
    }
    return [...found.values()];
  }

  /** Members that are away hold up only themselves: they are no reason. */
  #notReady(): string | undefined {
    const late = this.#wanted.flatMap(({ informer }) =>
      informer
        .unsynced()
        .filter((u) => u.cluster === 'host')
        .map((u) => `${informer.kind.plural} of ${u.cluster}${u.error === undefined ? '' : ` (${reasonOf(u.error)})`}`),
    );
    if (late.length > 0) return `not synced: ${[...new Set(late)].join(', ')}`;
    const stale = this.status().filter(({ cluster, state, lagMs = 0 }) => cluster === 'host' && state === 'stale' && lagMs > STALE_MS);
    return stale.length === 0 ? undefined : `not heard of for ${STALE_MS / 1000} s: ${stale.map(({ kind }) => kind).join(', ')} of host`;
  }
}

function shareKey(kind: Kind<unknown>, { namespace, labels, fields, transform }: InformerOptions<KObject>): string {
  return JSON.stringify([kind.group, kind.version, kind.plural, namespace, labels, fields, transform?.id]);
}

const writtenKey = (cluster: string, kind: Kind<unknown>): string => `${cluster} ${apiVersionOf(kind)} ${kind.plural}`;

/** One for each kind in a cluster: several selections are counted together. */
function merged(all: readonly InformerStatus[]): InformerStatus[] {
  const found = new Map<string, InformerStatus>();
  for (const one of all) {
    const id = `${one.cluster}/${one.kind}`;
    const other = found.get(id);
    if (!other) found.set(id, one);
    else
      found.set(id, {
        ...one,
        plugins: [...new Set([...other.plugins, ...one.plugins])],
        objects: one.objects + other.objects,
        queued: Math.max(one.queued, other.queued),
        lagMs: Math.max(one.lagMs ?? 0, other.lagMs ?? 0),
      });
  }
  return [...found.values()];
}

function notServed(cluster: string, kind: Kind<unknown>): KosmosError {
  return new KosmosError('KOSMOS_E_KIND_UNKNOWN', `cluster '${cluster}' does not serve ${kind.plural} of ${apiVersionOf(kind)}`, {
    where: `cluster ${cluster}`,
    hint: 'Install its CRD, or check that the API server has this API.',
  });
}
