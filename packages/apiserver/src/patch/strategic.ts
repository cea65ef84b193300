import { ApiError, badRequest } from '../http/errors.ts';
import { resolve } from '../kinds/facts.ts';
import { equal, isObject, type JsonObject, type Schema } from '../schema/schema.ts';
import { set } from '../schema/decode.ts';

const ORDER = '$setElementOrder/';
const DELETE_PRIMITIVES = '$deleteFromPrimitiveList/';

/** What Kubernetes does not expect in a patch, and answers without a reason. */
const unexpected = (why: string): ApiError => new ApiError(500, '', why);

const property = (schema: Schema, key: string): Schema =>
  resolve((schema.properties && Object.hasOwn(schema.properties, key) ? schema.properties[key] : schema.additionalProperties) ?? {});

/** Kubernetes' strategic merge patch: lists with a merge key are merged by it; `$patch`, `$retainKeys`, `$setElementOrder` and `$deleteFromPrimitiveList` direct it. */
export function strategicMerge(declared: Schema, original: JsonObject, patch: JsonObject): JsonObject {
  const schema = resolve(declared);
  if (patch['$patch'] === 'replace') return withoutDirectives(patch) as JsonObject;
  if (patch['$patch'] === 'delete') return {};
  if (patch['$patch'] !== undefined && patch['$patch'] !== 'merge')
    throw unexpected(`unknown patch type ${JSON.stringify(patch['$patch'])}: allowed are replace, merge, delete`);
  const out: JsonObject = { ...original };
  const retain: unknown = patch['$retainKeys'];
  if (retain !== undefined) {
    if (!Array.isArray(retain)) throw badRequest('$retainKeys must be a list of field names');
    const more = Object.keys(patch).find((key) => patch[key] !== null && !key.startsWith('$') && !retain.includes(key));
    if (more) throw badRequest(`invalid patch format of retainKeys: ${more} is not among them`);
    for (const key of Object.keys(out)) if (!retain.includes(key)) delete out[key];
  }
  const orders = new Map<string, unknown[]>();
  for (const [key, value] of Object.entries(patch)) {
    if (key === '$patch' || key === '$retainKeys') continue;
    if (key.startsWith(ORDER)) {
      if (!Array.isArray(value)) throw badRequest(`${key} must be a list`);
      orders.set(key.slice(ORDER.length), value);
    } else if (key.startsWith(DELETE_PRIMITIVES)) {
      const name = key.slice(DELETE_PRIMITIVES.length);
      if (!Array.isArray(value)) throw badRequest(`${key} must be a list`);
      if (Array.isArray(out[name])) out[name] = (out[name] as unknown[]).filter((v) => !value.some((d) => equal(d, v)));
    } else if (value === null) {
      delete out[key];
    } else {
      const s = property(schema, key);
      const before: unknown = Object.hasOwn(out, key) ? out[key] : undefined;
      if (isObject(value)) set(out, key, strategicMerge(s, isObject(before) ? before : {}, value));
      else if (Array.isArray(value) && s.mergeStrategy?.includes('merge'))
        set(out, key, mergeList(s, Array.isArray(before) ? before : [], value, patch[ORDER + key]));
      else set(out, key, withoutDirectives(value));
      if (isObject(value) && value['$patch'] === 'delete') delete out[key];
    }
  }
  for (const [name, order] of orders) {
    const s = property(schema, name);
    if (Array.isArray(out[name])) out[name] = reorder(s, out[name], order);
  }
  return out;
}

function mergeList(schema: Schema, original: unknown[], patch: unknown[], order: unknown): unknown[] {
  const key = schema.mergeKey;
  // Those that the patch brings come first.
  if (!key)
    return order === undefined
      ? [...patch, ...original.filter((o) => !patch.some((v) => equal(o, v)))]
      : [...original, ...patch.filter((v) => !original.some((o) => equal(o, v)))];
  const directives = patch.filter((p) => isObject(p) && p['$patch'] === 'replace');
  if (directives.length) return patch.filter((p) => !directives.includes(p)).map(withoutDirectives);
  checkOrder(key, patch, order);
  let out = [...original];
  const added: unknown[] = [];
  for (const p of patch) {
    if (!isObject(p)) throw unexpected(`expected a map in a list that is merged by ${key}`);
    if (p[key] === undefined) throw unexpected(`map: ${JSON.stringify(p)} does not contain declared merge key: ${key}`);
    const is = (o: unknown): boolean => isObject(o) && equal(o[key], p[key]);
    if (p['$patch'] === 'delete') {
      out = out.filter((o) => !is(o));
      continue;
    }
    const at = out.findIndex(is);
    if (at >= 0) out[at] = strategicMerge(schema.items ?? {}, out[at] as JsonObject, p);
    else added.push(strategicMerge(schema.items ?? {}, {}, p));
  }
  // What the patch brings is put in the patch's order, before or after what it does not mention, as Kubernetes sorts.
  if (order === undefined) return sortByPatch(key, out, added, patch);
  return [...out, ...added];
}

/** The items of a patch have to be in the order that it asks for. */
function checkOrder(key: string, patch: unknown[], order: unknown): void {
  if (!Array.isArray(order) || !order.length) return;
  let from = 0;
  for (const p of patch) {
    if (!isObject(p) || p['$patch'] !== undefined) continue;
    const at = order.findIndex((o, i) => i >= from && isObject(o) && equal(o[key], p[key]));
    if (at < 0)
      throw unexpected(`The order in patch list:\n${JSON.stringify(patch)}\n doesn't match ${ORDER} list:\n${JSON.stringify(order)}\n`);
    from = at + 1;
  }
}

/**
 * Without an order directive the items of the patch keep the patch's order, and the others keep theirs; of two
 * heads, the one that stood first in the original list comes first, and new items come first of all.
 */
function sortByPatch(key: string, kept: unknown[], added: unknown[], patch: unknown[]): unknown[] {
  const mentioned = (o: unknown): number => patch.findIndex((p) => isObject(p) && isObject(o) && equal(p[key], o[key]));
  const mine = [...kept.filter((o) => mentioned(o) >= 0), ...added].sort((a, b) => mentioned(a) - mentioned(b));
  const others = kept.filter((o) => mentioned(o) < 0);
  const position = new Map(kept.map((o, i) => [o, i]));
  const out: unknown[] = [];
  let i = 0;
  let j = 0;
  while (i < mine.length || j < others.length) {
    if (j >= others.length) out.push(mine[i++]);
    else if (i >= mine.length) out.push(others[j++]);
    else if ((position.get(mine[i]) ?? -1) < position.get(others[j])!) out.push(mine[i++]);
    else out.push(others[j++]);
  }
  return out;
}

function reorder(schema: Schema, list: unknown[], order: unknown[]): unknown[] {
  const key = schema.mergeKey;
  const rank = (v: unknown): number => order.findIndex((o) => (key && isObject(o) && isObject(v) ? equal(o[key], v[key]) : equal(o, v)));
  const ranked = list.filter((v) => rank(v) >= 0).sort((a, b) => rank(a) - rank(b));
  const out: unknown[] = [];
  // Items that the order does not name stay behind the item that they followed.
  let next = 0;
  for (const v of list) {
    if (rank(v) < 0) out.push(v);
    else out.push(ranked[next++]);
  }
  return out;
}

function withoutDirectives(value: unknown): unknown {
  if (Array.isArray(value)) return value.filter((v) => !(isObject(v) && v['$patch'] === 'delete')).map(withoutDirectives);
  if (!isObject(value)) return value;
  const out: JsonObject = {};
  for (const [k, v] of Object.entries(value)) if (v !== null && !k.startsWith('$')) set(out, k, withoutDirectives(v));
  return out;
}
