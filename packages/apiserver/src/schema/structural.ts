import { loadedRules } from '../cel/load.ts';
import { field, type Cause } from '../http/errors.ts';
import { goRegExp } from './go-regexp.ts';
import { equal, isObject, type JsonObject, type Schema } from './schema.ts';
import { check } from './validate.ts';
import { prune } from './prune.ts';

const RENAMED: Record<string, keyof Schema> = {
  'x-kubernetes-list-type': 'listType',
  'x-kubernetes-list-map-keys': 'listMapKeys',
  'x-kubernetes-map-type': 'mapType',
  'x-kubernetes-preserve-unknown-fields': 'preserveUnknown',
  'x-kubernetes-embedded-resource': 'embeddedResource',
  'x-kubernetes-int-or-string': 'intOrString',
  'x-kubernetes-validations': 'validations',
};
const COPIED = new Set([
  'type',
  'format',
  'required',
  'enum',
  'nullable',
  'default',
  'minimum',
  'maximum',
  'exclusiveMinimum',
  'exclusiveMaximum',
  'multipleOf',
  'minLength',
  'maxLength',
  'pattern',
  'minItems',
  'maxItems',
  'minProperties',
  'maxProperties',
]);

/** A definition's openAPIV3Schema as our schema model. */
export function toSchema(source: JsonObject): Schema {
  const out: Record<string, unknown> = {};
  for (const [key, value] of Object.entries(source)) {
    if (RENAMED[key]) out[RENAMED[key]] = value;
    else if (COPIED.has(key)) out[key] = value;
    else if (key === 'properties' && isObject(value))
      out[key] = Object.fromEntries(Object.entries(value).map(([k, v]) => [k, toSchema(v)]));
    else if (key === 'items' && isObject(value)) out[key] = toSchema(value);
    else if (key === 'not' && isObject(value)) out[key] = toSchema(value);
    else if (key === 'additionalProperties') {
      if (isObject(value)) out[key] = toSchema(value);
      else if (value === true) out[key] = { preserveUnknown: true };
    } else if (['allOf', 'anyOf', 'oneOf'].includes(key) && Array.isArray(value)) out[key] = value.map((v) => toSchema(v));
  }
  return out as Schema;
}

const TYPES = ['array', 'boolean', 'integer', 'number', 'object', 'string'];
const FORBIDDEN = [
  'definitions',
  'dependencies',
  'deprecated',
  'discriminator',
  'id',
  'patternProperties',
  'readOnly',
  'writeOnly',
  'xml',
  '$ref',
  '$schema',
  'uniqueItems',
  'additionalItems',
];
/** What may not stand inside allOf, anyOf, oneOf and not. */
const STRUCTURE = [
  'description',
  'type',
  'default',
  'additionalProperties',
  'nullable',
  'x-kubernetes-preserve-unknown-fields',
  'x-kubernetes-embedded-resource',
  'x-kubernetes-list-type',
  'x-kubernetes-list-map-keys',
  'x-kubernetes-map-type',
  'x-kubernetes-int-or-string',
];

/** Why a schema is not structural, or otherwise refused, as Kubernetes refuses it. */
export function structuralProblems(schema: JsonObject, path: string): Cause[] {
  const causes: Cause[] = [];
  if (schema['type'] !== 'object')
    causes.push(
      schema['type'] === undefined
        ? field.required(`${path}.type`, 'must not be empty at the root')
        : field.invalid(`${path}.type`, schema['type'], 'must be object at the root'),
    );
  if (schema['nullable'] === true) causes.push(field.forbidden(`${path}.nullable`, 'nullable cannot be true at the root'));
  walk(schema, path, true, causes);
  // Rules are compiled against a structure that holds.
  if (!causes.length) causes.push(...loadedRules().compileRules(toSchema(schema), path).problems);
  return causes;
}

function walk(s: JsonObject, path: string, root: boolean, causes: Cause[]): void {
  forbidden(s, path, causes);
  const { type, properties, items, additionalProperties } = s;
  const intOrString = s['x-kubernetes-int-or-string'] === true;
  const preserves = s['x-kubernetes-preserve-unknown-fields'] === true;
  if (s['x-kubernetes-preserve-unknown-fields'] === false)
    causes.push(field.invalid(`${path}.x-kubernetes-preserve-unknown-fields`, false, 'must be true or undefined'));
  if (type === undefined && !root && !intOrString && !preserves)
    causes.push(field.required(`${path}.type`, 'must not be empty for specified object fields'));
  if (type !== undefined && !TYPES.includes(type)) causes.push(field.notSupported(`${path}.type`, type, TYPES));
  if (intOrString && type !== undefined)
    causes.push(field.invalid(`${path}.type`, type, 'must be empty if x-kubernetes-int-or-string is true'));
  if (s['x-kubernetes-embedded-resource'] === true) {
    if (type !== 'object')
      causes.push(field.invalid(`${path}.type`, type ?? '', 'must be object if x-kubernetes-embedded-resource is true'));
    if (!properties && !preserves)
      causes.push(
        field.required(
          `${path}.properties`,
          'must not be empty if x-kubernetes-embedded-resource is true without x-kubernetes-preserve-unknown-fields',
        ),
      );
  }
  if (additionalProperties !== undefined && additionalProperties !== null) {
    if (properties !== undefined && additionalProperties !== true)
      causes.push(field.forbidden(`${path}.additionalProperties`, 'additionalProperties and properties are mutual exclusive'));
    if (additionalProperties === false)
      causes.push(field.forbidden(`${path}.additionalProperties`, 'additionalProperties cannot be set to false'));
    if (root) causes.push(field.forbidden(`${path}.additionalProperties`, 'must not be used at the root'));
    if (isObject(additionalProperties)) walk(additionalProperties, `${path}.additionalProperties`, false, causes);
  }
  if (type === 'array') {
    if (items === undefined) causes.push(field.required(`${path}.items`, 'must be specified'));
    if (Array.isArray(items)) causes.push(field.forbidden(`${path}.items`, 'items must be a schema object and not an array'));
  }
  if (isObject(items)) walk(items, `${path}.items`, false, causes);
  if (isObject(properties)) {
    for (const [key, below] of Object.entries(properties)) {
      if (root && key === 'metadata' && isObject(below)) {
        metadata(below, `${path}.properties[metadata]`, causes);
        continue;
      }
      if (isObject(below)) walk(below, `${path}.properties[${key}]`, false, causes);
    }
  }
  lists(s, path, causes);
  if (typeof s['pattern'] === 'string') {
    if (!goRegExp(s['pattern'])) causes.push(field.invalid(`${path}.pattern`, s['pattern'], 'must be a valid regular expression'));
  }
  // A null is no default: Go has none then.
  if (s['default'] !== undefined && s['default'] !== null) {
    const own = toSchema({ ...s, default: undefined });
    const unknown: string[] = [];
    if (isObject(s['default']) && !equal(prune(own, s['default'], unknown), s['default']))
      causes.push(
        field.invalid(`${path}.default`, s['default'], `must be equal to the pruned value: unknown fields ${unknown.join(', ')}`),
      );
    for (const c of check(own, s['default'], `${path}.default`)) causes.push({ ...c, field: c.field || `${path}.default` });
  }
  for (const key of ['allOf', 'anyOf', 'oneOf'])
    if (Array.isArray(s[key]))
      for (const [i, part] of s[key].entries()) if (isObject(part)) logical(part, s, `${path}.${key}[${i}]`, intOrString, causes);
  if (isObject(s['not'])) logical(s['not'], s, `${path}.not`, intOrString, causes);
}

function forbidden(s: JsonObject, path: string, causes: Cause[]): void {
  for (const key of FORBIDDEN)
    if (s[key] !== undefined && s[key] !== false) causes.push(field.forbidden(`${path}.${key}`, `${key} is not supported`));
}

function metadata(s: JsonObject, path: string, causes: Cause[]): void {
  for (const key of Object.keys(s)) {
    if (!['type', 'properties', 'description'].includes(key))
      causes.push(
        field.forbidden(
          path,
          `must not specify anything other than name and generateName, but metadata is implicitly specified: found ${key}`,
        ),
      );
  }
  if (s['type'] !== undefined && s['type'] !== 'object') causes.push(field.invalid(`${path}.type`, s['type'], 'must be object'));
  if (Object.keys(s['properties'] ?? {}).some((key) => !['name', 'generateName'].includes(key)))
    causes.push(field.forbidden(path, 'must not specify anything other than name and generateName, but metadata is implicitly specified'));
}

function lists(s: JsonObject, path: string, causes: Cause[]): void {
  const listType: unknown = s['x-kubernetes-list-type'];
  const keys: unknown = s['x-kubernetes-list-map-keys'];
  if (listType !== undefined) {
    if (s['type'] !== 'array')
      causes.push(field.invalid(`${path}.type`, s['type'] ?? '', 'must be array if x-kubernetes-list-type is specified'));
    if (!['atomic', 'set', 'map'].includes(String(listType)))
      causes.push(field.notSupported(`${path}.x-kubernetes-list-type`, listType, ['atomic', 'map', 'set']));
  }
  if (keys !== undefined && listType !== 'map')
    causes.push(field.invalid(`${path}.x-kubernetes-list-type`, listType ?? '', 'must be map if x-kubernetes-list-map-keys is non-empty'));
  if (listType === 'map') {
    if (!Array.isArray(keys) || keys.length === 0)
      causes.push(field.required(`${path}.x-kubernetes-list-map-keys`, 'must not be empty if x-kubernetes-list-type is map'));
    else {
      const items: JsonObject = isObject(s['items']) ? s['items'] : {};
      const missing = keys.findIndex((key) => !isObject(items['properties']?.[key]));
      for (const [i, key] of keys.entries()) {
        const property: unknown = items['properties']?.[key];
        if (isObject(property) && (property['type'] === 'object' || property['type'] === 'array'))
          causes.push(
            field.invalid(
              `${path}.items.properties[${key}].type`,
              property['type'],
              "must be a scalar type if parent array's x-kubernetes-list-type is map",
            ),
          );
        if (!isObject(property)) {
          if (i === missing)
            causes.push(field.invalid(`${path}.x-kubernetes-list-map-keys`, keys, 'entries must all be names of item properties'));
        } else if (!items['required']?.includes(key) && property['default'] === undefined) {
          causes.push(
            field.required(
              `${path}.items.properties[${key}].default`,
              'this property is in x-kubernetes-list-map-keys, so it must have a default or be a required property',
            ),
          );
        }
      }
    }
  }
  if (listType === 'set' && isObject(s['items'])) {
    for (const [type, key] of [
      ['object', 'x-kubernetes-map-type'],
      ['array', 'x-kubernetes-list-type'],
    ] as const)
      if (s['items']['type'] === type && (s['items'][key] ?? (type === 'array' ? 'atomic' : null)) !== 'atomic')
        causes.push(
          field.invalid(
            `${path}.items.${key}`,
            s['items'][key] ?? null,
            'must be atomic as item of a list with x-kubernetes-list-type=set',
          ),
        );
  }
  if (listType === 'set' && isObject(s['items']) && s['items']['nullable'] === true) {
    causes.push(field.forbidden(`${path}.items.nullable`, 'cannot be nullable when x-kubernetes-list-type is set'));
  }
  const mapType: unknown = s['x-kubernetes-map-type'];
  if (mapType !== undefined) {
    if (!['atomic', 'granular'].includes(String(mapType)))
      causes.push(field.notSupported(`${path}.x-kubernetes-map-type`, mapType, ['atomic', 'granular']));
    if (s['type'] !== 'object')
      causes.push(field.invalid(`${path}.type`, s['type'] ?? '', 'must be object if x-kubernetes-map-type is specified'));
  }
}

/** Inside a logical junctor only value checks may stand, and only of fields that the structure outside knows. */
function logical(s: JsonObject, outside: JsonObject, path: string, intOrString: boolean, causes: Cause[]): void {
  forbidden(s, path, causes);
  for (const key of STRUCTURE) {
    if (s[key] === undefined) continue;
    // The one exception: anyOf of integer and string beside x-kubernetes-int-or-string.
    if (key === 'type' && intOrString && ['integer', 'string'].includes(s[key])) continue;
    causes.push(field.forbidden(`${path}.${key}`, 'must be empty to be structural'));
  }
  for (const [key, below] of Object.entries(isObject(s['properties']) ? s['properties'] : {})) {
    const known: unknown =
      outside['properties']?.[key] ?? (isObject(outside['additionalProperties']) ? outside['additionalProperties'] : undefined);
    if (!isObject(known))
      causes.push(
        field.required(
          `${path.replace(/\.(allOf|anyOf|oneOf)\[\d+\]|\.not/g, '')}.properties[${key}]`,
          `because it is defined in ${path}.properties[${key}]`,
        ),
      );
    else if (isObject(below)) logical(below, known, `${path}.properties[${key}]`, known['x-kubernetes-int-or-string'] === true, causes);
  }
  if (isObject(s['items'])) logical(s['items'], isObject(outside['items']) ? outside['items'] : {}, `${path}.items`, false, causes);
  for (const key of ['allOf', 'anyOf', 'oneOf'])
    if (Array.isArray(s[key]))
      for (const [i, part] of s[key].entries()) if (isObject(part)) logical(part, outside, `${path}.${key}[${i}]`, intOrString, causes);
  if (isObject(s['not'])) logical(s['not'], outside, `${path}.not`, intOrString, causes);
}
