import type { Infer, Schema } from './schema.ts';

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

/** Structurally the kernel's `Kind<T>`; repeated here since this package imports nothing of ours. */
export interface Kind<T> {
  /** '' for the core group. */
  readonly group: string;
  readonly version: string;
  readonly kind: string;
  readonly plural: string;
  readonly namespaced: boolean;
  readonly _T?: T;
}

export interface KubeObject {
  readonly apiVersion?: string;
  readonly kind?: string;
  readonly metadata: ObjectMeta;
}

export interface Column {
  readonly name: string;
  readonly type: 'string' | 'integer' | 'boolean' | 'date';
  readonly jsonPath: string;
  readonly priority?: number;
}

/** One custom resource: all that its CustomResourceDefinition says. */
export interface Resource<T> extends Kind<T> {
  readonly description: string;
  readonly shortNames?: readonly string[];
  readonly statusSubresource: boolean;
  readonly columns: readonly Column[];
  readonly schema: Schema<unknown>;
}

/** `{ metadata, ...what the schema says }` */
export type ObjectOf<S> = KubeObject & Infer<S>;

export const GROUP = 'kosmos.io';
export const VERSION = 'v1alpha1';

export function resource<S extends Schema<object>>(
  schema: S,
  more: Omit<Resource<unknown>, 'group' | 'version' | 'namespaced' | 'schema' | '_T'>,
): Resource<ObjectOf<S>> {
  return Object.freeze({ group: GROUP, version: VERSION, namespaced: false, schema, ...more });
}
