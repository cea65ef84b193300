import type { Command } from '@kosmos/kernel';
import { labError } from '../errors.ts';
import { Lab } from '../lab.ts';
import { DEFAULT_NAME } from '../start.ts';
import { parseTarget } from './target.ts';

const WHAT = '[LAB/]<cluster>, <cluster>/<node>, <cluster>/cp, a router or an underlay';

export const cut: Command = {
  path: ['lab', 'cut'],
  summary: 'lose the packets between two clusters, nodes, routers or underlays',
  arguments: [
    { name: '<a>', description: WHAT },
    { name: '<b>', description: 'the same, of the same lab' },
  ],
  options: [{ flags: '--loss <percent>', description: 'lose only so many of them; default 100' }],
  help: `Examples:
  kosmos lab cut c1 c2
  kosmos lab cut c1/n1 c2/n1 --loss 20
  kosmos lab cut c1/n1 c1/cp`,
  async run({ args, options, stdout }) {
    const { lab, a, b } = twoOf(args);
    const loss = options.loss === undefined ? 100 : Number(options.loss);
    await lab.cut(a, b, { loss });
    stdout.write(`${a} and ${b}: ${loss === 100 ? 'cut' : `${loss} % lost`}; kosmos lab heal mends it\n`);
  },
};

export const heal: Command = {
  path: ['lab', 'heal'],
  summary: 'end the cuts of a lab, or the one between two',
  arguments: [
    { name: '[a]', description: `${WHAT}; alone, the name of a lab: all its cuts` },
    { name: '[b]', description: 'the same, of the same lab' },
  ],
  help: `Examples:
  kosmos lab heal
  kosmos lab heal c1 c2`,
  async run({ args, stdout }) {
    if (args.length < 2) {
      const name = args[0] ?? DEFAULT_NAME;
      await new Lab(name).heal();
      stdout.write(`nothing is cut in lab ${name}\n`);
      return;
    }
    const { lab, a, b } = twoOf(args);
    await lab.heal(a, b);
    stdout.write(`${a} and ${b}: healed\n`);
  },
};

export const kill: Command = {
  path: ['lab', 'kill'],
  summary: 'end everything on a node at once, as when its power goes',
  arguments: [{ name: '<node>', description: '[LAB/]<cluster>/<node>' }],
  async run({ args, stdout }) {
    const { lab, cluster, node } = nodeOf(args[0] ?? '');
    await lab.killNode(cluster, node);
    stdout.write(`${cluster}/${node} is off; kosmos lab start ${args[0]} boots it\n`);
  },
};

export const start: Command = {
  path: ['lab', 'start'],
  summary: 'boot a node that was killed',
  arguments: [{ name: '<node>', description: '[LAB/]<cluster>/<node>' }],
  async run({ args, stdout }) {
    const { lab, cluster, node } = nodeOf(args[0] ?? '');
    await lab.startNode(cluster, node);
    stdout.write(`${cluster}/${node} runs\n`);
  },
};

/** The first one may name the lab, which the second one is of, too. */
function twoOf(args: readonly string[]): { readonly lab: Lab; readonly a: string; readonly b: string } {
  const { lab, target } = parseTarget(args[0] ?? '');
  const b = args[1] ?? '';
  return { lab, a: target, b: b.startsWith(`${lab.name}/`) ? b.slice(lab.name.length + 1) : b };
}

function nodeOf(text: string): { readonly lab: Lab; readonly cluster: string; readonly node: string } {
  const { lab, target } = parseTarget(text);
  const [cluster, node, ...rest] = target.split('/');
  if (!cluster || !node || rest.length > 0)
    throw labError('KOSMOS_E_LAB_TARGET', `'${text}' is no node`, { hint: 'name it as <cluster>/<node>, e.g. c1/n2' });
  return { lab, cluster, node };
}
