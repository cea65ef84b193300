import { facts } from '../../kinds/facts.ts';
import type { Resource } from '../../kinds/resource.ts';
import type { Schema } from '../../schema/schema.ts';

export type Body = Record<string, unknown>;

const LISTS = {
  listType: 'x-kubernetes-list-type',
  listMapKeys: 'x-kubernetes-list-map-keys',
  mapType: 'x-kubernetes-map-type',
  mergeKey: 'x-kubernetes-patch-merge-key',
  mergeStrategy: 'x-kubernetes-patch-strategy',
  preserveUnknown: 'x-kubernetes-preserve-unknown-fields',
  intOrString: 'x-kubernetes-int-or-string',
  embeddedResource: 'x-kubernetes-embedded-resource',
  validations: 'x-kubernetes-validations',
} as const;

/** Where the Go packages of built-in types are, by the beginning of their short names; all others are in `io.k8s.api`. */
const HOMES: readonly (readonly [RegExp, string])[] = [
  [/^meta\./, 'io.k8s.apimachinery.pkg.apis.'],
  [/^(api\.resource|runtime|util\.intstr)\./, 'io.k8s.apimachinery.pkg.'],
  [/^apiextensions\./, 'io.k8s.apiextensions-apiserver.pkg.apis.'],
  [/^apiregistration\./, 'io.k8s.kube-aggregator.pkg.apis.'],
];

/** What documents call a built-in type. */
const typeName = (ref: string): string => `${HOMES.find(([start]) => start.test(ref))?.[1] ?? 'io.k8s.api.'}${ref}`;

/** What documents call the type of a kind. */
export const kindName = (r: Resource): string =>
  r.schema?.ref ? typeName(r.schema.ref) : `${r.group.split('.').reverse().join('.')}.${r.version}.${r.kind}`;

/** What each list has beside its items; no kind reaches it, so the facts have it not. */
const LIST_META: Schema = {
  type: 'object',
  properties: {
    continue: { type: 'string' },
    remainingItemCount: { type: 'integer', format: 'int64' },
    resourceVersion: { type: 'string' },
    selfLink: { type: 'string' },
  },
};

export const gvk = (r: { group: string; version: string; kind: string }): Body => ({ group: r.group, version: r.version, kind: r.kind });

/** Writes schemas for one document, and all that they refer to. */
export class Schemas {
  readonly #ref: (name: string) => Body;
  /** What a schema is in this document, where that is not all that is known of it. */
  readonly #shown: (schema: Schema, type?: string) => Schema;
  readonly written: Record<string, Body> = {};

  constructor(ref: (name: string) => Body, shown: (schema: Schema, type?: string) => Schema = (s) => s) {
    this.#ref = ref;
    this.#shown = shown;
  }

  /** Adds a kind, and its list where it has one. */
  add(r: Resource): void {
    const { schema } = r;
    if (!schema) return;
    const name = kindName(r);
    const kind = { 'x-kubernetes-group-version-kind': [gvk(r)] };
    if (schema.ref) this.written[name] = { ...this.#type(schema.ref), ...kind };
    else this.written[name] = { ...this.#custom(schema), ...kind };
    if (!r.verbs.includes('list')) return;
    const strings = { apiVersion: { type: 'string' }, kind: { type: 'string' } };
    this.written[`${name}List`] = {
      type: 'object',
      required: ['items'],
      properties: { ...strings, items: { type: 'array', items: this.#ref(name) }, metadata: this.#refTo('meta.v1.ListMeta') },
      'x-kubernetes-group-version-kind': [gvk({ ...r, kind: r.listKind })],
    };
  }

  #custom(schema: Schema): Body {
    const own = this.#shown(schema);
    if (schema.preserveUnknown && !own.properties) return { type: 'object' };
    const all = { apiVersion: { type: 'string' }, kind: { type: 'string' }, ...own.properties, metadata: { ref: 'meta.v1.ObjectMeta' } };
    return this.#write({ ...own, properties: all });
  }

  #type(ref: string): Body {
    return this.#write(this.#shown(ref === 'meta.v1.ListMeta' ? LIST_META : facts.types[ref]!, ref));
  }

  #refTo(ref: string): Body {
    const name = typeName(ref);
    if (!this.written[name]) {
      // Types may have themselves in them.
      this.written[name] = {};
      Object.assign(this.written[name], this.#type(ref));
    }
    return this.#ref(name);
  }

  #write(s: Schema): Body {
    const out: Body = {};
    for (const [key, value] of Object.entries(s)) {
      if (key === 'ref') Object.assign(out, this.#refTo(value as string));
      else if (key in LISTS) out[LISTS[key as keyof typeof LISTS]] = value;
      else if (key === 'properties')
        out[key] = Object.fromEntries(Object.entries(value as Record<string, Schema>).map(([k, v]) => [k, this.#write(v)]));
      else if (key === 'items' || key === 'additionalProperties' || key === 'not') out[key] = this.#write(value as Schema);
      else if (key === 'allOf' || key === 'anyOf' || key === 'oneOf') out[key] = (value as Schema[]).map((v) => this.#write(v));
      else if (key !== 'type' || !s.ref) out[key] = value;
    }
    return out;
  }
}
