import { expect } from 'chai';
import { noCell } from '../../src/kinds/columns.ts';
import { Registry } from '../../src/kinds/registry.ts';
import type { JsonObject } from '../../src/schema/schema.ts';

const registry = new Registry();
const cells = (group: string, version: string, plural: string, object: JsonObject): Record<string, unknown> =>
  Object.fromEntries(
    registry.find(group, version, plural)!.columns.map((c) => [c.name, c.cell({ metadata: { name: 'n' }, ...object }, 0)]),
  );

describe('table columns', () => {
  it('have a cell each, in every kind whose objects are kept', () => {
    const without = registry
      .all()
      .filter((r) => r.verbs.includes('create'))
      .flatMap((r) => r.columns.filter((c) => c.cell === noCell).map((c) => `${r.plural} ${c.name}`));
    expect(without).to.deep.equal([]);
  });

  it('of kinds that run a cluster say what kubectl shows', () => {
    expect(cells('', 'v1', 'resourcequotas', { status: { hard: { pods: '5', 'limits.cpu': '2' }, used: { pods: '1' } } })).to.include({
      Request: 'pods: 1/5',
      Limit: 'limits.cpu: 0/2',
    });
    expect(
      cells('networking.k8s.io', 'v1', 'ingressclasses', {
        spec: { controller: 'a/b', parameters: { apiGroup: 'g', kind: 'K', name: 'n' } },
      }),
    ).to.include({
      Controller: 'a/b',
      Parameters: 'K.g/n',
    });
    expect(
      cells('networking.k8s.io', 'v1', 'ipaddresses', { spec: { parentRef: { resource: 'services', namespace: 'd', name: 's' } } }),
    ).to.include({
      ParentRef: 'services/d/s',
    });
    expect(cells('apiregistration.k8s.io', 'v1', 'apiservices', {})).to.include({ Service: 'Local', Available: 'Unknown' });
    expect(cells('storage.k8s.io', 'v1', 'csidrivers', { spec: { volumeLifecycleModes: ['Persistent'] } })).to.include({
      AttachRequired: true,
      TokenRequests: '<unset>',
      Modes: 'Persistent',
    });
    expect(cells('admissionregistration.k8s.io', 'v1', 'validatingwebhookconfigurations', { webhooks: [{}, {}] })).to.include({
      Webhooks: 2,
    });
    const cpu = { type: 'Resource', resource: { name: 'cpu', target: { type: 'Utilization', averageUtilization: 80 } } };
    expect(
      cells('autoscaling', 'v2', 'horizontalpodautoscalers', {
        spec: { scaleTargetRef: { kind: 'Deployment', name: 'd' }, maxReplicas: 3, metrics: [cpu] },
      }),
    ).to.include({ Reference: 'Deployment/d', Targets: 'cpu: <unknown>/80%', MinPods: '<unset>', MaxPods: 3, Replicas: 0 });
  });
});
