import { randomBytes } from 'node:crypto';
import { type Cluster, ClusterKind } from '@kosmos/api';
import type { Runner } from '@kosmos/hostnet';
import { type Command, type CommandContext, KosmosError } from '@kosmos/kernel';
import { memberClient } from '@kosmos/plugin-clusters/contracts';
import type { NetworkView, NetworkViews, Pair, ViewedNode } from '@kosmos/plugin-network-vxlan/contracts';
import { askAll, pairs, type Place } from './ask.ts';
import { type By, jsonOf, junitOf, type Outcome, tableOf } from './print.ts';
import { progress } from './progress.ts';
import type { Sample } from './sample.ts';
import { removeLeftovers, Workload } from './workload.ts';

/** With what `--by cluster` is content: a gateway and another node stand for all of a cluster. */
const PER_CLUSTER = 2;
const SECONDS = /^(\d+)(s|m)?$/;

interface Options {
  readonly by: By;
  readonly image: string;
  readonly output: 'table' | 'json' | 'junit';
  readonly timeout: string;
}

/** `kosmos check`: does every cluster reach every other, and if not, why? */
export function checkCommand(views: NetworkViews): Command {
  return {
    path: ['check'],
    summary: 'Send packets between all clusters, and say what is wrong where they get lost',
    help: [
      'Examples:',
      '  kosmos check                          a gateway and another node of each cluster',
      '  kosmos check --by node c1 c2          every node of two clusters',
      '  kosmos check -o junit > check.xml     for CI',
      'Exit code: 0 all is well, 1 something failed, 2 wrong use.',
    ].join('\n'),
    arguments: [{ name: '[clusters...]', description: 'only these; default: all' }],
    options: [
      {
        flags: '--by <what>',
        description: 'what a row is about; node: all nodes are asked',
        default: 'cluster',
        choices: ['cluster', 'node'],
      },
      {
        flags: '--image <image>',
        description: 'of the pods: with node and ping, and for explanations iproute2, nftables and iptables',
        default: 'node:24',
      },
      { flags: '--timeout <time>', description: 'until all pods are ready, such as 90s or 5m', default: '2m' },
      { flags: '-o, --output <format>', description: 'how to print', default: 'table', choices: ['table', 'json', 'junit'] },
    ],
    run: (context) => run(context, views),
  };
}

async function run(context: CommandContext, views: NetworkViews): Promise<number> {
  const options = context.options as unknown as Options;
  const timeoutMs = timeoutOf(options.timeout);
  const step = progress(context.stderr);
  const workloads: Workload[] = [];
  try {
    step('reading the objects of the host cluster');
    const view = await views.read(context.clusters, context.signal);
    const clusters = chosen(await context.clusters.client('host').list(ClusterKind, { signal: context.signal }), context.args);
    const nodes = nodesOf(view.nodes, clusters, options.by);
    step(`starting pods on ${nodes.length} nodes`);
    const { places, faults } = await start(context, clusters, nodes, { image: options.image, timeoutMs }, workloads);
    const samples = pairs(view, places);
    const asked = await askAll(samples, places, context.signal, (done) =>
      step('sending packets between them', `${done} of ${samples.length} pairs`),
    );
    if (asked.some(({ problems }) => problems.length > 0)) step('looking at the nodes on the way');
    const outcome = {
      samples: await explained(asked, places, view, context.signal),
      faults,
      warnings: view.warnings(nodes.map(({ name }) => name)),
    };
    step.end();
    print(context, outcome, options);
    const failed = outcome.samples.some(({ problems }) => problems.length > 0);
    return failed || faults.length > 0 ? 1 : 0;
  } finally {
    step('taking the pods away');
    const ended = await Promise.allSettled(workloads.map((workload) => workload.stop()));
    step.end();
    for (const [i, result] of ended.entries()) {
      if (result.status === 'rejected')
        context.stderr.write(
          `Namespace ${workloads[i]!.namespace} of cluster '${workloads[i]!.client.cluster}' could not be deleted: ${(result.reason as Error).message}\n`,
        );
    }
  }
}

function timeoutOf(text: string): number {
  const [, count, unit] = SECONDS.exec(text) ?? [];
  if (count === undefined) {
    throw new KosmosError('KOSMOS_E_ARGUMENT', `--timeout is '${text}'; allowed: a number of seconds or minutes.`, {
      hint: 'Write it as 90s or 5m.',
    });
  }
  return Number(count) * (unit === 'm' ? 60_000 : 1000);
}

function chosen(clusters: readonly Cluster[], names: readonly string[]): readonly Cluster[] {
  const known = clusters.map(({ metadata }) => metadata.name).sort();
  const missing = names.filter((name) => !known.includes(name));
  if (missing.length > 0) {
    throw new KosmosError('KOSMOS_E_ARGUMENT', `There is no cluster ${missing.map((name) => `'${name}'`).join(' and no ')}.`, {
      hint: `Name some of: ${known.join(', ') || '(none is joined)'}.`,
    });
  }
  const all = names.length === 0 ? clusters : clusters.filter(({ metadata }) => names.includes(metadata.name));
  if (all.length < 2) {
    throw new KosmosError('KOSMOS_E_ARGUMENT', `Only ${all.length} cluster is to be checked: there is nothing to reach from it.`, {
      hint: names.length === 0 ? 'Join another: kosmos join NAME --kubeconfig FILE.' : 'Name two at least, or none for all.',
    });
  }
  return all;
}

function nodesOf(all: readonly ViewedNode[], clusters: readonly Cluster[], by: By): ViewedNode[] {
  return clusters.flatMap(({ metadata: { name } }) => {
    const own = all.filter(({ cluster }) => cluster === name);
    if (by === 'node') return own;
    const [gateway] = own.filter((node) => node.gateway);
    return [...(gateway ? [gateway] : []), ...own.filter((node) => node !== gateway)].slice(0, PER_CLUSTER);
  });
}

/** Starts the pods. A cluster that cannot be checked holds up no other; it is said why. */
async function start(
  context: CommandContext,
  clusters: readonly Cluster[],
  nodes: readonly ViewedNode[],
  options: { readonly image: string; readonly timeoutMs: number },
  workloads: Workload[],
): Promise<{ places: Place[]; faults: string[] }> {
  const { signal } = context;
  const run = randomBytes(4).toString('hex');
  const faults: string[] = [];
  const started = await Promise.allSettled(
    clusters.map(async (cluster): Promise<Place[]> => {
      const { name } = cluster.metadata;
      const own = nodes.filter((node) => node.cluster === name);
      if (own.length === 0) throw new Error('none of its nodes takes part in the network; kosmos plan says why');
      const client = await memberClient(context, cluster);
      const left = await removeLeftovers(client, signal);
      if (left.length > 0) context.stderr.write(`Removed what an earlier check left in cluster '${name}': ${left.join(', ')}\n`);
      const workload = new Workload(client, { ...options, run, signal });
      workloads.push(workload);
      const { pods, missing } = await workload.start(own);
      faults.push(...missing.map((why) => `cluster ${name}: ${why}`));
      const familiesOf = new Map(own.map((node) => [node.name, node.families]));
      return pods.map((of) => ({ ...of, client, cluster: name, families: familiesOf.get(of.name)!, namespace: workload.namespace }));
    }),
  );
  signal.throwIfAborted();
  return {
    places: started.flatMap((result) => (result.status === 'fulfilled' ? result.value : [])),
    faults: [
      ...faults,
      ...started.flatMap((result, i) =>
        result.status === 'rejected'
          ? [
              `cluster ${clusters[i]!.metadata.name}: ${[(result.reason as Error).message, (result.reason as KosmosError).hint].filter(Boolean).join(' ')}`,
            ]
          : [],
      ),
    ],
  };
}

/** Adds to each failure why, as far as plans and nodes tell. */
async function explained(samples: readonly Sample[], places: readonly Place[], view: NetworkView, signal: AbortSignal): Promise<Sample[]> {
  const placeOf = new Map(places.map((place) => [place.name, place]));
  const own = (ips: readonly string[], family: 4 | 6) => ips.find((ip) => ip.includes(':') === (family === 6));
  const failed = samples.flatMap((sample) => {
    const [from, to] = [placeOf.get(sample.from)!, placeOf.get(sample.to)!];
    const source = own(from.podIPs, sample.family);
    const target = own(to.podIPs, sample.family);
    const service = sample.kind === 'service' ? own(to.clusterIPs, sample.family) : undefined;
    if (sample.answer === undefined || sample.problems.length === 0 || source === undefined || target === undefined) return [];
    const pair: Pair = { from: sample.from, to: sample.to, source, target, ...(service !== undefined && { service }) };
    return [{ sample, pair }];
  });
  if (failed.length === 0) return [...samples];
  const on = (node: string) => runnerOn(placeOf.get(node));
  const found = await view.diagnose(
    failed.map(({ pair }) => pair),
    on,
    signal,
  );
  const explanationOf = new Map(failed.map(({ sample }, i) => [sample, found[i]!]));
  return samples.map((sample) => {
    const explanation = explanationOf.get(sample);
    return explanation ? { ...sample, explanation } : sample;
  });
}

/** Tools run in the pod that is in the node's own network. Standard input goes as an argument: not every API server can end a stream. */
function runnerOn(place: Place | undefined): Runner | undefined {
  if (!place) return undefined;
  const { client, namespace, host } = place;
  return (argv, { input, signal }) => {
    const command = input === undefined ? ['exec "$@"', 'sh'] : ['in=$1; shift; printf %s "$in" | "$@"', 'sh', input];
    return client.exec({ namespace, name: host }, ['sh', '-c', ...command, ...argv], { ...(signal && { signal }) });
  };
}

function print({ stdout }: CommandContext, outcome: Outcome, { output, by }: Options): void {
  const colour = Boolean((stdout as NodeJS.WriteStream).isTTY) && !process.env.NO_COLOR;
  const text = output === 'json' ? jsonOf(outcome, by) : output === 'junit' ? junitOf(outcome, by) : tableOf(outcome, by, colour);
  stdout.write(`${text}\n`);
}
