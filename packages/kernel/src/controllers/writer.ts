/** Server-side apply for one controller: no request where nothing changes, none once its lease is lost. */
import { createHash } from 'node:crypto';
import type { ApplyOptions, Writer } from '../contracts/controller.ts';
import { KosmosError } from '../contracts/error.ts';
import type { Key, Kind, KObject } from '../contracts/object.ts';
import { span } from '../services/tracing.ts';
import type { Bus } from '../bus/bus.ts';
import type { Registry } from '../clusters/registry.ts';
import type { ControllerMetrics } from './metrics.ts';

interface WriterOptions {
  readonly plugin: string;
  readonly controller: string;
  readonly registry: Registry;
  readonly bus: Bus;
  readonly metrics: ControllerMetrics;
  /** Aborts when the controller may write no more; undefined when it may not now. */
  term(): AbortSignal | undefined;
}

interface Applied {
  readonly digest: string;
  /** Another object of the same name has none of our fields. */
  readonly uid: string;
  /** Another leader may have applied other fields since. */
  readonly term: AbortSignal;
}

export class ApplyWriter implements Writer {
  readonly #o: WriterOptions;
  readonly #manager: string;
  /**
   * What was applied to each object, since what was left out matters too: a field that we no longer send must be removed,
   * which the object itself does not show. So the first apply of a process, and of a term of leading, is always sent.
   */
  readonly #applied = new Map<string, Applied>();

  constructor(options: WriterOptions) {
    this.#o = options;
    this.#manager = `kosmos/${options.plugin}/${options.controller}`;
  }

  async apply<T extends KObject>(cluster: string, kind: Kind<T>, object: object, options: ApplyOptions = {}): Promise<T | 'unchanged'> {
    const { force, uid, subresource, signal } = options;
    const wanted = object as { metadata: { name: string; namespace?: string } };
    const { name, namespace } = wanted.metadata;
    const key: Key = { cluster, name, ...(namespace === undefined ? {} : { namespace }) };
    const id = idOf(key, kind, subresource);
    const digest = createHash('sha256').update(JSON.stringify(object)).digest('base64');
    const known = this.#o.bus.known(key, kind);
    const term = this.#term(`apply ${kind.kind} ${name}`);
    const last = this.#applied.get(id);
    const same =
      last?.digest === digest && last.term === term && last.uid === known?.metadata.uid && (uid === undefined || uid === last.uid);
    if (same && holds(known, wanted)) {
      this.#count('unchanged');
      return 'unchanged';
    }
    const body = uid === undefined ? object : { ...object, metadata: { ...wanted.metadata, uid } };
    const client = this.#o.registry.client(cluster);
    const answered = this.#o.bus.writing(key, kind);
    try {
      const applied = await span(`apply ${kind.kind}`, key, () =>
        client.apply(kind, body, {
          fieldManager: this.#manager,
          ...(force === undefined ? {} : { force }),
          ...(subresource === undefined ? {} : { subresource }),
          signal: signal ? AbortSignal.any([signal, term]) : term,
        }),
      );
      answered(applied);
      this.#applied.set(id, { digest, uid: applied.metadata.uid, term });
      this.#count('applied');
      return applied;
    } catch (error) {
      answered();
      this.#applied.delete(id);
      this.#count('failed');
      throw error;
    }
  }

  async delete<T extends KObject>(key: Key, kind: Kind<T>, options: { uid?: string; signal?: AbortSignal } = {}): Promise<void> {
    const term = this.#term(`delete ${kind.kind} ${key.name}`);
    const { cluster, name, namespace } = key;
    const signal = options.signal ? AbortSignal.any([options.signal, term]) : term;
    await span(`delete ${kind.kind}`, key, () =>
      this.#o.registry.client(cluster).delete(kind, name, { ...(namespace === undefined ? {} : { namespace }), ...options, signal }),
    );
    for (const subresource of [undefined, 'status']) this.#applied.delete(idOf(key, kind, subresource));
    this.#count('deleted');
  }

  #term(what: string): AbortSignal {
    const term = this.#o.term();
    if (term) return term;
    this.#count('refused');
    throw new KosmosError('KOSMOS_E_NOT_LEADER', `refused to ${what}: this process does not hold the lease`, {
      where: `plugin ${this.#o.plugin}, controller ${this.#o.controller}`,
      hint: 'Nothing to do: the process that holds it writes.',
    });
  }

  #count(result: string): void {
    this.#o.metrics.writes.inc({ controller: `${this.#o.plugin}/${this.#o.controller}`, result });
  }
}

const idOf = ({ cluster, namespace, name }: Key, kind: Kind<unknown>, subresource: string | undefined): string =>
  JSON.stringify([cluster, kind.group, kind.plural, namespace, name, subresource]);

/** Does the object hold every field of `wanted`? Lists count as one value: a longer one is another value. */
function holds(object: unknown, wanted: unknown): boolean {
  if (Array.isArray(wanted))
    return Array.isArray(object) && object.length === wanted.length && wanted.every((item, i) => holds(object[i], item));
  if (typeof wanted !== 'object' || wanted === null) return object === wanted;
  if (typeof object !== 'object' || object === null) return false;
  return Object.entries(wanted).every(([key, value]) => value === undefined || holds((object as Record<string, unknown>)[key], value));
}
