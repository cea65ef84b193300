import { type CommandContext, KosmosErrors } from '@kosmos/kernel';
import { stringify } from 'yaml';
import { differences, type ListDifference, type NodeDifference } from '../plan/difference.ts';
import type { Planner } from '../plan/planner.ts';
import { conditionLines, lineOf, malformed } from './lines.ts';
import { type Fleet, fetchFleet, readFleet } from './read.ts';

/** `kosmos plan --diff`: what applying some objects would change, as `kubectl diff` answers: exit code 1 where something would. */
export async function showDifference(context: CommandContext, make: () => Planner): Promise<number> {
  const { options, stdout, stderr } = context;
  const [file, diff] = [options['file'] as string | undefined, options['diff'] as string];
  const fleet = file ? await readFleet(file) : await fetchFleet(context);
  const changed = await readFleet(diff);
  const [before, after] = [filled(make(), fleet), filled(make(), applied(fleet, changed))];
  const errors = [...fleet.problems, ...changed.problems, ...malformed(diff, after.conditions())];
  if (errors.length > 0) throw errors.length === 1 ? errors[0]! : new KosmosErrors(errors);
  const only = options['node'] as string | undefined;
  const found = differences(before.all(), after.all()).filter(({ node }) => only === undefined || node === only);
  const [was, is] = [before, after].map((planner) => new Set(conditionLines(planner.conditions())));
  const conditions = [
    ...[...was!].filter((l) => !is!.has(l)).map((l) => `- ${l}`),
    ...[...is!].filter((l) => !was!.has(l)).map((l) => `+ ${l}`),
  ];
  if (options['output'] === 'table') {
    const lines = [...found.flatMap(blockOf), ...(conditions.length > 0 ? ['CONDITIONS', ...conditions.map((l) => `  ${l}`)] : [])];
    stdout.write(lines.length > 0 ? `${lines.join('\n')}\n` : 'Nothing would change.\n');
  } else {
    const byNode = Object.fromEntries(found.map(({ node, lists }) => [node, lists]));
    stdout.write(
      options['output'] === 'json'
        ? `${JSON.stringify(byNode, undefined, 2)}\n`
        : stringify(byNode, { aliasDuplicateObjects: false, lineWidth: 0 }),
    );
    for (const line of conditions) stderr.write(`${line}\n`);
  }
  return found.length + conditions.length > 0 ? 1 : 0;
}

function filled(planner: Planner, { clusters, nodes }: Pick<Fleet, 'clusters' | 'nodes'>): Planner {
  for (const cluster of clusters) planner.setCluster(cluster);
  for (const node of nodes) planner.setNode(node);
  return planner;
}

/** What the fleet would be: fields that an object does not state stay, as with server-side apply. */
function applied(fleet: Fleet, changed: Fleet): Pick<Fleet, 'clusters' | 'nodes'> {
  const over = <T extends { readonly metadata: { readonly name: string } }>(known: readonly T[], given: readonly T[]): T[] => {
    const all = new Map(known.map((object) => [object.metadata.name, object]));
    for (const object of given) {
      const { name } = object.metadata;
      const old = all.get(name);
      all.set(name, old ? ({ ...(merged(old, object) as T), metadata: old.metadata } as T) : object);
    }
    return [...all.values()];
  };
  return { clusters: over(fleet.clusters, changed.clusters), nodes: over(fleet.nodes, changed.nodes) };
}

function merged(old: unknown, now: unknown): unknown {
  const isObject = (value: unknown): value is Record<string, unknown> =>
    typeof value === 'object' && value !== null && !Array.isArray(value);
  if (!isObject(old) || !isObject(now)) return now ?? old;
  return Object.fromEntries([...new Set([...Object.keys(old), ...Object.keys(now)])].map((key) => [key, merged(old[key], now[key])]));
}

function blockOf({ node, lists }: NodeDifference): string[] {
  const of = <T>(list: ListDifference<T> | undefined, line: (item: T) => string): string[] =>
    list
      ? [
          ...list.removed.map((item) => `  - ${line(item)}`),
          ...list.changed.flatMap(({ from, to }) => [`  - ${line(from)}`, `  + ${line(to)}`]),
          ...list.added.map((item) => `  + ${line(item)}`),
        ]
      : [];
  const { devices, routes, fdbs, arps, nat } = lists;
  return [
    node,
    ...of(devices, lineOf.devices),
    ...of(routes, lineOf.routes),
    ...of(fdbs, lineOf.fdbs),
    ...of(arps, lineOf.arps),
    ...of(nat, lineOf.nat),
  ];
}
