import { badRequest } from '../http/errors.ts';
import { resolve } from '../kinds/facts.ts';
import { isObject, type Schema } from './schema.ts';

const goType: Record<string, string> = {
  string: 'string',
  integer: 'int32',
  number: 'float64',
  boolean: 'bool',
  array: 'slice',
  object: 'map',
};

function jsonType(value: unknown): string {
  if (Array.isArray(value)) return 'array';
  if (value === null) return 'null';
  return typeof value === 'boolean' ? 'bool' : typeof value;
}

/**
 * Reads an object of a built-in type as Go's JSON decoder does: unknown fields go (their paths are collected in `unknown`),
 * nulls and empty lists and maps (unless `keepEmpty`) are as if absent, a wrong type is a 400.
 */
export function decode(schema: Schema, value: unknown, kind: string, version: string, unknown: string[], keepEmpty = false): any {
  const walk = (declared: Schema, v: unknown, path: string, required: boolean): unknown => {
    const s = resolve(declared);
    const mismatch = (type: string): never => {
      throw badRequest(
        `${kind} in version "${version}" cannot be handled as a ${kind}: json: cannot unmarshal ${jsonType(v)} into Go struct field ${
          kind
        }.${path.replace(/\[\d+\]/g, '')} of type ${type}`,
      );
    };
    if (v === null || v === undefined) return undefined;
    if (s.intOrString) {
      if (typeof v !== 'string' && typeof v !== 'number') mismatch(s.format === 'quantity' ? 'resource.Quantity' : 'intstr.IntOrString');
      if (s.format === 'quantity') return quantity(v as string | number) ?? badQuantity(kind, version);
      return v;
    }
    if (s.preserveUnknown && !s.properties) {
      if (s.type === 'object' && !isObject(v)) mismatch('map[string]interface {}');
      return v;
    }
    switch (s.type) {
      case 'string':
        if (typeof v !== 'string') mismatch('string');
        else if (s.format === 'date-time') return time(v, kind, version);
        else if (s.format === 'byte' && !isBase64(v))
          throw badRequest(
            `${kind} in version "${version}" cannot be handled as a ${kind}: illegal base64 data at input byte ${v.search(/[^A-Za-z0-9+/\r\n]|$/)}`,
          );
        return v;
      case 'boolean':
        if (typeof v !== 'boolean') mismatch('bool');
        return v;
      case 'integer':
        if (typeof v !== 'number' || !Number.isInteger(v) || (s.format !== 'int64' && Math.abs(v) > 2 ** 31)) mismatch(s.format ?? 'int32');
        return v;
      case 'number':
        if (typeof v !== 'number') mismatch('float64');
        return v;
      case 'array': {
        if (!Array.isArray(v)) return mismatch(`[]${goType[resolve(s.items ?? {}).type ?? 'object']}`);
        if (v.length === 0 && !required && !keepEmpty) return undefined;
        return v.map((item, i) => walk(s.items ?? {}, item, `${path}[${i}]`, true) ?? zero(s.items ?? {}));
      }
      case 'object': {
        if (!isObject(v)) return mismatch('map[string]interface {}');
        if (s.additionalProperties) {
          const keys = Object.keys(v);
          if (keys.length === 0 && !required && !keepEmpty) return undefined;
          const out: Record<string, unknown> = {};
          for (const key of keys) set(out, key, walk(s.additionalProperties, v[key], path, true) ?? zero(s.additionalProperties));
          return out;
        }
        const out: Record<string, unknown> = {};
        for (const key of Object.keys(v)) {
          const at = path ? `${path}.${key}` : key;
          const property = s.properties && Object.hasOwn(s.properties, key) ? s.properties[key]! : undefined;
          if (!property) {
            unknown.push(at);
            continue;
          }
          const got = walk(property, v[key], at, s.required?.includes(key) ?? false);
          if (got !== undefined) set(out, key, got);
        }
        return out;
      }
      default:
        return v;
    }
  };
  return walk(schema, value, '', true) ?? {};
}

/** Assigns also where the key is `__proto__`. */
export function set(target: Record<string, unknown>, key: string, value: unknown): void {
  if (key === '__proto__') Object.defineProperty(target, key, { value, enumerable: true, configurable: true, writable: true });
  else target[key] = value;
}

function zero(declared: Schema): unknown {
  const s = resolve(declared);
  return s.type === 'string' || s.intOrString ? '' : s.type === 'boolean' ? false : s.type === 'array' ? [] : s.type === 'object' ? {} : 0;
}

function time(text: string, kind: string, version: string): string {
  if (/^\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)$/.test(text) && !Number.isNaN(Date.parse(text))) return text;
  throw badRequest(
    `${kind} in version "${version}" cannot be handled as a ${kind}: parsing time ${JSON.stringify(text)} as "2006-01-02T15:04:05Z07:00": cannot parse`,
  );
}

/** A quantity as text, or undefined where it is none (k8s.io/apimachinery/pkg/api/resource). */
export function quantity(value: string | number): string | undefined {
  const text = String(value);
  return /^[+-]?(\d+(\.\d*)?|\.\d+)(Ki|Mi|Gi|Ti|Pi|Ei|n|u|m|k|M|G|T|P|E|[eE][+-]?\d+)?$/.test(text) ? text : undefined;
}

function badQuantity(kind: string, version: string): never {
  throw badRequest(
    `${kind} in version "${version}" cannot be handled as a ${kind}: quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'`,
  );
}

/** As Go's standard encoding takes it: padded, new lines left out. */
function isBase64(text: string): boolean {
  const plain = text.replace(/[\r\n]/g, '');
  return plain.length % 4 === 0 && /^[A-Za-z0-9+/]*={0,2}$/.test(plain);
}
