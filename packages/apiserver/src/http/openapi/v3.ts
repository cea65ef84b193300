import { createHash } from 'node:crypto';
import type { Registry } from '../../kinds/registry.ts';
import { answerOf, pathOf, pathsOf, placeholders } from './paths.ts';
import { Schemas, type Body } from './schemas.ts';

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

const refOf = (name: string): Body => ({ $ref: `#/components/schemas/${name}` });
const json = (schema: Body): Body => ({ content: { 'application/json': { schema } } });

/** The document of one group and version: the schemas of its kinds, and the operations on them. */
export function openApiDocument(registry: Registry, group: string, version: string): Body | undefined {
  const found = registry
    .groups()
    .find((g) => g.group === group)
    ?.versions.find((v) => v.version === version);
  if (!found) return undefined;
  const schemas = new Schemas((name) => ({ allOf: [refOf(name)] }));
  const paths: Record<string, Body> = {};
  for (const r of found.resources) {
    if (!r.schema) continue;
    schemas.add(r);
    for (const [path, methods] of Object.entries(pathsOf(r))) {
      const item: Body = (paths[path] = {});
      const names = placeholders(path).map((name) => ({ name, in: 'path', required: true, schema: { type: 'string', uniqueItems: true } }));
      if (names.length) item['parameters'] = names;
      for (const [method, operation] of Object.entries(methods)) {
        const answer = answerOf(r, operation);
        item[method] = {
          'x-kubernetes-action': operation.action,
          'x-kubernetes-group-version-kind': operation.kind,
          parameters: operation.parameters.map(([name, type]) => ({ name, in: 'query', schema: { type, uniqueItems: true } })),
          responses: { 200: { description: 'OK', ...(answer ? json(refOf(answer)) : {}) } },
        };
      }
    }
  }
  return { openapi: '3.0.0', info: { title: 'Kubernetes', version: 'v1.36.2' }, paths, components: { schemas: schemas.written } };
}
