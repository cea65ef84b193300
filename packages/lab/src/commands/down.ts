import type { Command } from '@kosmos/kernel';
import { exists, takeDown } from '../down.ts';
import { labError } from '../errors.ts';
import { DEFAULT_NAME } from '../start.ts';
import { labDir, labNames } from '../state.ts';

export const down: Command = {
  path: ['lab', 'down'],
  summary: 'take a lab down, and leave nothing of it',
  arguments: [{ name: '[name]', description: `name of the lab, default ${DEFAULT_NAME}` }],
  options: [{ flags: '--all', description: 'every lab of this user' }],
  async run({ args, options, stdout }) {
    if (options.all && args[0] !== undefined) throw labError('KOSMOS_E_LAB_NAME', `either --all or the name '${args[0]}', not both`);
    const names = options.all ? labNames() : [args[0] ?? DEFAULT_NAME];
    for (const name of names) {
      const dir = labDir(name);
      const there = exists(dir);
      await takeDown(dir);
      stdout.write(there ? `lab ${name} is down\n` : `no lab ${name} was up\n`);
    }
  },
};
