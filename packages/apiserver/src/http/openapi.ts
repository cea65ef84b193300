import { createHash } from 'node:crypto';
import { facts } from '../kinds/facts.ts';
import type { Registry } from '../kinds/registry.ts';
import type { Resource } from '../kinds/resource.ts';
import type { Schema } from '../schema/schema.ts';

type Body = Record<string, unknown>;

const pathOf = (group: string, version: string): string => (group ? `apis/${group}/${version}` : `api/${version}`);

/** The documents there are, a group and version each. */
export function openApiIndex(registry: Registry): Body {
  return {
    paths: Object.fromEntries(
      registry.groups().flatMap(({ group, versions }) =>
        versions.map(({ version, resources }) => {
          const path = pathOf(group, version);
          const hash = createHash('sha256')
            .update(JSON.stringify(resources.map((r) => [r.kind, r.custom ? r.schema : 0])))
            .digest('hex')
            .slice(0, 32)
            .toUpperCase();
          return [path, { serverRelativeURL: `/openapi/v3/${path}?hash=${hash}` }];
        }),
      ),
    ),
  };
}

const LISTS = {
  listType: 'x-kubernetes-list-type',
  listMapKeys: 'x-kubernetes-list-map-keys',
  mapType: 'x-kubernetes-map-type',
  mergeKey: 'x-kubernetes-patch-merge-key',
  mergeStrategy: 'x-kubernetes-patch-strategy',
  preserveUnknown: 'x-kubernetes-preserve-unknown-fields',
  intOrString: 'x-kubernetes-int-or-string',
  embeddedResource: 'x-kubernetes-embedded-resource',
  validations: 'x-kubernetes-validations',
} as const;

/** The schema as OpenAPI writes it; refs go to `used`. */
function toOpenApi(s: Schema, used: Set<string>): Body {
  const out: Body = {};
  for (const [key, value] of Object.entries(s)) {
    if (key === 'ref') {
      used.add(value as string);
      out['allOf'] = [{ $ref: `#/components/schemas/${value as string}` }];
      delete out['type'];
    } else if (key in LISTS) out[LISTS[key as keyof typeof LISTS]] = value;
    else if (key === 'properties')
      out[key] = Object.fromEntries(Object.entries(value as Record<string, Schema>).map(([k, v]) => [k, toOpenApi(v, used)]));
    else if (key === 'items' || key === 'additionalProperties' || key === 'not') out[key] = toOpenApi(value as Schema, used);
    else if (key === 'allOf' || key === 'anyOf' || key === 'oneOf') out[key] = (value as Schema[]).map((v) => toOpenApi(v, used));
    else if (key !== 'type' || !s.ref) out[key] = value;
  }
  return out;
}

const query = (...names: string[]): Body[] => names.map((name) => ({ name, in: 'query', schema: { type: 'string', uniqueItems: true } }));

/** The document of one group and version: the schemas of its kinds, and the operations on them. */
export function openApiDocument(registry: Registry, group: string, version: string): Body | undefined {
  const found = registry
    .groups()
    .find((g) => g.group === group)
    ?.versions.find((v) => v.version === version);
  if (!found) return undefined;
  const schemas: Record<string, Body> = {};
  const used = new Set<string>();
  const paths: Record<string, Body> = {};
  const gvk = (r: Resource): Body => ({ group: r.group, version: r.version, kind: r.kind });
  for (const r of found.resources) {
    if (!r.schema) continue;
    const name = r.schema.ref ?? `${r.group.split('.').reverse().join('.')}.${r.version}.${r.kind}`;
    const schema: Schema = r.schema.ref
      ? facts.types[r.schema.ref]!
      : {
          ...r.schema,
          properties: {
            apiVersion: { type: 'string' },
            kind: { type: 'string' },
            ...r.schema.properties,
            metadata: { ref: 'meta.v1.ObjectMeta' },
          },
        };
    schemas[name] = { ...toOpenApi(schema, used), 'x-kubernetes-group-version-kind': [gvk(r)] };
    const base = `/${pathOf(group, version)}${r.namespaced ? '/namespaces/{namespace}' : ''}/${r.plural}`;
    const answer = {
      responses: { 200: { description: 'OK', content: { 'application/json': { schema: { $ref: `#/components/schemas/${name}` } } } } },
    };
    const operation = (action: string, ...params: string[]): Body => ({
      'x-kubernetes-action': action,
      'x-kubernetes-group-version-kind': gvk(r),
      parameters: query(...params),
      ...answer,
    });
    if (r.verbs.includes('list')) {
      paths[base] = {
        get: operation('list', 'labelSelector', 'fieldSelector', 'limit', 'continue', 'watch'),
        post: operation('post', 'dryRun', 'fieldManager', 'fieldValidation'),
      };
      paths[`${base}/{name}`] = {
        get: operation('get'),
        put: operation('put', 'dryRun', 'fieldManager', 'fieldValidation'),
        patch: operation('patch', 'dryRun', 'fieldManager', 'fieldValidation', 'force'),
        delete: operation('delete', 'dryRun', 'gracePeriodSeconds', 'propagationPolicy'),
      };
    } else {
      paths[base] = { post: operation('post', 'dryRun', 'fieldManager', 'fieldValidation') };
    }
  }
  for (const name of used) if (!schemas[name] && facts.types[name]) schemas[name] = toOpenApi(facts.types[name], used);
  return { openapi: '3.0.0', info: { title: 'Kubernetes', version: 'v1.36.2' }, paths, components: { schemas } };
}
