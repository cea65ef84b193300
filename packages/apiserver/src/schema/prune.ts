import { set } from './decode.ts';
import { isObject, type JsonObject, type Schema } from './schema.ts';

/** A copy without fields that the schema does not know (their paths go to `unknown`) and without nulls where none may be. */
export function prune(schema: Schema, value: JsonObject, unknown: string[]): JsonObject {
  const walk = (s: Schema | undefined, v: unknown, path: string): unknown => {
    if (!s) return v;
    if (Array.isArray(v)) return v.map((item, i) => walk(s.items, item, `${path}[${i}]`));
    if (!isObject(v)) return v;
    const out: JsonObject = {};
    for (const [key, below] of Object.entries(v)) {
      const at = path ? `${path}.${key}` : key;
      if (s.embeddedResource && ['apiVersion', 'kind', 'metadata'].includes(key) && !s.properties?.[key]) {
        set(out, key, below);
        continue;
      }
      const property = s.properties && Object.hasOwn(s.properties, key) ? s.properties[key] : s.additionalProperties;
      if (!property) {
        if (s.preserveUnknown) set(out, key, below);
        else unknown.push(at);
        continue;
      }
      if (below === null && !property.nullable && !anything(property)) continue;
      set(out, key, walk(property, below, at));
    }
    return out;
  };
  return walk(schema, value, '') as JsonObject;
}

const anything = (s: Schema): boolean => s.type === undefined && !s.intOrString && s.preserveUnknown === true;
