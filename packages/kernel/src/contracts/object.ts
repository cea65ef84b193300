/** The least that every Kubernetes object read through the bus has. Objects are plain JSON and frozen. */
export interface KObject {
  readonly apiVersion?: string;
  readonly kind?: string;
  readonly metadata: ObjectMeta;
}

export interface ObjectMeta {
  readonly name: string;
  readonly namespace?: string;
  readonly uid: string;
  readonly resourceVersion: string;
  readonly generation?: number;
  readonly creationTimestamp?: string;
  readonly deletionTimestamp?: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
  readonly finalizers?: readonly string[];
  readonly ownerReferences?: readonly { apiVersion: string; kind: string; name: string; uid: string; controller?: boolean }[];
}

/** A kind of object at one version, e.g. `{ group: '', version: 'v1', kind: 'Pod', plural: 'pods', namespaced: true }`. */
export interface Kind<T> {
  /** '' for the core group. */
  readonly group: string;
  readonly version: string;
  readonly kind: string;
  readonly plural: string;
  readonly namespaced: boolean;
  readonly _T?: T;
}

/** One object in one cluster. `cluster` is a name of the registry; the host cluster is `host`. */
export interface Key {
  readonly cluster: string;
  readonly namespace?: string;
  readonly name: string;
}
