import { ClusterKind, ClusterNodeKind, MANAGER_LEASE, rfc3339 } from '@kosmos/api';
import type { Ctx, Key } from '@kosmos/kernel';
import { merge } from '../findings.ts';
import type { FleetModel } from '../fleet-model.ts';
import { CONDITION_TYPES, type ObjectConditions } from '../plan/conditions.ts';

/** The planner has not heard of all yet. */
const NOT_READY_MS = 100;

/** Writes what the planner finds wrong to the objects, on change only. */
export function conditionReporter(ctx: Pick<Ctx<{}, {}, {}>, 'controller' | 'writer' | 'clock'>, model: FleetModel): void {
  const writer = ctx.writer('conditions');
  let findings: ReadonlyMap<string, ObjectConditions> | undefined;
  const forget = () => void (findings = undefined);
  model.clusters.on({ add: forget, update: forget, remove: forget });
  model.nodes.on({ add: forget, update: forget, remove: forget });
  const found = (kind: ObjectConditions['kind'], name: string) => {
    findings ??= new Map(model.planner.conditions().map((o) => [`${o.kind} ${o.name}`, o]));
    return findings.get(`${kind} ${name}`)?.conditions ?? [];
  };
  // Any change may concern any cluster: two clusters overlap only by what both of them say.
  const everyCluster = (): Key[] => [...model.clusters.list('host')].map(({ metadata }) => ({ cluster: 'host', name: metadata.name }));
  ctx
    .controller('conditions')
    .for(model.clusters)
    .also(model.clusters, everyCluster)
    .also(model.nodes, everyCluster)
    .gated(MANAGER_LEASE)
    .reconcile(async ({ name }, { signal }) => {
      const cluster = model.clusters.get({ cluster: 'host', name });
      if (!cluster) return undefined;
      if (!model.ready()) return { requeueAfterMs: NOT_READY_MS };
      const now = rfc3339(ctx.clock.now());
      const conditions = merge(found('Cluster', name), cluster.status?.conditions, now, CONDITION_TYPES);
      if (conditions) {
        await writer.apply(
          'host',
          ClusterKind,
          { metadata: { name }, status: { conditions } },
          { uid: cluster.metadata.uid, force: true, signal },
        );
      }
      for (const node of model.nodes.list('host')) {
        if (node.spec?.clusterName !== name) continue;
        const own = merge(found('ClusterNode', node.metadata.name), node.status?.conditions, now, CONDITION_TYPES);
        if (!own) continue;
        const object = { metadata: { name: node.metadata.name }, status: { conditions: own } };
        await writer.apply('host', ClusterNodeKind, object, { uid: node.metadata.uid, subresource: 'status', force: true, signal });
      }
      return undefined;
    });
}
