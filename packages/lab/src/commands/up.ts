import type { Command } from '@kosmos/kernel';
import { labError } from '../errors.ts';
import { DEFAULT_NAME, startLab } from '../start.ts';
import { MAX_CLUSTERS, MAX_NODES, type Topology } from '../topology.ts';
import { plainTopology, readTopology } from '../topology-file.ts';

export const up: Command = {
  path: ['lab', 'up'],
  summary: 'start clusters on this machine',
  arguments: [{ name: '[name]', description: `name of the lab, default ${DEFAULT_NAME}` }],
  options: [
    { flags: '--clusters <n>', description: 'number of clusters, default 2' },
    { flags: '--nodes <n>', description: 'nodes of each cluster, default 2' },
    { flags: '-f, --file <file>', description: 'topology file, instead of the numbers' },
    { flags: '--data <dir>', description: 'keep what the clusters hold there: a lab that is started on it again comes up as it was' },
    { flags: '--config <file>', description: 'kosmos.config.ts: runs Kosmos in the lab, too' },
  ],
  help: `Examples:
  kosmos lab up
  kosmos lab up big --clusters 3 --nodes 4
  kosmos lab up -f topology.yaml
  kosmos lab up dev --data ~/dev-lab
  kosmos lab up --config kosmos.config.ts`,
  async run({ args, options, stdout, signal }) {
    const topology = topologyFrom(options);
    const started = performance.now();
    const step = (what: string, ms: number) => stdout.write(`${(ms / 1000).toFixed(1).padStart(5)} s  ${what}\n`);
    const lab = await startLab({
      ...(args[0] !== undefined && { name: args[0] }),
      ...(topology && { topology }),
      ...(typeof options.data === 'string' && { data: options.data }),
      ...(typeof options.config === 'string' && { config: options.config }),
      onStep: step,
      signal,
    });
    step('ready', performance.now() - started);
    stdout.write('\n');
    for (const cluster of lab.clusters) stdout.write(`kubectl --kubeconfig ${cluster.kubeconfig} get nodes\n`);
    const { name } = lab;
    stdout.write(`kosmos lab status ${name}\nkosmos lab down ${name}\n`);
  },
};

/** Undefined when nothing is asked for. */
function topologyFrom(options: Readonly<Record<string, unknown>>): Topology | undefined {
  if (typeof options.file === 'string') {
    if (options.clusters !== undefined || options.nodes !== undefined)
      throw labError('KOSMOS_E_LAB_TOPOLOGY', '--file says how many clusters and nodes there are: give it, or --clusters and --nodes');
    return readTopology(options.file);
  }
  if (options.clusters === undefined && options.nodes === undefined) return undefined;
  return plainTopology(number('--clusters', options.clusters, 1, MAX_CLUSTERS), number('--nodes', options.nodes, 0, MAX_NODES));
}

function number(flag: string, text: unknown, min: number, max: number): number {
  if (text === undefined) return 2;
  const value = Number(text);
  if (typeof text !== 'string' || !/^\d+$/.test(text) || value < min || value > max)
    throw labError('KOSMOS_E_LAB_TOPOLOGY', `'${text}' is not a whole number from ${min} to ${max}`, { where: flag });
  return value;
}
