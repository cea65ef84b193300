import { type Command, table } from '@kosmos/kernel';
import type { Status } from '../control.ts';
import { Lab, type LabCluster } from '../lab.ts';
import { messageOf } from '../errors.ts';
import { labNames } from '../state.ts';

/** What `-o json` prints of each lab. */
interface LabStatus {
  readonly name: string;
  readonly dir: string;
  /** `broken`: its supervisor does not answer; `kosmos lab down` takes it down. */
  readonly state: 'ready' | 'starting' | 'broken';
  readonly clusters: readonly (LabCluster & { readonly server: string })[];
  readonly processes: Status['processes'];
  readonly cuts: Status['cuts'];
}

export const status: Command = {
  path: ['lab', 'status'],
  summary: 'show labs, their clusters and processes',
  arguments: [{ name: '[name]', description: 'one lab; default all of this user' }],
  options: [{ flags: '-o, --output <format>', description: 'table or json', choices: ['table', 'json'], default: 'table' }],
  async run({ args, options, stdout }) {
    const names = args[0] === undefined ? labNames() : [args[0]];
    const labs = await Promise.all(names.map(statusOf));
    if (options.output === 'json') stdout.write(`${JSON.stringify(labs, undefined, 2)}\n`);
    else if (labs.length === 0) stdout.write('no lab runs; kosmos lab up starts one\n');
    else stdout.write(`${labs.map(shown).join('\n\n')}\n`);
    return labs.some((l) => l.state === 'broken') ? 1 : 0;
  },
};

async function statusOf(name: string): Promise<LabStatus> {
  const lab = new Lab(name);
  const clusters = lab.clusters.map((c) => ({ ...c, server: `https://127.0.0.1:${c.port}` }));
  try {
    const { ready, processes, cuts } = await lab.status();
    return { name, dir: lab.dir, state: ready ? 'ready' : 'starting', clusters, processes, cuts };
  } catch (error) {
    if (!messageOf(error).includes('supervisor')) throw error;
    return { name, dir: lab.dir, state: 'broken', clusters, processes: [], cuts: [] };
  }
}

function shown(lab: LabStatus): string {
  const clusters = lab.clusters.map((c) => [c.name, c.podCIDR, c.server, c.nodes.length, c.kubeconfig]);
  const processes = lab.processes.map((p) => [p.name, p.state, p.pid, p.restarts, p.rss && `${Math.round(p.rss / 2 ** 20)} MiB`]);
  return [
    `lab ${lab.name}: ${lab.state}${lab.state === 'broken' ? `, its supervisor does not answer; kosmos lab down ${lab.name} takes it down` : ''}`,
    ...lab.cuts.map((c) => `${c.loss === 100 ? 'cut' : `${c.loss} % lost`} between ${c.a} and ${c.b}; kosmos lab heal mends it`),
    table(['CLUSTER', 'PODS', 'SERVER', 'NODES', 'KUBECONFIG'], clusters),
    ...(processes.length > 0 ? ['', table(['PROCESS', 'STATE', 'PID', 'RESTARTS', 'MEMORY'], processes)] : []),
  ].join('\n');
}
