/**
 * A small builder of structural OpenAPI v3 schemas, as CustomResourceDefinitions take them, whose TypeScript types are
 * derived by the type system. It can say only what a real API server accepts: no unions, no `const`, no
 * `additionalProperties` beside `properties`.
 */
export interface JsonSchema {
  readonly type: 'object' | 'array' | 'string' | 'boolean' | 'integer';
  readonly description?: string;
  readonly format?: 'byte' | 'date-time' | 'int32' | 'int64';
  readonly default?: unknown;
  readonly enum?: readonly string[];
  readonly properties?: Readonly<Record<string, JsonSchema>>;
  readonly required?: readonly string[];
  readonly additionalProperties?: JsonSchema;
  readonly items?: JsonSchema;
  readonly 'x-kubernetes-list-type'?: 'atomic' | 'map' | 'set';
  readonly 'x-kubernetes-list-map-keys'?: readonly string[];
}

/** A schema and, at compile time only, the type of what it describes. */
export interface Schema<T> {
  readonly json: JsonSchema;
  readonly _T?: T;
}

/** A property that must be there. All others are optional, those with a default too: an object read from a file has no defaults yet. */
export interface Required<T> extends Schema<T> {
  readonly required: true;
}

/** The type that a schema describes. */
export type Infer<S> = S extends Schema<infer T> ? T : never;

type Properties = Readonly<Record<string, Schema<unknown>>>;
type Flat<T> = { [K in keyof T]: T[K] };
type InferObject<P extends Properties> = Flat<
  { readonly [K in keyof P as P[K] extends Required<unknown> ? K : never]: Infer<P[K]> } & {
    readonly [K in keyof P as P[K] extends Required<unknown> ? never : K]?: Infer<P[K]>;
  }
>;

interface More<T> {
  readonly description?: string;
  readonly default?: T;
}

export function string(more: More<string> & { readonly format?: 'byte' | 'date-time' } = {}): Schema<string> {
  return { json: { type: 'string', ...more } };
}

export function oneOf<const V extends string>(values: readonly V[], more: More<V> = {}): Schema<V> {
  return { json: { type: 'string', enum: values, ...more } };
}

export function boolean(more: More<boolean> = {}): Schema<boolean> {
  return { json: { type: 'boolean', ...more } };
}

export function integer(more: More<number> & { readonly format?: 'int32' | 'int64' } = {}): Schema<number> {
  return { json: { type: 'integer', ...more } };
}

export function object<const P extends Properties>(properties: P, more: More<InferObject<P>> = {}): Schema<InferObject<P>> {
  const required = Object.keys(properties).filter((name) => 'required' in properties[name]!);
  return {
    json: {
      type: 'object',
      ...more,
      properties: Object.fromEntries(Object.entries(properties).map(([name, schema]) => [name, schema.json])),
      ...(required.length > 0 && { required }),
    },
  };
}

/** An atomic list: written as a whole by one manager. */
export function list<T>(items: Schema<T>, more: More<readonly T[]> = {}): Schema<readonly T[]> {
  return { json: { type: 'array', ...more, items: items.json } };
}

/** A list whose items are told apart by these fields, so that several managers may each own items of it. */
export function listMap<T>(items: Schema<T>, keys: readonly (keyof T & string)[], more: More<readonly T[]> = {}): Schema<readonly T[]> {
  return { json: { type: 'array', ...more, items: items.json, 'x-kubernetes-list-type': 'map', 'x-kubernetes-list-map-keys': keys } };
}

export function map<T>(values: Schema<T>, more: More<Readonly<Record<string, T>>> = {}): Schema<Readonly<Record<string, T>>> {
  return { json: { type: 'object', ...more, additionalProperties: values.json } };
}

export function required<T>(schema: Schema<T>): Required<T> {
  return { ...schema, required: true };
}
