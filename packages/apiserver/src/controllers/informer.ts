import type { Registry } from '../kinds/registry.ts';
import type { Entry, Store } from '../storage/store.ts';
import { controllerOf, type Any, type Kind, type KubeObject } from './kube.ts';

/** Gets an object's new and former state; the new one is undefined where it went, the former where it came. */
export type Handler<T> = (now: T | undefined, before: T | undefined) => void;

/** Where an informer has its objects from. */
export interface Source {
  /** Those that there are. */
  list<T extends KubeObject>(kind: Kind<T>): T[];
  /** Calls `changed` for each change from then on, with the new state, and whose it is; the result ends that. */
  listen<T extends KubeObject>(kind: Kind<T>, changed: (now: T | undefined, namespace: string, name: string) => void): () => void;
}

type IndexOf<T> = (object: T) => string | undefined;

const controllerUid = (object: KubeObject): string | undefined => controllerOf(object)?.uid;

function index<T>(found: Map<string, Set<T>>, value: string | undefined, object: T): void {
  if (value === undefined) return;
  const others = found.get(value);
  if (others) others.add(object);
  else found.set(value, new Set([object]));
}

/**
 * The objects of a kind, read once a change; inside of the API server as the store has them: who awaited a write finds it here.
 * They are shared: whoever changes one works on a copy. They come without managedFields.
 */
export class Informer<T extends KubeObject> {
  readonly #byNamespace = new Map<string, Map<string, T>>();
  readonly #indices = new Map<IndexOf<T>, Map<string, Set<T>>>();
  readonly #handlers = new Set<Handler<T>>();
  readonly #unlisten: () => void;

  /** @param report gets what a handler throws, which is nothing to the write that it was told of */
  constructor(source: Source, kind: Kind<T>, report: (error: unknown) => void) {
    for (const object of source.list(kind)) this.#put(object);
    this.#unlisten = source.listen(kind, (now, namespace, name) => {
      const was = this.get(namespace, name);
      if (was) this.#take(was);
      if (now) this.#put(now);
      if (!now && !was) return;
      for (const handler of this.#handlers) {
        try {
          handler(now, was);
        } catch (error) {
          report(error);
        }
      }
    });
  }

  #put(object: T): void {
    const { namespace = '', name } = object.metadata;
    let names = this.#byNamespace.get(namespace);
    if (!names) this.#byNamespace.set(namespace, (names = new Map()));
    names.set(name, object);
    for (const [of, found] of this.#indices) index(found, of(object), object);
  }

  #take(object: T): void {
    const { namespace = '', name } = object.metadata;
    const names = this.#byNamespace.get(namespace);
    names?.delete(name);
    if (names?.size === 0) this.#byNamespace.delete(namespace);
    for (const [of, found] of this.#indices) {
      const value = of(object);
      const others = value === undefined ? undefined : found.get(value);
      others?.delete(object);
      if (others?.size === 0) found.delete(value!);
    }
  }

  get(namespace: string, name: string): T | undefined {
    return this.#byNamespace.get(namespace)?.get(name);
  }

  /** Those of a namespace, or all. */
  list(namespace?: string): T[] {
    if (namespace !== undefined) return [...(this.#byNamespace.get(namespace)?.values() ?? [])];
    return [...this.#byNamespace.values()].flatMap((names) => [...names.values()]);
  }

  /** Those that the object with this uid manages. */
  controlledBy(uid: string): T[] {
    return this.by(controllerUid, uid);
  }

  /** Those for which `of` gives this value; the first such question makes an index. */
  by(of: IndexOf<T>, value: string): T[] {
    let found = this.#indices.get(of);
    if (!found) {
      this.#indices.set(of, (found = new Map()));
      for (const object of this.list()) index(found, of(object), object);
    }
    return [...(found.get(value) ?? [])];
  }

  /** Calls `handler` for every object that is there, and then for each change. */
  on(handler: Handler<T>): void {
    this.#handlers.add(handler);
    for (const object of this.list()) handler(object, undefined);
  }

  stop(): void {
    this.#unlisten();
    this.#handlers.clear();
  }
}

/** The objects of a store. */
export function storeSource(store: Store, registry: Registry): Source {
  const storageOf = ({ group, plural }: Kind<never>): string => registry.find(group, 'v1', plural)!.storage;
  return {
    list: <T extends KubeObject>(kind: Kind<T>) => store.list(storageOf(kind as Kind<never>)).map((entry) => parse<T>(entry)),
    listen: <T extends KubeObject>(kind: Kind<T>, changed: (now: T | undefined, namespace: string, name: string) => void) =>
      store.listen(storageOf(kind as Kind<never>), ({ entry, before }) => {
        const { namespace, name } = (entry ?? before)!;
        changed(entry && parse<T>(entry), namespace, name);
      }),
  };
}

function parse<T extends KubeObject>(entry: Entry): T {
  const object = JSON.parse(entry.json) as T & { metadata: { managedFields?: unknown } };
  delete object.metadata.managedFields;
  return object;
}

/** One informer a kind, made when somebody first wants it. */
export class Informers {
  readonly #source: Source;
  readonly #report: (error: unknown) => void;
  readonly #made = new Map<string, Informer<Any>>();

  constructor(source: Source, report: (error: unknown) => void) {
    this.#source = source;
    this.#report = report;
  }

  of<T extends KubeObject>(kind: Kind<T>): Informer<T> {
    const id = `${kind.group}/${kind.plural}`;
    let informer = this.#made.get(id) as Informer<T> | undefined;
    if (!informer) this.#made.set(id, (informer = new Informer<T>(this.#source, kind, this.#report)));
    return informer;
  }

  stop(): void {
    for (const informer of this.#made.values()) informer.stop();
  }
}
