import type { Registry } from '../../kinds/registry.ts';
import type { Schema } from '../../schema/schema.ts';
import { answerOf, pathsOf, placeholders, type Operation } from './paths.ts';
import { kindName, Schemas, type Body } from './schemas.ts';

/** What Swagger 2.0 says of types that encode themselves: it has no words for a value of several types. */
const OPAQUE: Record<string, Schema> = {
  'util.intstr.IntOrString': { type: 'string', format: 'int-or-string' },
  'api.resource.Quantity': { type: 'string' },
  'runtime.RawExtension': { type: 'object' },
  'meta.v1.FieldsV1': { type: 'object' },
  'apiextensions.v1.JSONSchemaProps': { type: 'object' },
};

const encodesItself = (type: string): boolean => type in OPAQUE || type.startsWith('apiextensions.v1.JSON');

/**
 * As much of a schema as Swagger 2.0, and kubectl by it, understands. Of a custom kind that is what has one known type: with
 * properties or items of what may be null or anything, kubectl would refuse objects that are good.
 */
function shown(s: Schema, type?: string): Schema {
  if (type !== undefined && encodesItself(type)) return OPAQUE[type] ?? {};
  const out: Schema = { ...s };
  for (const key of ['allOf', 'anyOf', 'oneOf', 'not', 'default', 'nullable'] as const) delete out[key];
  if (s.nullable || s.preserveUnknown) {
    delete out.items;
    delete out.properties;
  }
  if (s.nullable || (s.preserveUnknown && s.type === 'object') || (s.type === 'array' && !out.items)) delete out.type;
  if (s.embeddedResource && out.properties) {
    const strings = { apiVersion: { type: 'string' }, kind: { type: 'string' } };
    out.properties = { ...out.properties, ...strings, metadata: { ref: 'meta.v1.ObjectMeta' } };
    out.required = [...new Set([...(s.required ?? []), 'kind', 'apiVersion'])];
  }
  if (out.required) {
    out.required = s.additionalProperties?.nullable ? [] : out.required.filter((name) => !s.properties?.[name]?.nullable);
    if (!out.required.length) delete out.required;
  }
  if (out.properties) out.properties = Object.fromEntries(Object.entries(out.properties).map(([k, v]) => [k, shown(v)]));
  if (out.items) out.items = shown(out.items);
  if (out.additionalProperties) out.additionalProperties = shown(out.additionalProperties);
  return out;
}

const refOf = (name: string): Body => ({ $ref: `#/definitions/${name}` });

function write(operation: Operation, kind: Body, answer: Body | undefined): Body {
  const body = { name: 'body', in: 'body', required: true, schema: operation.body === 'patch' ? { type: 'object' } : kind };
  return {
    parameters: [
      ...(operation.body ? [body] : []),
      ...operation.parameters.map(([name, type]) => ({ uniqueItems: true, type, name, in: 'query' })),
    ],
    responses: { 200: { description: 'OK', ...(answer ? { schema: answer } : {}) } },
    'x-kubernetes-action': operation.action,
    'x-kubernetes-group-version-kind': operation.kind,
  };
}

/** All kinds in one document of Swagger 2.0, for clients that know no version 3. Made when it is asked for, and not kept. */
export function swagger(registry: Registry): Body {
  const schemas = new Schemas(refOf, shown);
  const paths: Record<string, Body> = {};
  for (const r of registry.all()) {
    if (!r.schema) continue;
    schemas.add(r);
    for (const [path, methods] of Object.entries(pathsOf(r))) {
      const item: Body = (paths[path] = {});
      for (const [method, operation] of Object.entries(methods)) {
        const answer = answerOf(r, operation);
        const kind = operation.kind['kind'] === r.kind ? refOf(kindName(r)) : { type: 'object' };
        item[method] = write(operation, kind, answer ? refOf(answer) : undefined);
      }
      const names = placeholders(path).map((name) => ({ uniqueItems: true, type: 'string', name, in: 'path', required: true }));
      if (names.length) item['parameters'] = names;
    }
  }
  return { swagger: '2.0', info: { title: 'Kubernetes', version: '1.36' }, paths, definitions: schemas.written };
}
