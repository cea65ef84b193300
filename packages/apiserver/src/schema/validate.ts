import { loadedRules } from '../cel/load.ts';
import { field, type Cause } from '../http/errors.ts';
import type { Resource } from '../kinds/resource.ts';
import { equal, hasRules, isObject, type JsonObject, type Schema } from './schema.ts';
import { formatProblem } from './formats.ts';
import { goRegExp } from './go-regexp.ts';

const BLOCKING = new Set([
  'FieldValueRequired',
  'FieldValueTypeInvalid',
  'FieldValueNotSupported',
  'FieldValueTooLong',
  'FieldValueTooMany',
]);

const typeOf = (v: unknown): string =>
  v === null
    ? 'null'
    : Array.isArray(v)
      ? 'array'
      : typeof v === 'object'
        ? 'object'
        : typeof v === 'number'
          ? Number.isInteger(v)
            ? 'integer'
            : 'number'
          : typeof v;

const fits = (type: string, v: unknown): boolean => {
  const t = typeOf(v);
  return t === type || (type === 'number' && t === 'integer');
};

/**
 * What is wrong with a custom resource's value, worded as Kubernetes words it. Of an update only what it changed is checked
 * for the values' sake, so that a schema that got stricter does not stand in the way of other changes.
 */
export function validate(schema: Schema, object: JsonObject, resource?: Resource, old?: JsonObject): Cause[] {
  const { metadata: _m, ...value } = object;
  const { properties: { metadata: _s, ...properties } = {}, ...rest } = schema;
  const { apiVersion: _a, kind: _k, ...content } = value;
  const causes = check(
    {
      ...rest,
      properties,
      ...(rest.required ? { required: rest.required.filter((r) => r !== 'metadata' && r !== 'apiVersion' && r !== 'kind') } : {}),
    },
    content,
    '',
    old,
  );
  // Lists that had twins before may keep them.
  if (!old || !listProblems(schema, old, '').length) causes.push(...listProblems(schema, content, ''));
  const scale = resource?.custom?.scale;
  if (scale) {
    const found = (path: string): unknown =>
      path
        .split('.')
        .slice(1)
        .reduce<unknown>((v, k) => (isObject(v) ? v[k] : undefined), content);
    for (const path of [scale.spec, scale.status]) {
      const count = found(path);
      if (count === undefined) continue;
      if (!Number.isInteger(count))
        causes.push(field.invalid(path, 0, `${path} accessor error: ${String(count)} is of the type ${typeof count}, expected int64`));
      else if (Number(count) < 0) causes.push(field.invalid(path, count, 'should be a non-negative integer'));
      else if (Number(count) > 2 ** 31 - 1) causes.push(field.invalid(path, count, 'should be less than or equal to 2147483647'));
    }
    const selector = scale.selector && found(scale.selector);
    if (scale.selector && selector !== undefined && typeof selector !== 'string')
      causes.push(
        field.invalid(scale.selector, '', `${scale.selector} accessor error: it is of the type ${typeof selector}, expected string`),
      );
  }
  if (!hasRules(schema)) return causes;
  if (causes.some((c) => BLOCKING.has(c.reason))) {
    causes.push({
      reason: 'FieldValueInvalid',
      field: '<nil>',
      message:
        'Invalid value: null: some validation rules were not checked because the object was invalid; correct the existing errors to complete validation',
    });
    return causes;
  }
  return [...causes, ...loadedRules().ruleProblems(schema, object, old)];
}

/** Checks a value against a schema; `path` is that of the value, `old` what it was before an update. */
export function check(s: Schema, v: unknown, path: string, old?: unknown): Cause[] {
  const causes: Cause[] = [];
  if (v === null && (s.nullable || (s.type === undefined && !s.intOrString))) return causes;
  if (s.intOrString) {
    if (!['integer', 'string'].includes(typeOf(v)))
      causes.push(field.typeInvalid(path, typeOf(v), `${path} in body must be of type integer,string: ${JSON.stringify(typeOf(v))}`));
  } else if (s.type && !fits(s.type, v)) {
    // A number of the wrong kind is told by its format.
    const wide = typeof v === 'number' && s.type === 'integer' && s.format;
    const [found, wanted] = wide ? ['float64', s.format] : [typeOf(v), s.type];
    causes.push(field.typeInvalid(path, found, `${path} in body must be of type ${wanted}: ${JSON.stringify(found)}`));
    if (v === null) return causes;
  }
  if (old === undefined || !equal(v, old)) causes.push(...checkValue(s, v, path));
  if (Array.isArray(v) && s.items) {
    const keys = s.listType === 'map' && Array.isArray(old) ? s.listMapKeys : undefined;
    for (const [i, item] of v.entries()) {
      const before = keys && (old as unknown[]).find((o) => isObject(o) && isObject(item) && keys.every((k) => equal(o[k], item[k])));
      causes.push(...check(s.items, item, `${path}[${i}]`, before));
    }
  }
  if (isObject(v)) {
    const join = (key: string): string => (path ? `${path}.${key}` : key);
    for (const key of s.required ?? []) if (!Object.hasOwn(v, key) || v[key] === undefined) causes.push(field.required(join(key)));
    if (s.embeddedResource)
      for (const key of ['apiVersion', 'kind'])
        if (typeof v[key] !== 'string' || !v[key]) causes.push(field.required(join(key), 'must not be empty'));
    for (const key of Object.keys(v)) {
      const below = s.properties && Object.hasOwn(s.properties, key) ? s.properties[key] : s.additionalProperties;
      if (below && v[key] !== undefined)
        causes.push(...check(below, v[key], join(key), isObject(old) && Object.hasOwn(old, key) ? old[key] : undefined));
    }
  }
  for (const part of s.allOf ?? []) causes.push(...check(part, v, path));
  if (s.anyOf?.length && !s.anyOf.some((part) => check(part, v, path).length === 0))
    causes.push(junction(path, 'must validate at least one schema (anyOf)'), ...check(s.anyOf[0]!, v, path));
  if (s.oneOf?.length) {
    const fit = s.oneOf.filter((part) => check(part, v, path).length === 0).length;
    const one = 'must validate one and only one schema (oneOf).';
    if (fit === 0) causes.push(junction(path, `${one} Found none valid`), ...check(s.oneOf[0]!, v, path));
    if (fit > 1) causes.push(junction(path, `${one} Found ${fit} valid alternatives`));
  }
  if (s.not && check(s.not, v, path).length === 0) causes.push(junction(path, 'must not validate the schema (not)'));
  return causes;
}

/** What is not of one field is told of none. */
const nowhere = (detail: string): Cause => field.invalid('<nil>', '', detail);
const junction = (path: string, detail: string): Cause => nowhere(`${JSON.stringify(path)} ${detail}`);

/** What the value itself must be, apart from its type and from what is in it. */
function checkValue(s: Schema, v: unknown, path: string): Cause[] {
  const causes: Cause[] = [];
  if (s.enum && !s.enum.some((e) => equal(e, v))) causes.push(field.notSupported(path, v, s.enum));
  if (typeof v === 'string') {
    const length = [...v].length;
    if (s.maxLength !== undefined && length > s.maxLength) causes.push(field.tooLong(path, s.maxLength));
    else if (s.minLength !== undefined && length < s.minLength)
      causes.push(field.invalid(path, v, `${path} in body should be at least ${s.minLength} chars long`));
    else if (s.pattern !== undefined && goRegExp(s.pattern)?.test(v) === false)
      causes.push(field.invalid(path, v, `${path} in body should match '${s.pattern}'`));
    if (s.format && formatProblem(s.format, v))
      causes.push(field.typeInvalid(path, v, `${path} in body must be of type ${s.format}: ${JSON.stringify(v)}`));
  }
  if (typeof v === 'number') {
    if (s.minimum !== undefined && (s.exclusiveMinimum ? v <= s.minimum : v < s.minimum)) {
      causes.push(field.invalid(path, v, `${path} in body should be greater than ${s.exclusiveMinimum ? '' : 'or equal to '}${s.minimum}`));
    }
    if (s.maximum !== undefined && (s.exclusiveMaximum ? v >= s.maximum : v > s.maximum)) {
      causes.push(field.invalid(path, v, `${path} in body should be less than ${s.exclusiveMaximum ? '' : 'or equal to '}${s.maximum}`));
    }
    if (s.multipleOf !== undefined && !Number.isInteger(Number((v / s.multipleOf).toPrecision(12)))) {
      causes.push(field.invalid(path, v, `${path} in body should be a multiple of ${s.multipleOf}`));
    }
    if (s.type === 'integer' && (!Number.isInteger(v) || (s.format === 'int32' && Math.abs(v) > 2 ** 31)))
      causes.push(nowhere(`Checked value must be of type integer ${s.format ? `with format ${s.format}` : '(default format)'} in ${path}`));
  }
  if (Array.isArray(v)) {
    if (s.maxItems !== undefined && v.length > s.maxItems) causes.push(field.tooMany(path, v.length, s.maxItems));
    if (s.minItems !== undefined && v.length < s.minItems)
      causes.push(field.invalid(path, v.length, `${path} in body should have at least ${s.minItems} items`));
  }
  if (isObject(v)) {
    const count = Object.keys(v).length;
    if (s.maxProperties !== undefined && count > s.maxProperties) causes.push(field.tooMany(path, count, s.maxProperties));
    if (s.minProperties !== undefined && count < s.minProperties)
      causes.push(field.invalid(path, count, `${path} in body should have at least ${s.minProperties} properties`));
  }
  return causes;
}

/** Duplicates in lists that are sets or maps. */
function listProblems(s: Schema, v: unknown, path: string): Cause[] {
  const causes: Cause[] = [];
  if (Array.isArray(v)) {
    if (s.listType === 'set' || s.listType === 'map') {
      const seen = new Set<string>();
      for (const [i, item] of v.entries()) {
        const id: unknown =
          s.listType === 'set'
            ? item
            : Object.fromEntries(
                (s.listMapKeys ?? []).filter((k) => isObject(item) && item[k] !== undefined).map((k) => [k, (item as JsonObject)[k]]),
              );
        const text = JSON.stringify(id);
        if (seen.has(text)) causes.push(field.duplicate(`${path}[${i}]`, id));
        seen.add(text);
      }
    }
    if (s.items) for (const [i, item] of v.entries()) causes.push(...listProblems(s.items, item, `${path}[${i}]`));
  } else if (isObject(v)) {
    for (const [key, below] of Object.entries(v)) {
      const property = s.properties && Object.hasOwn(s.properties, key) ? s.properties[key] : s.additionalProperties;
      if (property) causes.push(...listProblems(property, below, path ? `${path}.${key}` : key));
    }
  }
  return causes;
}
