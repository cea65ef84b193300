import { isObject, type Schema } from './schema.ts';

/** Sets the schema's defaults where values are absent; nulls that may not be null count as absent. */
export function applyDefaults(schema: Schema, value: unknown): void {
  if (Array.isArray(value)) {
    if (schema.items) for (const item of value) applyDefaults(schema.items, item);
    return;
  }
  if (!isObject(value)) return;
  for (const [key, property] of Object.entries(schema.properties ?? {})) {
    if (value[key] === undefined && property.default !== undefined && property.default !== null)
      value[key] = structuredClone(property.default);
    if (value[key] !== undefined) applyDefaults(property, value[key]);
  }
  if (schema.additionalProperties) {
    for (const key of Object.keys(value)) {
      if (!schema.properties || !Object.hasOwn(schema.properties, key)) applyDefaults(schema.additionalProperties, value[key]);
    }
  }
}
