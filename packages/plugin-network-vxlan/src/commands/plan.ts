import { type Command, type CommandContext, KosmosError, KosmosErrors } from '@kosmos/kernel';
import { stringify } from 'yaml';
import type { NetworkHooks } from '../contracts.ts';
import type { ObjectConditions } from '../plan/conditions.ts';
import { createPlanner, type Planner, type PlannerOptions } from '../plan/planner.ts';
import type { Nat, NodePlan } from '../plan/types.ts';
import { fetchFleet, readFleet } from './read.ts';

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
    ].join('\n'),
    options: [
      { flags: '-f, --file <file>', description: "Cluster and ClusterNode objects, YAML or JSON; '-' is stdin; needs no cluster" },
      { flags: '--node <name>', description: 'only this ClusterNode' },
      { flags: '-o, --output <format>', description: 'how to print', default: 'table', choices: ['table', 'yaml', 'json'] },
    ],
    run: (context) => run(context, createPlanner(hooks, options)),
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

/** In a cluster the rest of the fleet goes on; in a file it is a mistake to mend before anything is applied. */
function malformed(file: string, conditions: readonly ObjectConditions[]): KosmosError[] {
  return conditions.flatMap(({ kind, name, conditions: found }) =>
    found
      .filter((c) => c.type === 'Malformed')
      .map(
        (c) =>
          new KosmosError('KOSMOS_E_OBJECT_INVALID', `${file === '-' ? 'stdin' : file}: ${kind} '${name}': ${c.message}`, {
            where: file,
            hint: 'Correct the value at the path named.',
          }),
      ),
  );
}

/** A block a node; routes that share a next hop stand together, so that large fleets stay readable. */
function table(plans: readonly NodePlan[], conditions: readonly ObjectConditions[]): string {
  const lines: string[] = [];
  for (const plan of plans) {
    lines.push(plan.devices.length > 0 ? plan.node : `${plan.node}   takes no part in the network`);
    for (const d of plan.devices)
      lines.push(
        `  device  ${d.name}  ${d.addr}  mac ${d.mac}  vni ${d.id}  port ${d.port}  on ${d.bindDev}${d.mtu ? `  mtu ${d.mtu}` : ''}`,
      );
    for (const r of plan.routes)
      lines.push(
        `  route   ${r.cidr}  via ${[r.gw, ...(r.alternates ?? [])].join(', ')}${r.active ? ` (${r.active} of them)` : ''}  dev ${r.dev}`,
      );
    for (const n of plan.nat) lines.push(`  nat     ${n.stage}  ${subject(n)}  dev ${n.dev}`);
    if (plan.devices.length > 0) lines.push(`  peers   ${plan.arps.length}`);
  }
  const found = conditionLines(conditions);
  if (found.length > 0) lines.push('', 'CONDITIONS', ...found);
  return `${lines.join('\n')}\n`;
}

function subject(n: Nat): string {
  if ('real' in n) return `${n.real} as ${n.seen}`;
  return 'cidr' in n ? n.cidr : `${n.cidrs?.join(', ') ?? 'any'}${n.except.length > 0 ? ` but ${n.except.join(', ')}` : ''}`;
}

function conditionLines(conditions: readonly ObjectConditions[]): string[] {
  return conditions.flatMap(({ kind, name, conditions: found }) =>
    found.map((c) => `${kind} ${name}  ${c.type} (${c.reason}): ${c.message}`),
  );
}
