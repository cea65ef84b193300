import { type Cluster, ClusterKind, type ClusterNode, ClusterNodeKind } from '@kosmos/api';
import { type Ctx, type Informer, type Right, type Token, token } from '@kosmos/kernel';
import type { NetworkHooks } from './contracts.ts';
import { heardFirst } from './heard-first.ts';
import { createPlanner, type Planner, type PlannerOptions } from './plan/planner.ts';

/** The planner of this process, fed from the host cluster. */
export interface FleetModel {
  readonly planner: Planner;
  /** Who hears of a change by these may ask the planner: it has heard before. */
  readonly clusters: Informer<Cluster>;
  readonly nodes: Informer<ClusterNode>;
  /** Both kinds have been listed once: before that an empty fleet means nothing. */
  ready(): boolean;
  /** Called after changes, several at once; also when `ready()` turns true. Returns the unsubscribe function. */
  onChange(fn: () => void): () => void;
}
/** Between the parts of this plugin; there is no model in the role `cli`. */
export const Fleet: Token<{ readonly model: FleetModel | undefined }> = token('network-vxlan.fleet');

export const fleetRights = (): readonly Right[] =>
  [ClusterKind, ClusterNodeKind].map((kind) => ({ on: 'host', kind, verbs: ['list', 'watch'] }));

/** Changes come in bursts (a first list, a cluster that joins); what follows from them is worked out once a burst. */
const BURST_MS = 5;

export function fleetModel(
  ctx: Pick<Ctx<{}, {}, {}>, 'informer' | 'clock' | 'onStop'>,
  hooks: NetworkHooks,
  options: PlannerOptions,
): FleetModel {
  const planner = createPlanner(hooks, options);
  const listeners = new Set<() => void>();
  let scheduled: (() => void) | undefined;
  let listed = false;
  const changed = () => {
    scheduled ??= ctx.clock.after(BURST_MS, () => {
      scheduled = undefined;
      for (const listener of listeners) listener();
    });
  };
  const follow = <T extends { readonly metadata: { readonly name: string } }>(set: (object: T) => void, remove: (name: string) => void) => {
    const put = (object: T) => {
      set(object);
      changed();
    };
    const drop = (last: T) => {
      remove(last.metadata.name);
      changed();
    };
    return { add: put, update: put, remove: drop, cluster: changed };
  };
  const { informer: clusters, subscription: ofClusters } = heardFirst(
    ctx.informer(ClusterKind),
    'host',
    follow(
      (c: Cluster) => planner.setCluster(c),
      (name) => planner.removeCluster(name),
    ),
  );
  const { informer: nodes, subscription: ofNodes } = heardFirst(
    ctx.informer(ClusterNodeKind),
    'host',
    follow(
      (n: ClusterNode) => planner.setNode(n),
      (name) => planner.removeNode(name),
    ),
  );
  const subscriptions = [ofClusters, ofNodes];
  ctx.onStop(async () => {
    for (const stop of subscriptions) stop();
    scheduled?.();
  });
  return {
    planner,
    clusters,
    nodes,
    // The planner lags behind the informers: it has all when its handlers have had all.
    ready: () => (listed ||= subscriptions.every((subscription) => subscription.hasSynced('host'))),
    onChange(fn) {
      listeners.add(fn);
      return () => void listeners.delete(fn);
    },
  };
}
