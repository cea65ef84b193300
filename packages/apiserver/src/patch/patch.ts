import { isObject, type JsonObject, type Schema } from '../schema/schema.ts';
import { set } from '../schema/decode.ts';
import { applyJsonPatch } from './json-patch.ts';
import { strategicMerge } from './strategic.ts';

export type PatchType = 'json' | 'merge' | 'strategic' | 'apply';

/** A patch as it was read; `problems` is what strict reading finds in its text. */
export interface Patch {
  type: PatchType;
  body: unknown;
  problems: string[];
}

/** What a patch other than one to apply makes of an object. */
export function patched({ type, body }: Patch, schema: Schema | undefined, old: JsonObject): JsonObject {
  if (type === 'json') return applyJsonPatch(old, body);
  if (type === 'merge') return mergePatch(old, body) as JsonObject;
  const { kind, apiVersion } = old;
  // It has no say in what the object is.
  return { ...strategicMerge(schema ?? {}, old, body as JsonObject), kind, apiVersion };
}

/** RFC 7396. */
export function mergePatch(original: unknown, patch: unknown): unknown {
  if (!isObject(patch)) return patch;
  const out: JsonObject = isObject(original) ? { ...original } : {};
  for (const [key, value] of Object.entries(patch)) {
    if (value === null) delete out[key];
    else set(out, key, mergePatch(Object.hasOwn(out, key) ? out[key] : undefined, value));
  }
  return out;
}
