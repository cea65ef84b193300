import { badRequest } from '../http/errors.ts';
import { isObject } from './schema.ts';

type Test = (value: unknown) => boolean;

const text: Test = (v) => typeof v === 'string';
const flag: Test = (v) => typeof v === 'boolean';
const number: Test = (v) => typeof v === 'number';
const count: Test = (v) => Number.isInteger(v);
const texts: Test = (v) => Array.isArray(v) && v.every(text);
const rule: Test = (v) =>
  isObject(v) && Object.entries(v).every(([key, value]) => value === null || (key === 'optionalOldSelf' ? flag(value) : text(value)));

/** What the keywords of a schema must be; those that hold schemas are walked. */
const KEYWORDS: Record<string, [test: Test, type: string]> = {
  ...Object.fromEntries(
    ['type', 'format', 'description', 'title', 'pattern', 'id', '$ref', '$schema', 'x-kubernetes-list-type', 'x-kubernetes-map-type'].map(
      (k) => [k, [text, 'string']],
    ),
  ),
  ...Object.fromEntries(
    [
      'nullable',
      'exclusiveMinimum',
      'exclusiveMaximum',
      'uniqueItems',
      'x-kubernetes-preserve-unknown-fields',
      'x-kubernetes-embedded-resource',
      'x-kubernetes-int-or-string',
    ].map((k) => [k, [flag, 'bool']]),
  ),
  ...Object.fromEntries(['minimum', 'maximum', 'multipleOf'].map((k) => [k, [number, 'float64']])),
  ...Object.fromEntries(
    ['minLength', 'maxLength', 'minItems', 'maxItems', 'minProperties', 'maxProperties'].map((k) => [k, [count, 'int64']]),
  ),
  ...Object.fromEntries(['required', 'x-kubernetes-list-map-keys'].map((k) => [k, [texts, '[]string']])),
  enum: [Array.isArray, '[]apiextensions.JSON'],
  'x-kubernetes-validations': [(v) => Array.isArray(v) && v.every(rule), '[]v1.ValidationRule'],
};

const MAPS = ['properties', 'patternProperties', 'definitions'];
const LISTS = ['allOf', 'anyOf', 'oneOf'];
const ONES = ['not', 'items', 'additionalProperties', 'additionalItems'];

/** Refuses a definition's schema whose keywords are of other types than Go's decoder takes. @throws a 400 */
export function checkKeywords(schema: unknown, path = 'spec.versions.schema.openAPIV3Schema'): void {
  const refuse = (key: string, type: string): never => {
    throw badRequest(
      `CustomResourceDefinition in version "v1" cannot be handled as a CustomResourceDefinition: json: cannot unmarshal into Go struct field JSONSchemaProps.${path}${key && `.${key}`} of type ${type}`,
    );
  };
  if (!isObject(schema)) return refuse('', 'v1.JSONSchemaProps');
  for (const [key, value] of Object.entries(schema)) {
    if (value === null) {
      // Go takes null for nothing.
      if (key !== 'default' && key !== 'example') delete schema[key];
    } else if (Object.hasOwn(KEYWORDS, key)) {
      const [test, type] = KEYWORDS[key]!;
      if (!test(value)) refuse(key, type);
    } else if (MAPS.includes(key)) {
      if (!isObject(value)) refuse(key, 'map[string]v1.JSONSchemaProps');
      for (const [name, below] of Object.entries(value)) checkKeywords(below, `${path}.${key}.${name}`);
    } else if (LISTS.includes(key)) {
      if (!Array.isArray(value)) refuse(key, '[]v1.JSONSchemaProps');
      for (const below of value) checkKeywords(below, `${path}.${key}`);
    } else if (ONES.includes(key)) {
      if (isObject(value)) checkKeywords(value, `${path}.${key}`);
      else if (key === 'items' ? !Array.isArray(value) : typeof value !== 'boolean') refuse(key, 'v1.JSONSchemaProps');
      else if (Array.isArray(value)) for (const below of value) checkKeywords(below, `${path}.${key}`);
    }
  }
}
