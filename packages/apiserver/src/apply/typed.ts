import { resolve } from '../kinds/facts.ts';
import { equal, isObject, type JsonObject, type Schema } from '../schema/schema.ts';
import { set } from '../schema/decode.ts';
import { FieldSet } from './field-set.ts';

/** How a value is owned and merged: as a whole, by its keys, or by its items' keys or values. */
type Shape = 'leaf' | 'map' | 'keyed' | 'set';

function shapeOf(schema: Schema, value: unknown): Shape {
  if (Array.isArray(value)) return schema.listType === 'map' ? 'keyed' : schema.listType === 'set' ? 'set' : 'leaf';
  return isObject(value) && schema.mapType !== 'atomic' ? 'map' : 'leaf';
}

const below = (schema: Schema, key: string): Schema =>
  resolve((schema.properties && Object.hasOwn(schema.properties, key) ? schema.properties[key] : schema.additionalProperties) ?? {});

/** What a list item has under one of the list's keys, or its default. */
function keyOf(schema: Schema, item: unknown, key: string): unknown {
  const items = resolve(schema.items ?? {});
  const value: unknown = (item as JsonObject)?.[key] ?? items.properties?.[key]?.default;
  if (value !== undefined || schema.items?.properties) return value;
  // The facts hold no defaults: of built-in lists' keys, protocol has one, and those that every item has are zero.
  if (key === 'protocol') return 'TCP';
  if (schema.items?.ref === 'core.v1.LocalObjectReference') return '';
  return items.required?.includes(key) ? (items.properties?.[key]?.type === 'integer' ? 0 : '') : undefined;
}

/** The first key of a list where one of its items neither has nor gets by default any of them. */
export const missingKey = (schema: Schema, item: unknown): string | undefined =>
  schema.listMapKeys?.every((key) => keyOf(schema, item, key) === undefined) ? schema.listMapKeys[0] : undefined;

/** The path element of a list item; a key that the item leaves out has its default. */
export function elementOf(schema: Schema, item: unknown): string {
  if (schema.listType === 'set') return `v:${JSON.stringify(item)}`;
  const keys: JsonObject = {};
  for (const key of [...(schema.listMapKeys ?? [])].sort()) {
    const value = keyOf(schema, item, key);
    if (value !== undefined) keys[key] = value;
  }
  return `k:${JSON.stringify(keys)}`;
}

/** Whether each item of each list in a value has the keys of its list, so that fields in it can be told apart. */
export function identified(declared: Schema, value: unknown): boolean {
  const schema = resolve(declared);
  if (Array.isArray(value)) {
    if (schema.listType === 'map' && value.some((item) => missingKey(schema, item) !== undefined)) return false;
    return !schema.items || typeof value[0] !== 'object' || value.every((item) => identified(schema.items!, item));
  }
  if (!isObject(value)) return true;
  for (const key in value) {
    const v: unknown = value[key];
    if (typeof v === 'object' && v !== null && !identified(below(schema, key), v)) return false;
  }
  return true;
}

const indexed = (schema: Schema, list: readonly unknown[]): Map<string, unknown> =>
  new Map(list.map((item) => [elementOf(schema, item), item]));

/** The fields that a configuration sets. A list that is merged by its items is none without them; an empty map is one. */
export function fieldsOf(declared: Schema, value: unknown, into = new FieldSet()): FieldSet {
  const schema = resolve(declared);
  const shape = shapeOf(schema, value);
  if (shape === 'map' && Object.keys(value as object).length) {
    for (const [key, v] of Object.entries(value as JsonObject)) {
      const child = fieldsOf(below(schema, key), v);
      if (!child.empty) into.children.set(`f:${key}`, child);
    }
  } else if (shape === 'keyed' || shape === 'set') {
    for (const item of value as unknown[]) {
      const child = into.at(elementOf(schema, item));
      child.member = true;
      if (shape === 'keyed') fieldsOf(schema.items ?? {}, item, child);
    }
  } else {
    into.member = true;
  }
  return into;
}

export interface Comparison {
  changed: FieldSet;
  removed: FieldSet;
}

function everything(declared: Schema, value: unknown, into: FieldSet): void {
  const schema = resolve(declared);
  const shape = shapeOf(schema, value);
  into.member = true;
  if (shape === 'map') for (const [key, v] of Object.entries(value as JsonObject)) everything(below(schema, key), v, into.at(`f:${key}`));
  if (shape === 'keyed' || shape === 'set') {
    const elements = (value as unknown[]).map((item) => elementOf(schema, item));
    for (const [i, item] of (value as unknown[]).entries()) {
      const child = into.at(elements[i]!);
      // Of twins nobody can tell the fields apart.
      if (elements.indexOf(elements[i]!) === elements.lastIndexOf(elements[i]!)) everything(schema.items ?? {}, item, child);
      else child.member = true;
    }
  }
}

/** What differs between two states of an object. */
export function compare(schema: Schema, before: unknown, after: unknown): Comparison {
  const changed = new FieldSet();
  const removed = new FieldSet();
  const walk = (declared: Schema, a: unknown, b: unknown, c: FieldSet, r: FieldSet): void => {
    if (equal(a, b)) return;
    const s = resolve(declared);
    const shape = shapeOf(s, b);
    if (a === undefined || a === null) {
      everything(s, b, c);
      // A list or map that is always written is there before it has anything.
      if (a === null && shape !== 'leaf') c.member = false;
      return;
    }
    if (b === undefined || b === null) return everything(s, a, r);
    if (shape === 'leaf' || shape !== shapeOf(s, a)) {
      c.member = true;
      return;
    }
    const pairs =
      shape === 'map'
        ? ([
            new Map(Object.entries(a as JsonObject).map(([k, v]) => [`f:${k}`, v])),
            new Map(Object.entries(b as JsonObject).map(([k, v]) => [`f:${k}`, v])),
          ] as const)
        : ([indexed(s, a as unknown[]), indexed(s, b as unknown[])] as const);
    for (const key of new Set([...pairs[0].keys(), ...pairs[1].keys()])) {
      const cc = new FieldSet();
      const rr = new FieldSet();
      walk(shape === 'map' ? below(s, key.slice(2)) : (s.items ?? {}), pairs[0].get(key), pairs[1].get(key), cc, rr);
      if (!cc.empty) c.children.set(key, cc);
      if (!rr.empty) r.children.set(key, rr);
    }
  };
  walk(schema, before, after, changed, removed);
  return { changed, removed };
}

/** The live object with a configuration laid over it: what the configuration sets wins, lists with keys are merged by them. */
export function merge(declared: Schema, live: unknown, config: unknown): unknown {
  const schema = resolve(declared);
  const shape = shapeOf(schema, config);
  if (live === undefined || shape === 'leaf' || shape !== shapeOf(schema, live)) return config;
  if (shape === 'map') {
    const out: JsonObject = { ...(live as JsonObject) };
    for (const [key, value] of Object.entries(config as JsonObject))
      set(out, key, merge(below(schema, key), Object.hasOwn(out, key) ? out[key] : undefined, value));
    return out;
  }
  const left = indexed(schema, live as unknown[]);
  const right = indexed(schema, config as unknown[]);
  const out: unknown[] = [];
  const rest = [...right.keys()];
  // Items of both come in the configuration's order; the live object's own items keep their place among them.
  for (const [key, item] of left) {
    if (!right.has(key)) {
      out.push(item);
      continue;
    }
    const next = rest.shift();
    if (next !== undefined)
      out.push(left.has(next) && shape === 'keyed' ? merge(schema.items ?? {}, left.get(next), right.get(next)) : right.get(next));
  }
  for (const key of rest)
    out.push(left.has(key) && shape === 'keyed' ? merge(schema.items ?? {}, left.get(key), right.get(key)) : right.get(key));
  return out;
}

const NONE = new FieldSet();

/** Takes away what `dropped` names; a map or list that becomes empty by that goes too, unless it is `owned` itself. */
export function remove(declared: Schema, value: unknown, dropped: FieldSet, owned: FieldSet): unknown {
  const schema = resolve(declared);
  const shape = shapeOf(schema, value);
  if (shape === 'map') {
    const out: JsonObject = {};
    for (const [key, v] of Object.entries(value as JsonObject)) {
      const element = `f:${key}`;
      const child = dropped.children.get(element);
      if (child?.member) continue;
      const kept = child ? remove(below(schema, key), v, child, owned.children.get(element) ?? NONE) : v;
      if (kept !== undefined) set(out, key, kept);
    }
    return Object.keys(out).length || owned.member ? out : undefined;
  }
  if (shape === 'keyed' || shape === 'set') {
    const out: unknown[] = [];
    for (const item of value as unknown[]) {
      const element = elementOf(schema, item);
      const child = dropped.children.get(element);
      if (child?.member) continue;
      const kept = child ? remove(schema.items ?? {}, item, child, owned.children.get(element) ?? NONE) : item;
      if (kept !== undefined) out.push(kept);
    }
    return out.length || owned.member ? out : undefined;
  }
  return value;
}
