import { type CommandContext, KosmosError, KosmosErrors, table } from '@kosmos/kernel';
import { stringify } from 'yaml';
import type { Planner } from '../plan/planner.ts';
import { type Down, type Pair, reachability, representatives } from '../walk/reachability.ts';
import { conditionLines, malformed } from './lines.ts';
import { type Fleet, readFleet } from './read.ts';

/** `kosmos plan --simulate`: who reaches whom, and who does not any more when something dies. Exit code 1 where a pair is cut off. */
export async function simulate({ options, stdout, stderr }: CommandContext, planner: Planner): Promise<number> {
  const file = options['simulate'] as string;
  const fleet = await readFleet(file);
  for (const cluster of fleet.clusters) planner.setCluster(cluster);
  for (const node of fleet.nodes) planner.setNode(node);
  const down = downOf((options['down'] as readonly string[] | undefined) ?? [], fleet);
  const errors = [...fleet.problems, ...malformed(file, planner.conditions()), ...down.problems];
  if (errors.length > 0) throw errors.length === 1 ? errors[0]! : new KosmosErrors(errors);
  const pairs = reachability(planner, fleet.nodes, down);
  const before = reachability(planner, fleet.nodes, { nodes: new Set(), links: [] });
  const reached = new Set(before.filter(reaches).map(keyOf));
  const cut = pairs.filter((pair) => !reaches(pair) && reached.has(keyOf(pair)));
  const never = pairs.filter((pair) => !reaches(pair) && !reached.has(keyOf(pair)));
  if (options['output'] === 'table') {
    const stands = representatives(fleet.nodes).length < fleet.nodes.length ? ['(a few nodes of each cluster stand for all of it)'] : [];
    const lines = [...matrix(pairs, fleet), ...stands, ...groups('CUT OFF', cut), ...groups('NOT CONNECTED', never)];
    const found = conditionLines(planner.conditions());
    stdout.write(`${[...lines, ...(found.length > 0 ? ['', 'CONDITIONS', ...found] : [])].join('\n')}\n`);
  } else {
    const all = pairs.map((pair) => ({ ...pair, ...(cut.includes(pair) && { cut: true }) }));
    stdout.write(
      options['output'] === 'json'
        ? `${JSON.stringify(all, undefined, 2)}\n`
        : stringify(all, { aliasDuplicateObjects: false, lineWidth: 0 }),
    );
    for (const line of conditionLines(planner.conditions())) stderr.write(`${line}\n`);
  }
  return cut.length > 0 ? 1 : 0;
}

const reaches = ({ walk }: Pair) => walk.stopped === undefined;
const keyOf = ({ from, to, family }: Pair) => `${from} ${to} ${family}`;

function downOf(wanted: readonly string[], { clusters, nodes }: Fleet): Down & { readonly problems: readonly KosmosError[] } {
  const [nodeNames, clusterNames] = [nodes, clusters].map((all) => new Set<string>(all.map(({ metadata }) => metadata.name)));
  const problems: KosmosError[] = [];
  const dead = new Set<string>();
  const links: [string, string][] = [];
  const unknown = (name: string, what: string, known: Iterable<string>) => {
    const some = [...known].sort().slice(0, 8).join(', ');
    problems.push(new KosmosError('KOSMOS_E_NOT_FOUND', `--down: there is no ${what} '${name}'.`, { hint: `Name one of: ${some}, ...` }));
  };
  for (const what of wanted) {
    const [a = '', b] = what.split('/');
    if (b === undefined) {
      if (nodeNames!.has(a)) dead.add(a);
      else unknown(a, 'ClusterNode', nodeNames!);
      continue;
    }
    const lacking = [a, b].filter((end) => !nodeNames!.has(end) && !clusterNames!.has(end));
    for (const end of lacking) unknown(end, 'ClusterNode or Cluster', [...clusterNames!, ...nodeNames!]);
    if (lacking.length === 0) links.push([a, b]);
  }
  return { nodes: dead, links, problems };
}

/** Clusters by clusters: of how many pairs of nodes the pods reach each other. */
function matrix(pairs: readonly Pair[], { clusters, nodes }: Fleet): string[] {
  const clusterOf = new Map(nodes.map(({ metadata, spec }) => [metadata.name, spec?.clusterName ?? '']));
  const names = clusters.map(({ metadata }) => metadata.name).sort();
  const cells = Map.groupBy(pairs, ({ from, to }) => `${clusterOf.get(from)} ${clusterOf.get(to)}`);
  const rows = names.map((from) => [
    from,
    ...names.map((to) => {
      const of = cells.get(`${from} ${to}`);
      return of && `${of.filter(reaches).length}/${of.length}`;
    }),
  ]);
  return table(['FROM \\ TO', ...names], rows).split('\n');
}

/** Pairs by why they do not reach each other, a few of each by name. */
function groups(title: string, pairs: readonly Pair[]): string[] {
  if (pairs.length === 0) return [];
  const byReason = Map.groupBy(pairs, ({ walk }) => walk.stopped!);
  return [
    '',
    title,
    ...[...byReason].map(([reason, of]) => {
      const some = of.slice(0, 3).map(({ from, to, family }) => `${from} to ${to} (IPv${family})`);
      return `  ${of.length} pair${of.length > 1 ? 's' : ''}: ${reason}; ${some.join(', ')}${of.length > some.length ? ', ...' : ''}`;
    }),
  ];
}
