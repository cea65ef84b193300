import type { Finding } from '@kosmos/api';
import { type Cidr, contains, overlaps } from './address.ts';
import type { NetworkHooks } from '../contracts.ts';
import type { ClusterState, NodeState } from './model.ts';
import type { Entry, Table } from './table.ts';

/** What is wrong with one object, one finding a type, sorted. Types say what is amiss: an object without findings is fine. */
export interface ObjectConditions {
  readonly kind: 'Cluster' | 'ClusterNode';
  readonly name: string;
  readonly conditions: readonly Finding[];
}

/** All types that the planner uses, so that a writer can tell those that are over. */
export const CONDITION_TYPES = ['CIDRConflict', 'Malformed', 'NotInNetwork', 'OverlayAddressConflict'] as const;

interface Snapshot {
  readonly clusters: ReadonlyMap<string, ClusterState>;
  readonly nodes: ReadonlyMap<string, NodeState>;
  readonly table: Table;
  readonly hooks: NetworkHooks;
  ownNetworks(cluster: ClusterState): readonly { readonly cidr: Cidr; readonly what: string }[];
}

/** The order of severity; the worst one's is the condition's reason. */
const CONFLICTS = ['EqualCIDR', 'HoldsUnderlay', 'OverlapsOwnNetwork', 'DuplicateCIDR', 'PartialOverlap'] as const;
type Conflicts = Map<string, { reason: string; message: string }[]>;

/** Messages of one condition; more would fill the object, and the first ones say what to do. */
const SHOWN = 5;

export function findConditions(snapshot: Snapshot): ObjectConditions[] {
  const conflicts = findConflicts(snapshot);
  const out: ObjectConditions[] = [];
  const add = (kind: ObjectConditions['kind'], name: string, conditions: (Finding | undefined)[]) => {
    const found = conditions.filter((c) => c !== undefined).sort((a, b) => (a.type < b.type ? -1 : 1));
    if (found.length > 0) out.push({ kind, name, conditions: found });
  };
  for (const cluster of sorted(snapshot.clusters)) {
    const problems = [...cluster.problems];
    let why: Finding | undefined = excluded(cluster);
    snapshot.hooks.check.run(cluster, (type, reason, message) => {
      if (type === 'Malformed') problems.push(message);
      else if (type === 'CIDRConflict') conflicts.set(cluster.name, [...(conflicts.get(cluster.name) ?? []), { reason, message }]);
      else why ??= { type, status: 'True', reason, message };
    });
    add('Cluster', cluster.name, [malformed(problems), why, conflict(conflicts.get(cluster.name))]);
  }
  for (const node of sorted(snapshot.nodes)) add('ClusterNode', node.name, [malformed(node.problems), excluded(node)]);
  return out;
}

function findConflicts({ clusters, table, ownNetworks }: Snapshot): Conflicts {
  const out: Conflicts = new Map();
  const say = (cluster: string, reason: (typeof CONFLICTS)[number], message: string) => {
    const known = out.get(cluster);
    if (known) known.push({ reason, message });
    else out.set(cluster, [{ reason, message }]);
  };
  for (const [winner, ...losers] of table.contested()) {
    for (const loser of losers) {
      say(loser.cluster.name, 'EqualCIDR', `${describe(loser)} is also the ${describe(winner!)}, the older one, which keeps the route`);
    }
  }
  for (const cluster of clusters.values()) findDuplicates(cluster, (message) => say(cluster.name, 'DuplicateCIDR', message));
  const containing: Entry[] = [];
  for (const entry of table.sorted()) {
    while (containing.length > 0 && !contains(containing.at(-1)!.cidr, entry.cidr)) containing.pop();
    for (const outer of containing) {
      if (outer.cluster !== entry.cluster)
        say(outer.cluster.name, 'PartialOverlap', `${describe(outer)} contains the ${describe(entry)}, which keeps its part`);
    }
    containing.push(entry);
    if (table.holdsUnderlay(entry.cidr)) {
      say(
        entry.cluster.name,
        'HoldsUnderlay',
        `${describe(entry)} holds addresses of nodes, between which the tunnels run: nobody routes to it`,
      );
    }
  }
  for (const cluster of clusters.values()) {
    if (cluster.nodes.length === 0) continue;
    const own = ownNetworks(cluster);
    for (const { real, seen } of cluster.unfitMaps) {
      const mine = own.find(({ cidr }) => overlaps(cidr, seen))!;
      say(
        cluster.name,
        'OverlapsOwnNetwork',
        `global CIDR ${seen.text} of ${real.text} overlaps its own ${mine.what} ${mine.cidr.text}: it is not mapped`,
      );
    }
    for (const entry of table.sorted()) {
      if (entry.cluster === cluster || !cluster.own.overlaps(entry.cidr)) continue;
      const mine = own.find(({ cidr }) => overlaps(cidr, entry.cidr));
      if (mine)
        say(cluster.name, 'OverlapsOwnNetwork', `its ${mine.what} ${mine.cidr.text} overlaps the ${describe(entry)}: no route to that`);
    }
  }
  return out;
}

/** Two nodes of one cluster that claim the same network: the first by name keeps it. */
function findDuplicates(cluster: ClusterState, say: (message: string) => void): void {
  const first = new Map<string, string>();
  for (const node of cluster.nodes) {
    for (const { text } of node.podCIDRs) {
      const known = first.get(text);
      if (known === undefined) first.set(text, node.name);
      else say(`pod CIDR ${text} of node '${node.name}' is also that of node '${known}', which keeps the route`);
    }
  }
}

function describe({ announced, cluster, cidr, exits }: Entry): string {
  const of =
    announced.kind === 'pod' && exits.length === 1 ? `node '${exits[0]!.name}' of cluster '${cluster.name}'` : `cluster '${cluster.name}'`;
  return `${announced.kind} CIDR ${cidr.text} of ${of}`;
}

function malformed(problems: readonly string[]): Finding | undefined {
  return problems.length === 0 ? undefined : { type: 'Malformed', status: 'True', reason: 'InvalidValue', message: join(problems) };
}

function excluded({ excluded: why }: ClusterState | NodeState): Finding | undefined {
  return why && { type: why.type, status: 'True', reason: why.reason, message: why.message };
}

function conflict(found: Conflicts extends Map<string, infer F> ? F | undefined : never): Finding | undefined {
  if (!found) return undefined;
  const worst = CONFLICTS.find((reason) => found.some((f) => f.reason === reason)) ?? found[0]!.reason;
  return { type: 'CIDRConflict', status: 'True', reason: worst, message: join(found.map((f) => f.message).sort()) };
}

function join(messages: readonly string[]): string {
  const more = messages.length - SHOWN;
  return [...messages.slice(0, SHOWN), ...(more > 0 ? [`and ${more} more`] : [])].join('; ');
}

function sorted<T>(of: ReadonlyMap<string, T>): T[] {
  return [...of.keys()].sort().map((key) => of.get(key)!);
}
