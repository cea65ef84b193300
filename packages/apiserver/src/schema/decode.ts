import { badRequest } from '../http/errors.ts';
import { resolve } from '../kinds/facts.ts';
import { goFields } from './go-fields.ts';
import { namedType } from './go-names.ts';
import { quantity, time, timeProblem } from './go-values.ts';
import { isObject, type Schema } from './schema.ts';

const SCALARS: Record<string, string> = { number: 'float64', boolean: 'bool' };

/** Go structs within structs: their names stand in the path of their fields. */
const EMBEDDED: [structs: RegExp, fields: RegExp, inner: string][] = [
  [/^NamedRuleWithOperations$/, /^operations$/, 'RuleWithOperations'],
  [/^NamedRuleWithOperations$/, /^(?!(operations|resourceNames)$)/, 'RuleWithOperations.Rule'],
  [/^RuleWithOperations$/, /^(?!operations$)/, 'Rule'],
  [/^Probe$/, /^(exec|grpc|httpGet|tcpSocket)$/, 'ProbeHandler'],
  [/^Volume$/, /^(?!name$)/, 'VolumeSource'],
  [/^EphemeralContainer$/, /^(?!targetContainerName$)/, 'EphemeralContainerCommon'],
  [/^(ConfigMap|Secret)(KeySelector|EnvSource|Projection)$|^ConfigMapVolumeSource$/, /^name$/, 'LocalObjectReference'],
  [
    /^PersistentVolumeSpec$/,
    /^(?!(accessModes|capacity|claimRef|mountOptions|nodeAffinity|persistentVolumeReclaimPolicy|storageClassName|volume.*)$)/,
    'PersistentVolumeSource',
  ],
];

/** A field's place in a struct, as Go tells of it. */
function placeOf(struct: string, field: string): string {
  const inner = EMBEDDED.find(([structs, fields]) => structs.test(struct) && fields.test(field))?.[2];
  return inner ? `${inner}.${field}` : field;
}

/** The name of a Go type, without its package's path. */
const bare = (ref: string): string => ref.slice(ref.lastIndexOf('.') + 1);

/** A type as Go's errors call it; `named` names texts and maps. */
function goType(declared: Schema, named: (type: 'string' | 'map') => string | undefined): string {
  const s = resolve(declared);
  if (s.format === 'date-time') return 'v1.Time';
  if (s.format === 'byte') return '[]uint8';
  if (s.type === 'array') return `[]${goType(s.items ?? {}, named)}`;
  if (s.type === 'integer') return s.format ?? 'int32';
  if (s.type === 'string') return named('string') ?? 'string';
  if (s.type !== 'object') return SCALARS[s.type ?? ''] ?? 'interface {}';
  if (s.additionalProperties) return named('map') ?? `map[string]${goType(s.additionalProperties, () => undefined)}`;
  return declared.ref ? declared.ref.split('.').slice(-2).join('.') : 'map[string]interface {}';
}

function jsonType(value: unknown): string {
  if (Array.isArray(value)) return 'array';
  if (value === null) return 'null';
  return typeof value === 'boolean' ? 'bool' : typeof value;
}

/**
 * Reads an object of a built-in type as Go's JSON decoder does: unknown fields go (their paths are collected in `unknown`),
 * nulls are as if absent, a wrong type is a 400. Unless it is to be `asWritten`, it comes out as Go writes it: what is empty
 * or zero is left out or written as the type says.
 */
export function decode(schema: Schema, value: unknown, kind: string, version: string, unknown: string[], asWritten = false): any {
  // The structs on the way to a value and their fields' names, as Go tells of them.
  const within: { struct: string; field: string }[] = [];
  const walk = (declared: Schema, v: unknown, path: string): unknown => {
    const s = resolve(declared);
    const mismatch = (type: string): never => {
      const found = typeof v === 'number' && /^u?int|^float/.test(type) ? `number ${v}` : jsonType(v);
      const field = within.map((w) => placeOf(w.struct, w.field)).join('.');
      throw badRequest(
        `${kind} in version "${version}" cannot be handled as a ${kind}: json: cannot unmarshal ${found} into Go struct field ${
          within.at(-1)?.struct ?? kind
        }.${field} of type ${type}`,
      );
    };
    const named = (type: 'string' | 'map'): string | undefined => {
      const place = within.at(-1);
      return place && namedType(place.struct, place.field, version, type);
    };
    if (v === null || v === undefined) return undefined;
    if (s.intOrString) {
      if (typeof v !== 'string' && typeof v !== 'number') mismatch(s.format === 'quantity' ? 'resource.Quantity' : 'intstr.IntOrString');
      if (s.format === 'quantity') {
        const text = quantity(v as string | number) ?? badQuantity(kind, version);
        return asWritten ? v : text;
      }
      return v;
    }
    if (s.preserveUnknown && !s.properties) {
      if (s.type === 'object' && !isObject(v)) mismatch('map[string]interface {}');
      return v;
    }
    switch (s.type) {
      case 'string':
        if (typeof v !== 'string') mismatch(s.format === 'byte' ? '[]uint8' : ((s.format ? undefined : named('string')) ?? 'string'));
        else if (s.format === 'date-time') {
          const text = time(v, declared.ref === 'meta.v1.MicroTime') ?? badTime(v, kind, version, declared.ref === 'meta.v1.MicroTime');
          return asWritten ? v : text;
        } else if (s.format === 'byte' && !isBase64(v))
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
        if (!Array.isArray(v)) return mismatch(goType(declared, named));
        if (v.length === 0 && !asWritten) return undefined;
        return v.map((item, i) => walkOrZero(s.items ?? {}, item, `${path}[${i}]`));
      }
      case 'object': {
        if (!isObject(v)) return mismatch(goType(declared, named));
        if (s.additionalProperties) {
          const keys = Object.keys(v);
          if (keys.length === 0 && !asWritten) return undefined;
          const out: Record<string, unknown> = {};
          for (const key of keys) set(out, key, walkOrZero(s.additionalProperties, v[key], path));
          return out;
        }
        const out: Record<string, unknown> = {};
        const { omitted, written } = goFields(declared.ref);
        const struct = declared.ref ? bare(declared.ref) : kind;
        for (const key of Object.keys(v)) {
          const at = path ? `${path}.${key}` : key;
          const property = s.properties && Object.hasOwn(s.properties, key) ? s.properties[key]! : undefined;
          if (!property) {
            unknown.push(at);
            continue;
          }
          within.push({ struct, field: key });
          const got = walk(property, v[key], at);
          within.pop();
          if (got !== undefined && (asWritten || got || !omitted.has(key))) set(out, key, got);
        }
        if (!asWritten) for (const [key, zero] of written) if (out[key] === undefined) out[key] = zero();
        return out;
      }
      default:
        return v;
    }
  };
  // A null in a list or map is the type's zero value, with the fields that are always written.
  const walkOrZero = (s: Schema, v: unknown, path: string): unknown => walk(s, v, path) ?? walk(s, zero(s), path) ?? zero(s);
  return walk(schema, value, '') ?? {};
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

function badTime(text: string, kind: string, version: string, micro: boolean): never {
  throw badRequest(`${kind} in version "${version}" cannot be handled as a ${kind}: ${timeProblem(text, micro)}`);
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
