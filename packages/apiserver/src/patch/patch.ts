import jsonPatch from 'fast-json-patch';
import { ApiError, badRequest } from '../http/errors.ts';
import { isObject, type JsonObject } from '../schema/schema.ts';
import { set } from '../schema/decode.ts';

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

/** RFC 6902; an operation that cannot be done is a 422, a patch that is none a 400. */
export function applyJsonPatch(original: JsonObject, patch: unknown): JsonObject {
  if (!Array.isArray(patch) || !patch.every(isObject)) throw badRequest('error decoding patch: a JSON patch is a list of operations');
  if (patch.length > 10_000) {
    throw new ApiError(413, 'RequestEntityTooLarge', `The allowed maximum operations in a JSON patch is 10000, got ${patch.length}`);
  }
  try {
    const { newDocument } = jsonPatch.applyPatch(structuredClone(original), patch as never, true, true);
    if (!isObject(newDocument)) throw badRequest('the patched object is no object');
    return newDocument;
  } catch (error) {
    if (error instanceof ApiError) throw error;
    throw new ApiError(
      422,
      'Invalid',
      `the server rejected our request due to an error in our request: ${(error as Error).message.split('\n')[0]}`,
      {},
    );
  }
}
