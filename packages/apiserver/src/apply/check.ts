import { resolve } from '../kinds/facts.ts';
import { ApiError } from '../http/errors.ts';
import { fullKind, type Resource } from '../kinds/resource.ts';
import { isObject, type JsonObject, type Schema } from '../schema/schema.ts';
import { showElement } from './field-set.ts';
import { elementOf, missingKey } from './typed.ts';

/**
 * Refuses a configuration that does not fit its kind: fields that it has not, values of other types, list items without or with the
 * same key. Kubernetes answers 500 to that, without a reason.
 * @throws a 500
 */
export function checkConfiguration(resource: Resource, config: JsonObject): void {
  const fail = (path: string, what: string): never => {
    const { namespace = '', name = '' } = isObject(config['metadata']) ? config['metadata'] : {};
    throw new ApiError(500, '', `failed to create typed patch object (${namespace}/${name}; ${fullKind(resource)}): ${path}: ${what}`);
  };
  const walk = (declared: Schema, value: unknown, path: string): void => {
    if (value === null || value === undefined) return;
    const s = resolve(declared);
    if (s.intOrString || s.preserveUnknown || (!s.type && !s.properties)) {
      if (!s.properties || !isObject(value)) return;
    }
    if (isObject(value)) {
      if (s.type && s.type !== 'object') fail(path, `expected ${s.type}, got map`);
      for (const [key, below] of Object.entries(value)) {
        const property = s.properties && Object.hasOwn(s.properties, key) ? s.properties[key] : s.additionalProperties;
        if (property) walk(property, below, `${path}.${key}`);
        else if (!s.preserveUnknown && !(s.embeddedResource && ['apiVersion', 'kind', 'metadata'].includes(key)))
          fail(`${path}.${key}`, 'field not declared in schema');
      }
    } else if (Array.isArray(value)) {
      if (s.type && s.type !== 'array') fail(path, `expected ${s.type}, got list`);
      list(s, value, path);
    } else if (s.type === 'object' || s.type === 'array') {
      fail(path, `expected ${s.type === 'object' ? 'map' : 'list'}, got &{${String(value)}}`);
    } else if (
      s.type === 'boolean'
        ? typeof value !== 'boolean'
        : s.type === 'string'
          ? typeof value !== 'string' && !s.format
          : typeof value !== 'number' && s.type !== 'string'
    ) {
      fail(
        path,
        `expected ${s.type === 'integer' || s.type === 'number' ? 'numeric (int or float)' : s.type}, got ${s.type === 'string' ? `&value.valueUnstructured{Value:${String(value)}}` : typeof value}`,
      );
    }
  };
  const list = (s: Schema, items: unknown[], path: string): void => {
    const seen = new Set<string>();
    for (const [i, item] of items.entries()) {
      let at = `${path}[${i}]`;
      if (s.listType === 'map' || s.listType === 'set') {
        const missing = s.listType === 'map' ? missingKey(s, item) : undefined;
        if (missing)
          fail(
            path,
            `element ${i}: associative list with keys has an element that omits key field ${JSON.stringify(missing)} (and doesn't have default value)`,
          );
        const element = elementOf(s, item);
        if (seen.has(element)) fail(path, `duplicate entries for key ${showElement(element)}`);
        seen.add(element);
        at = `${path}${showElement(element)}`;
      }
      walk(s.items ?? {}, item, at);
    }
  };
  const { apiVersion: _a, kind: _k, metadata, ...content } = config;
  if (resource.custom) {
    walk({ ref: 'meta.v1.ObjectMeta' }, metadata, '.metadata');
    walk(resource.schema ?? {}, content, '');
  } else walk(resource.schema ?? {}, config, '');
}
