/** What the reports of all nodes say of one cluster's nodes, and of the cluster. Pure. */
import type { Finding, NodeConfig } from '@kosmos/api';
import { DEGRADED, some, TROUBLES, type Trouble } from '../trouble.ts';

type Links = NonNullable<NonNullable<NodeConfig['status']>['links']>;

export interface Reported {
  /** The ClusterNode that reports. */
  readonly node: string;
  readonly cluster: string;
  readonly links: Links;
}

/** `down`, `silent` and `narrow` of a report, by what they mean. */
const LISTS = { NoAnswer: 'down', AgentSilent: 'silent', MtuTooSmall: 'narrow' } as const;
/** One peer that is dead says nothing of oneself; of these and more not all die at once. */
const ISOLATED_FROM = 2;

/** Does a report say that anything is wrong? Names of the clusters of which it does. */
export function troubledClusters(links: Links | undefined): string[] {
  return (links ?? []).flatMap((l) => (l.down || l.silent || l.narrow ? [l.cluster] : []));
}

/** Hears from nobody: more likely it is itself at fault than all others. */
export function isolated(links: Links | undefined): boolean {
  const all = links ?? [];
  const probed = all.reduce((sum, l) => sum + (l.probed ?? 0), 0);
  return probed >= ISOLATED_FROM && all.every((l) => (l.up ?? 0) === 0 && !l.silent);
}

/** What is wrong with each node of the cluster; a node without an entry is fine. */
export function judgeNodes(cluster: string, reports: readonly Reported[]): Map<string, Finding> {
  const heard = reports.filter(({ links }) => !isolated(links));
  const found = new Map<string, { readonly by: Map<Trouble, Set<string>> }>();
  for (const { cluster: from, links } of heard) {
    for (const l of links) {
      if (l.cluster !== cluster) continue;
      for (const trouble of TROUBLES) {
        for (const name of l[LISTS[trouble]] ?? []) {
          const known = found.get(name) ?? { by: new Map<Trouble, Set<string>>() };
          found.set(name, known);
          known.by.set(trouble, (known.by.get(trouble) ?? new Set()).add(from));
        }
      }
    }
  }
  const out = new Map<string, Finding>();
  for (const [name, { by }] of found) {
    const reason = TROUBLES.find((t) => by.has(t))!;
    out.set(name, { type: DEGRADED, status: 'True', reason, message: messageOf(reason, [...by.get(reason)!].sort()) });
  }
  for (const { node, cluster: own, links } of reports) {
    if (own !== cluster || !isolated(links)) continue;
    const message = `It gets no answer from any of the nodes that it probes, in ${some(links.map((l) => l.cluster).sort(), 3)}: see whether its underlay lets UDP 4876 and 4877 pass (IPv6: 4866, 4867).`;
    out.set(node, { type: DEGRADED, status: 'True', reason: 'Isolated', message });
  }
  return out;
}

function messageOf(trouble: Trouble, clusters: readonly string[]): string {
  const seen = `nodes of ${some(clusters, 3)}`;
  if (trouble === 'NoAnswer')
    return `It does not answer ${seen}: see whether its underlay lets UDP 4876 and 4877 pass (IPv6: 4866, 4867), and whether it runs.`;
  if (trouble === 'AgentSilent')
    return `Its agent does not answer ${seen}, its kernel does: packets flow on, and no change is applied there. See whether the agent runs.`;
  return `Packets of full size get lost between it and ${seen}: give the underlay the MTU that its interfaces say, or set a smaller \`mtu\` in the options of vxlan().`;
}

/** `ways`: the nodes by which others reach the cluster. */
export function judgeCluster(ways: readonly string[], nodes: ReadonlyMap<string, Finding>): Finding | undefined {
  if (nodes.size === 0) return undefined;
  const dead = ways.filter((name) => ['NoAnswer', 'Isolated'].includes(nodes.get(name)?.reason ?? ''));
  const cut = ways.length > 0 && dead.length === ways.length;
  const names = [...nodes.keys()].sort();
  return {
    type: DEGRADED,
    status: 'True',
    reason: cut ? 'Disconnected' : 'NodesDegraded',
    message: cut
      ? `None of the nodes by which others reach it answers: ${some([...dead].sort())}.`
      : `Something is wrong with ${some(names.map((name) => `${name} (${nodes.get(name)!.reason})`))}.`,
  };
}
