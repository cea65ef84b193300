import { readFileSync, readdirSync } from 'node:fs';
import { expect } from 'chai';
import { crdManifests, type JsonSchema, RESOURCES, toYaml } from '../../src/index.ts';
import type { Cluster, ClusterNode, NodeConfig } from '../../src/index.ts';

describe('CRD manifests', () => {
  it('are printed up to date in manifests/', () => {
    const folder = new URL('../../manifests/', import.meta.url);
    const expected = Object.fromEntries(crdManifests().map((m) => [`${m.metadata.name}.yaml`, toYaml(m)]));
    const found = Object.fromEntries(readdirSync(folder).map((file) => [file, readFileSync(new URL(file, folder), 'utf8')]));
    expect(found, 'run: node -C @kosmos/source packages/api/tools/manifests.ts').to.deep.equal(expected);
  });

  it('say nothing that a real API server refuses', () => {
    const visit = (schema: JsonSchema, path: string): void => {
      const keys = Object.keys(schema);
      const allowed = [
        'type',
        'description',
        'format',
        'default',
        'enum',
        'properties',
        'required',
        'additionalProperties',
        'items',
        'x-kubernetes-list-type',
        'x-kubernetes-list-map-keys',
      ];
      expect(
        keys.filter((key) => !allowed.includes(key)),
        path,
      ).to.deep.equal([]);
      expect(
        schema.properties !== undefined && schema.additionalProperties !== undefined,
        `${path}: properties beside additionalProperties`,
      ).to.equal(false);
      expect(schema.type === 'array' ? schema.items : true, `${path}: items`).to.not.equal(undefined);
      for (const [key, sub] of Object.entries(schema.properties ?? {})) visit(sub, `${path}.${key}`);
      if (schema.items) visit(schema.items, `${path}[]`);
      if (schema.additionalProperties) visit(schema.additionalProperties, `${path}{}`);
    };
    for (const r of RESOURCES) visit(r.schema.json, r.kind);
  });

  it('keep the names, scope, columns and subresources of the original', () => {
    const facts = RESOURCES.map((r) => [r.kind, r.plural, r.namespaced, r.statusSubresource, r.columns.map((c) => c.name).join()]);
    expect(facts).to.deep.equal([
      ['Cluster', 'clusters', false, false, 'NETWORK_TYPE,IP_FAMILY,REACHABLE'],
      ['ClusterNode', 'clusternodes', false, true, 'ROLES,INTERFACE,IP'],
      ['NodeConfig', 'nodeconfigs', false, true, 'APPLIED,ROUTES,SYNCED'],
    ]);
  });

  it('give types in which wrong fields and values do not compile', () => {
    const meta = { metadata: { name: 'a', uid: '', resourceVersion: '' } };
    const cluster: Cluster = {
      ...meta,
      spec: { clusterLinkOptions: { networkType: 'p2p', globalCIDRsMap: { '10.0.0.0/8': '11.0.0.0/8' } } },
    };
    // @ts-expect-error -- networkType is an enum
    const wrongValue: Cluster = { ...meta, spec: { clusterLinkOptions: { networkType: 'mesh' } } };
    // @ts-expect-error -- podCIDRs is a list of strings
    const wrongType: ClusterNode = { ...meta, spec: { podCIDRs: [1] } };
    // @ts-expect-error -- there is no such field
    const wrongField: NodeConfig = { ...meta, status: { hush: '' } };
    expect([cluster, wrongValue, wrongType, wrongField]).to.have.length(4);
  });
});
