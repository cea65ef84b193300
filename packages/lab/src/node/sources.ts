import type { Informer, KObject, Kind } from '@kosmos/kernel';
import type { Connection } from '../connect.ts';
import {
  Claims,
  ConfigMaps,
  PersistentVolumes,
  Secrets,
  Services,
  type ConfigMap,
  type PersistentVolume,
  type PersistentVolumeClaim,
  type Secret,
  type Service,
} from '../kube.ts';

/** Objects that pods refer to. Each kind is watched from when the first pod of the node needs it. */
export class Sources {
  readonly #connection: Connection;
  readonly #informers = new Map<string, Informer<KObject>>();
  readonly #changed: (kind: string, namespace: string | undefined, name: string) => void;
  readonly #stop: AbortSignal;

  /** `changed` is called for every change of an object of a kind that was asked for. */
  constructor(connection: Connection, stop: AbortSignal, changed: (kind: string, namespace: string | undefined, name: string) => void) {
    this.#connection = connection;
    this.#stop = stop;
    this.#changed = changed;
  }

  configMap(namespace: string, name: string): Promise<ConfigMap | undefined> {
    return this.#get(ConfigMaps, namespace, name);
  }

  secret(namespace: string, name: string): Promise<Secret | undefined> {
    return this.#get(Secrets, namespace, name);
  }

  claim(namespace: string, name: string): Promise<PersistentVolumeClaim | undefined> {
    return this.#get(Claims, namespace, name);
  }

  persistentVolume(name: string): Promise<PersistentVolume | undefined> {
    return this.#get(PersistentVolumes, undefined, name);
  }

  async services(): Promise<Service[]> {
    return [...(await this.#informer(Services)).list()];
  }

  async #get<T extends KObject>(kind: Kind<T>, namespace: string | undefined, name: string): Promise<T | undefined> {
    const key = { cluster: 'host', name, ...(namespace !== undefined && { namespace }) };
    const known = (await this.#informer(kind)).get(key);
    // What was made just before its pod may not have come yet.
    return known ?? this.#connection.client.get(kind, name, { ...(namespace !== undefined && { namespace }), signal: this.#stop });
  }

  async #informer<T extends KObject>(kind: Kind<T>): Promise<Informer<T>> {
    let informer = this.#informers.get(kind.plural) as Informer<T> | undefined;
    if (!informer) {
      informer = this.#connection.informer(kind);
      this.#informers.set(kind.plural, informer as unknown as Informer<KObject>);
      const changed = ({ metadata }: T) => this.#changed(kind.plural, metadata.namespace, metadata.name);
      // Services are for environments only, which do not change while a container runs.
      if (kind.plural !== Services.plural) informer.on({ add: changed, update: changed, remove: changed });
    }
    await informer.synced(this.#stop);
    return informer;
  }
}
