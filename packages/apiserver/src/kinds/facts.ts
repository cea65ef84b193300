import { factsJson } from './facts.generated.ts';
import type { Schema } from '../schema/schema.ts';

export interface KindFacts {
  plural: string;
  singular: string;
  kind: string;
  namespaced: boolean;
  verbs: string[];
  shortNames?: string[];
  categories?: string[];
  subresources?: { name: string; kind: string; verbs: string[]; group?: string; version?: string }[];
  type?: string;
  columns: [name: string, type: string, format: string, priority: number][];
}

interface Facts {
  groups: { group: string; versions: { version: string; resources: KindFacts[] }[] }[];
  types: Record<string, Schema>;
}

export const facts = JSON.parse(factsJson) as Facts;

// What a type is on the wire where its Go type encodes itself; the definitions call them all strings or objects.
for (const [name, schema] of Object.entries({
  'util.intstr.IntOrString': { intOrString: true },
  'api.resource.Quantity': { intOrString: true, format: 'quantity' },
  'runtime.RawExtension': { type: 'object', preserveUnknown: true, mapType: 'atomic' },
  'meta.v1.FieldsV1': { type: 'object', preserveUnknown: true },
  'apiextensions.v1.JSON': { preserveUnknown: true },
  'apiextensions.v1.JSONSchemaPropsOrBool': { preserveUnknown: true },
  'apiextensions.v1.JSONSchemaPropsOrArray': { preserveUnknown: true },
  'apiextensions.v1.JSONSchemaPropsOrStringArray': { preserveUnknown: true },
  'apiextensions.v1.JSONSchemaProps': { type: 'object', preserveUnknown: true },
} as Record<string, Schema>))
  if (facts.types[name]) facts.types[name] = schema;

const resolved = new WeakMap<Schema, Schema>();

/** The schema with what its built-in type says; what the field says itself (list type, merge key) wins. */
export function resolve(schema: Schema): Schema {
  if (!schema.ref) return schema;
  let found = resolved.get(schema);
  if (!found) {
    const { ref, type: _type, format: _format, ...own } = schema;
    found = { ...facts.types[ref!], ...own };
    resolved.set(schema, found);
  }
  return found;
}
