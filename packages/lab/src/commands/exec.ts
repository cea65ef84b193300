import { spawn } from 'node:child_process';
import { constants } from 'node:os';
import type { Command } from '@kosmos/kernel';
import { labError } from '../errors.ts';
import { toolEnv } from '../isolate.ts';
import { parseTarget } from './target.ts';

export const exec: Command = {
  path: ['lab', 'exec'],
  summary: "run a command in the network of a pod, a node or a cluster's control plane",
  arguments: [
    { name: '<target>', description: '[LAB/]<cluster>/<node>, <cluster>/<pod>, <cluster>/<namespace>/<pod> or <cluster>/cp' },
    { name: '[command...]', description: 'the command and its arguments' },
  ],
  passThrough: true,
  help: `Examples:
  kosmos lab exec c1/n1 -- ip route
  kosmos lab exec c1/web -- ping -c1 10.2.1.2
  kosmos lab exec other/c1/default/web -- bash`,
  async run({ args }) {
    const [targetText = '', ...rest] = args;
    const argv = rest[0] === '--' ? rest.slice(1) : rest;
    if (argv.length === 0)
      throw labError('KOSMOS_E_LAB_TARGET', 'no command is given', { hint: `kosmos lab exec ${targetText} -- COMMAND` });
    const { lab, target } = parseTarget(targetText);
    const [file, ...more] = lab.command(target, argv) as [string, ...string[]];
    const child = spawn(file, more, { env: toolEnv(), stdio: 'inherit' });
    // The terminal sends Ctrl-C to the command as well; it decides.
    const ignore = () => {};
    process.on('SIGINT', ignore);
    try {
      return await new Promise<number>((resolve, reject) => {
        child.once('error', reject);
        child.once('exit', (code, signal) => resolve(code ?? 128 + (signal ? constants.signals[signal] : 0)));
      });
    } finally {
      process.off('SIGINT', ignore);
    }
  },
};
