import { type Command, type CommandContext, KosmosError, KosmosErrors } from '@kosmos/kernel';
import { stringify } from 'yaml';
import type { NetworkHooks } from '../contracts.ts';
import type { ObjectConditions } from '../plan/conditions.ts';
import { createPlanner, type Planner, type PlannerOptions } from '../plan/planner.ts';
import type { NodePlan } from '../plan/types.ts';
import { showDifference } from './difference.ts';
import { conditionLines, lineOf, malformed } from './lines.ts';
import { fetchFleet, readFleet } from './read.ts';
import { simulate } from './simulate.ts';

/** `kosmos plan`: what every node's kernel is to hold, and what is wrong with the fleet. */
export function planCommand(hooks: NetworkHooks, options: PlannerOptions): Command {
  return {
    path: ['plan'],
    summary: 'Show what each node gets, without touching any',
    help: [
      'Examples:',
      '  kosmos plan                                 from the host cluster',
      '  kosmos plan -f fleet.yaml --node c1-node1   from a file, one node',
      '  kubectl get clusters,clusternodes -o yaml | kosmos plan -f - -o json',
      '  kosmos plan --diff changed.yaml             what applying these objects would change, and on which nodes',
      '  kosmos plan --simulate fleet.yaml --down c1-node1 --down c1/c2    who reaches whom without that node and that link',
    ].join('\n'),
    options: [
      { flags: '-f, --file <file>', description: "Cluster and ClusterNode objects, YAML or JSON; '-' is stdin; needs no cluster" },
      { flags: '--diff <file>', description: 'objects to be applied: show what would change; exit code 1 where something would' },
      { flags: '--simulate <file>', description: 'objects of a whole fleet: show whose pods reach whose; needs no cluster' },
      {
        flags: '--down <what>',
        repeat: true,
        description:
          'with --simulate: a ClusterNode that is dead, or a link, as A/B of ClusterNodes or Clusters; exit code 1 where pairs are cut off',
      },
      { flags: '--node <name>', description: 'only this ClusterNode' },
      { flags: '-o, --output <format>', description: 'how to print', default: 'table', choices: ['table', 'yaml', 'json'] },
    ],
    run(context) {
      const make = () => createPlanner(hooks, options);
      if (context.options['simulate'] !== undefined) return simulate(context, make());
      return context.options['diff'] === undefined ? run(context, make()) : showDifference(context, make);
    },
  };
}

async function run(context: CommandContext, planner: Planner): Promise<number> {
  const { options, stdout, stderr } = context;
  const file = options['file'] as string | undefined;
  const { clusters, nodes, problems } = file ? await readFleet(file) : await fetchFleet(context);
  for (const cluster of clusters) planner.setCluster(cluster);
  for (const node of nodes) planner.setNode(node);
  const conditions = planner.conditions();
  const errors = file ? [...problems, ...malformed(file, conditions)] : [];
  if (errors.length === 1) throw errors[0]!;
  if (errors.length > 1) throw new KosmosErrors(errors);
  const only = options['node'] as string | undefined;
  const plans =
    only === undefined
      ? [...planner.all()]
      : [
          planOf(
            planner,
            only,
            nodes.map(({ metadata }) => metadata.name),
          ),
        ];
  if (options['output'] === 'table') stdout.write(table(plans, conditions));
  else {
    // A node that takes no part has no NodeConfig; why, the conditions say. One that was asked for by name has its empty plan.
    const taking = plans.filter(({ devices }) => only !== undefined || devices.length > 0);
    const byNode = Object.fromEntries(taking.map(({ node, ...rest }) => [node, rest]));
    stdout.write(
      options['output'] === 'json'
        ? `${JSON.stringify(byNode, undefined, 2)}\n`
        : stringify(byNode, { aliasDuplicateObjects: false, lineWidth: 0 }),
    );
    for (const line of conditionLines(conditions)) stderr.write(`${line}\n`);
  }
  return 0;
}

function planOf(planner: Planner, node: string, known: readonly string[]): NodePlan {
  const plan = planner.planOf(node);
  if (plan) return plan;
  const some = [...known].sort().slice(0, 8).join(', ');
  throw new KosmosError('KOSMOS_E_NOT_FOUND', `There is no ClusterNode '${node}'.`, {
    hint: `Name one of: ${some || '(there are none)'}${known.length > 8 ? ', ...' : ''}.`,
  });
}

/** A block a node; routes that share a next hop stand together, so that large fleets stay readable. */
function table(plans: readonly NodePlan[], conditions: readonly ObjectConditions[]): string {
  const lines: string[] = [];
  for (const plan of plans) {
    lines.push(plan.devices.length > 0 ? plan.node : `${plan.node}   takes no part in the network`);
    for (const list of ['devices', 'routes', 'nat'] as const) for (const item of plan[list]) lines.push(`  ${lineOf[list](item as never)}`);
    if (plan.devices.length > 0) lines.push(`  peers   ${plan.arps.length}`);
  }
  const found = conditionLines(conditions);
  if (found.length > 0) lines.push('', 'CONDITIONS', ...found);
  return `${lines.join('\n')}\n`;
}
