import { stringify } from 'yaml';
import { ClusterKind } from './cluster.ts';
import { ClusterNodeKind } from './cluster-node.ts';
import type { Resource } from './kind.ts';
import { NodeConfigKind } from './node-config.ts';
import type { JsonSchema } from './schema.ts';

export const RESOURCES: readonly Resource<unknown>[] = [ClusterKind, ClusterNodeKind, NodeConfigKind];

/** A CustomResourceDefinition (apiextensions.k8s.io/v1) as plain JSON. */
export interface CrdManifest {
  readonly apiVersion: 'apiextensions.k8s.io/v1';
  readonly kind: 'CustomResourceDefinition';
  readonly metadata: { readonly name: string };
  readonly spec: object;
}

/** The definitions of all kinds of this package, in the order they are to be applied. */
export function crdManifests(): CrdManifest[] {
  return RESOURCES.map(manifest);
}

/** The same as one YAML document each. */
export function crdYaml(): string {
  return crdManifests()
    .map((m) => `---\n${toYaml(m)}`)
    .join('');
}

export function toYaml(m: CrdManifest): string {
  return stringify(m, { lineWidth: 0, aliasDuplicateObjects: false });
}

function manifest(r: Resource<unknown>): CrdManifest {
  const own = r.schema.json;
  const schema: JsonSchema = {
    ...own,
    description: r.description,
    properties: { apiVersion: { type: 'string' }, kind: { type: 'string' }, metadata: { type: 'object' }, ...own.properties },
  };
  return {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name: `${r.plural}.${r.group}` },
    spec: {
      group: r.group,
      names: {
        kind: r.kind,
        listKind: `${r.kind}List`,
        plural: r.plural,
        singular: r.kind.toLowerCase(),
        ...(r.shortNames && { shortNames: r.shortNames }),
      },
      scope: r.namespaced ? 'Namespaced' : 'Cluster',
      versions: [
        {
          name: r.version,
          served: true,
          storage: true,
          additionalPrinterColumns: r.columns,
          schema: { openAPIV3Schema: schema },
          ...(r.statusSubresource && { subresources: { status: {} } }),
        },
      ],
    },
  };
}
