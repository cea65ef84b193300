import { parse, type Environment } from '@marcbachmann/cel-js';
import { same } from './lists.ts';
import { isObject, type JsonObject, type Schema } from '../schema/schema.ts';

/** How values of a schema look to CEL: the name of their type, and the values themselves. */
export interface CelType {
  name: string;
  /** The CEL value of a JSON value that fits the schema; undefined for null, which CEL takes for absent. */
  value: (json: unknown) => unknown;
}

const RESERVED = new Set(
  'true false null in as break const continue else for function if import let loop package namespace return'.split(' '),
);

/** A property's name as CEL has it; undefined if CEL cannot reach it. */
export function escaped(name: string): string | undefined {
  if (RESERVED.has(name)) return `__${name}__`;
  const out = name.replaceAll('__', '__underscores__').replaceAll('.', '__dot__').replaceAll('-', '__dash__').replaceAll('/', '__slash__');
  return /^[A-Za-z_][A-Za-z0-9_]*$/.test(out) ? out : undefined;
}

const dynamic = (json: unknown): unknown => {
  if (json === null) return undefined;
  if (typeof json === 'number') return Number.isInteger(json) ? BigInt(json) : json;
  if (Array.isArray(json)) return json.map(dynamic);
  if (isObject(json)) return new Map(Object.entries(json).map(([k, v]) => [k, dynamic(v)]));
  return json;
};

const duration = parse('duration(d)');

const FORMATS: Record<string, CelType> = {
  byte: { name: 'bytes', value: (v) => new Uint8Array(Buffer.from(String(v), 'base64')) },
  'date-time': { name: 'google.protobuf.Timestamp', value: (v) => new Date(String(v)) },
  date: { name: 'google.protobuf.Timestamp', value: (v) => new Date(String(v)) },
  duration: { name: 'google.protobuf.Duration', value: (v) => duration({ d: String(v) }) },
};

const STRING: Schema = { type: 'string' };
const META: Schema = { type: 'object', properties: { name: STRING, generateName: STRING } };

/**
 * The CEL types of a schema, registered with an environment; undefined for what CEL does not see
 * (values of unknown shape). `whole` is a whole object: it has apiVersion, kind, and the names in its metadata.
 */
export function celTypes(env: Environment): (schema: Schema, whole?: boolean) => CelType | undefined {
  const known = new Map<Schema, CelType | undefined>();
  let count = 0;

  const object = (schema: Schema, whole: boolean): CelType => {
    const properties: Record<string, Schema> = {
      ...schema.properties,
      ...(whole || schema.embeddedResource ? { apiVersion: STRING, kind: STRING, metadata: META } : {}),
    };
    const fields: { from: string; to: string; type: CelType }[] = [];
    for (const [from, below] of Object.entries(properties)) {
      const to = escaped(from);
      const type = to === undefined ? undefined : typeOf(below);
      if (type) fields.push({ from, to: to!, type });
    }
    const name = `Object${(count += 1)}`;
    // A class per type, so that the library knows the type of each value.
    const Class = {
      [name]: class {
        [key: string]: unknown;
      },
    }[name]!;
    env.registerType(name, { ctor: Class, fields: Object.fromEntries(fields.map((f) => [f.to, f.type.name])) } as never);
    env.registerOperator(`${name} == ${name}`, same);
    return {
      name,
      value: (json) => {
        if (!isObject(json)) return undefined;
        const out = new Class() as JsonObject;
        for (const f of fields) {
          const v = Object.hasOwn(json, f.from) ? f.type.value(json[f.from]) : undefined;
          if (v !== undefined) out[f.to] = v;
        }
        return out;
      },
    };
  };

  const make = (schema: Schema, whole: boolean): CelType | undefined => {
    if (schema.intOrString) return { name: 'dyn', value: dynamic };
    switch (schema.type) {
      case 'object': {
        const items = schema.additionalProperties && !schema.properties ? typeOf(schema.additionalProperties) : undefined;
        if (!schema.additionalProperties || schema.properties) return object(schema, whole);
        if (!items) return undefined;
        return {
          name: `map<string, ${items.name}>`,
          value: (v) => {
            const out = new Map<string, unknown>();
            for (const [k, below] of Object.entries(isObject(v) ? v : {})) {
              const item = items.value(below);
              if (item !== undefined) out.set(k, item);
            }
            return out;
          },
        };
      }
      case 'array': {
        const items = schema.items && typeOf(schema.items);
        return items && { name: `list<${items.name}>`, value: (v) => (Array.isArray(v) ? v.map((x) => items.value(x) ?? null) : []) };
      }
      case 'string':
        return schema.format !== undefined && Object.hasOwn(FORMATS, schema.format)
          ? FORMATS[schema.format]!
          : { name: 'string', value: (v) => v };
      case 'boolean':
        return { name: 'bool', value: (v) => v };
      case 'integer':
        return { name: 'int', value: (v) => BigInt(v as number) };
      case 'number':
        return { name: 'double', value: (v) => Number(v) };
      default:
        return undefined;
    }
  };

  const typeOf = (schema: Schema, whole = false): CelType | undefined => {
    if (!known.has(schema)) {
      const made = make(schema, whole);
      known.set(schema, made && { name: made.name, value: (v) => (v === null || v === undefined ? undefined : made.value(v)) });
    }
    return known.get(schema);
  };
  return typeOf;
}
