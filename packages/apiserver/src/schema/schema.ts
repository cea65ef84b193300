/** A schema node, one model for built-in types and custom resources: what validation, pruning, merging and field ownership read. */
export interface Schema {
  /** Name of a built-in type; resolved through the registry's type table. */
  ref?: string;
  type?: string;
  format?: string;
  required?: string[];
  enum?: unknown[];
  properties?: Record<string, Schema>;
  items?: Schema;
  additionalProperties?: Schema;
  /** `atomic`, `set` or `map`. */
  listType?: string;
  listMapKeys?: string[];
  /** `atomic` or `granular`. */
  mapType?: string;
  mergeKey?: string;
  /** `merge`, `replace`, `retainKeys`, comma separated. */
  mergeStrategy?: string;
  nullable?: boolean;
  default?: unknown;
  preserveUnknown?: boolean;
  embeddedResource?: boolean;
  intOrString?: boolean;
  minimum?: number;
  maximum?: number;
  exclusiveMinimum?: boolean;
  exclusiveMaximum?: boolean;
  multipleOf?: number;
  minLength?: number;
  maxLength?: number;
  pattern?: string;
  minItems?: number;
  maxItems?: number;
  minProperties?: number;
  maxProperties?: number;
  allOf?: Schema[];
  anyOf?: Schema[];
  oneOf?: Schema[];
  not?: Schema;
  validations?: Rule[];
}

/** One of x-kubernetes-validations. */
export interface Rule {
  rule: string;
  message?: string;
  messageExpression?: string;
  reason?: string;
  fieldPath?: string;
  optionalOldSelf?: boolean;
}

export type Json = null | boolean | number | string | Json[] | { [key: string]: Json };
export type JsonObject = { [key: string]: any };

export const isObject = (value: unknown): value is JsonObject => typeof value === 'object' && value !== null && !Array.isArray(value);

/** Deep equality of JSON values; absent and undefined are the same. */
export function equal(a: unknown, b: unknown): boolean {
  if (a === b) return true;
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null || Array.isArray(a) !== Array.isArray(b)) return false;
  if (Array.isArray(a)) return a.length === (b as unknown[]).length && a.every((v, i) => equal(v, (b as unknown[])[i]));
  const x = a as JsonObject;
  const y = b as JsonObject;
  for (const k of Object.keys(x)) if (!equal(x[k], y[k])) return false;
  for (const k of Object.keys(y)) if (y[k] !== undefined && x[k] === undefined) return false;
  return true;
}

const ruled = new WeakMap<Schema, boolean>();
/** Whether there are x-kubernetes-validations anywhere in it. */
export function hasRules(s: Schema): boolean {
  let found = ruled.get(s);
  if (found === undefined) {
    found =
      Boolean(s.validations?.length) ||
      Object.values(s.properties ?? {}).some(hasRules) ||
      Boolean(s.items && hasRules(s.items)) ||
      Boolean(s.additionalProperties && hasRules(s.additionalProperties));
    ruled.set(s, found);
  }
  return found;
}
