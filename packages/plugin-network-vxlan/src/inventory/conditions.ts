import { ClusterKind, ClusterNodeKind, type Condition, type Finding, MANAGER_LEASE, withTimes } from '@kosmos/api';
import type { Clock, Ctx, Key } from '@kosmos/kernel';
import type { FleetModel } from '../fleet-model.ts';
import { CONDITION_TYPES, type ObjectConditions } from '../plan/conditions.ts';

/** Writes what the planner finds wrong to the objects, on change only. */
export function conditionReporter(ctx: Pick<Ctx<{}, {}, {}>, 'controller' | 'writer' | 'clock'>, model: FleetModel): void {
  const writer = ctx.writer('conditions');
  let findings: ReadonlyMap<string, ObjectConditions> | undefined;
  model.onChange(() => (findings = undefined));
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
      if (!cluster || !model.ready()) return;
      const now = timestamp(ctx.clock);
      const conditions = merge(found('Cluster', name), cluster.status?.conditions, now);
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
        const own = merge(found('ClusterNode', node.metadata.name), node.status?.conditions, now);
        if (!own) continue;
        const object = { metadata: { name: node.metadata.name }, status: { conditions: own } };
        await writer.apply('host', ClusterNodeKind, object, { uid: node.metadata.uid, subresource: 'status', force: true, signal });
      }
    });
}

/** RFC 3339, in seconds. */
export function timestamp(clock: Clock): string {
  return new Date(clock.now()).toISOString().replace(/\.\d+Z$/, 'Z');
}

/** The conditions of these types to write: what is found, and `False` for what was found before; undefined if they are there already. */
export function merge(
  found: readonly Finding[],
  known: readonly Condition[] | undefined,
  now: string,
  types: readonly string[] = CONDITION_TYPES,
): Condition[] | undefined {
  const over = types.filter((type) => known?.some((c) => c.type === type) && !found.some((f) => f.type === type));
  const wanted = withTimes(
    [...found, ...over.map((type) => ({ type, status: 'False' as const, reason: 'Resolved', message: '' }))],
    known,
    now,
  );
  const same = wanted.every((w) =>
    known?.some((c) => c.type === w.type && c.status === w.status && c.reason === w.reason && (c.message ?? '') === w.message),
  );
  return same ? undefined : wanted.sort((a, b) => (a.type < b.type ? -1 : 1));
}
