import { ApiError, badRequest } from '../http/errors.ts';
import { equal, isObject, type JsonObject } from '../schema/schema.ts';
import { set } from '../schema/decode.ts';

/** Most operations that a patch may have. */
const MOST = 10_000;

/** The refusal of an operation that cannot be done; Kubernetes does not say which. */
const impossible = (): ApiError => new ApiError(422, 'Invalid', 'the server rejected our request due to an error in our request', {});

type Container = JsonObject | unknown[];
const isContainer = (v: unknown): v is Container => Array.isArray(v) || isObject(v);

/** The place in a list that a step names; negative ones count from the end. */
function indexOf(step: string, longest: number): number {
  const index = /^[-+]?\d+$/.test(step) ? Number(step) : Number.NaN;
  const at = index < 0 ? index + longest : index;
  if (!(at >= 0 && at < longest)) throw impossible();
  return at;
}

const read = (c: Container, step: string): unknown =>
  Array.isArray(c) ? c[indexOf(step, c.length)] : Object.hasOwn(c, step) ? c[step] : undefined;

function add(c: Container, step: string, value: unknown): void {
  if (!Array.isArray(c)) set(c, step, value);
  else if (step === '-') c.push(value);
  else c.splice(indexOf(step, c.length + 1), 0, value);
}

function remove(c: Container, step: string): void {
  if (Array.isArray(c)) c.splice(indexOf(step, c.length), 1);
  else if (Object.hasOwn(c, step)) delete c[step];
  else throw impossible();
}

function stepsOf(pointer: unknown): string[] {
  if (typeof pointer !== 'string') throw impossible();
  return pointer
    .split('/')
    .slice(1)
    .map((s) => s.replaceAll('~1', '/').replaceAll('~0', '~'));
}

/** What the last step of a pointer is in. @throws 422 where that is not there */
function containerOf(document: JsonObject, steps: string[]): [Container, string] {
  const step = steps.at(-1);
  let c: unknown = document;
  for (const s of steps.slice(0, -1)) c = isContainer(c) ? read(c, s) : undefined;
  if (step === undefined || !isContainer(c)) throw impossible();
  return [c, step];
}

function apply(document: JsonObject, operation: JsonObject): JsonObject {
  const { op, value } = operation;
  const steps = stepsOf(operation['path']);
  const whole = steps.length === 0;
  switch (op) {
    case 'test': {
      const found: unknown = whole ? document : read(...containerOf(document, steps));
      if (!equal(found ?? null, value ?? null)) throw impossible();
      return document;
    }
    case 'replace':
      if (whole) {
        if (!isObject(value)) throw impossible();
        return value;
      }
      break;
    case 'add':
    case 'remove':
    case 'copy':
    case 'move':
      break;
    default:
      throw impossible();
  }
  let moved: unknown = value ?? null;
  if (op === 'copy' || op === 'move') {
    const from = containerOf(document, stepsOf(operation['from']));
    moved = structuredClone(read(...from) ?? null);
    if (op === 'move') remove(...from);
  }
  const [c, step] = containerOf(document, steps);
  if (op === 'remove') remove(c, step);
  else if (op !== 'replace') add(c, step, moved);
  // In an object it is enough that its place is there, as in the library that Kubernetes uses.
  else if (Array.isArray(c)) c[indexOf(step, c.length)] = moved;
  else set(c, step, moved);
  return document;
}

/** RFC 6902; an operation that cannot be done is a 422, a patch that is none a 400. */
export function applyJsonPatch(original: JsonObject, patch: unknown): JsonObject {
  if (!Array.isArray(patch) || !patch.every(isObject)) throw badRequest('error decoding patch: a JSON patch is a list of operations');
  for (const o of patch)
    for (const key of ['op', 'path', 'from'])
      if (o[key] !== undefined && typeof o[key] !== 'string') throw badRequest(`error decoding patch: ${key} of an operation must be text`);
  if (patch.length > MOST)
    throw new ApiError(413, 'RequestEntityTooLarge', `The allowed maximum operations in a JSON patch is ${MOST}, got ${patch.length}`);
  return patch.reduce<JsonObject>((document, o) => apply(document, structuredClone(o)), structuredClone(original));
}

/** Fields of operations that no operation has. */
export const unknownInJsonPatch = (patch: unknown): string[] =>
  (Array.isArray(patch) ? patch : []).flatMap((o: unknown, i) =>
    Object.keys(isObject(o) ? o : {})
      .filter((key) => !['op', 'path', 'from', 'value'].includes(key))
      .map((key) => `json patch unknown field "[${i}].${key}"`),
  );
