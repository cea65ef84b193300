import { createHostNet, HostNetError } from '@kosmos/hostnet';
import { type Command, KosmosError } from '@kosmos/kernel';
import { removeAll } from './uninstall.ts';

/** Commands that act on the machine they run on. */
export const agentCommands: readonly Command[] = [
  {
    path: ['agent', 'uninstall'],
    summary: 'Take all that the network agent made from this node',
    help: 'Stop the agent first, or it puts everything back. Does nothing where Kosmos has not been.',
    async run({ stdout, signal }) {
      try {
        const { written, refused } = await removeAll(createHostNet(), { signal });
        for (const { item, message } of refused) stdout.write(`${item} could not be removed: ${message}\n`);
        stdout.write(
          written === 0 ? 'There was nothing of Kosmos on this node.\n' : `Removed what Kosmos made on this node (${written} changes).\n`,
        );
        return refused.length > 0 ? 1 : 0;
      } catch (error) {
        if (!(error instanceof HostNetError)) throw error;
        throw new KosmosError('KOSMOS_E_HOST', error.message, {
          where: 'agent uninstall',
          ...(error.hint !== undefined && { hint: error.hint }),
        });
      }
    },
  },
];
