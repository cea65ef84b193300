import { Commands, definePlugin, part, type Plugin } from '@kosmos/kernel';
import { z } from 'zod';
import { labCommands } from './commands/index.ts';

/** Brings the commands `kosmos lab ...`. It has no options. */
export const lab: (options?: Record<never, never>) => Plugin = definePlugin({
  name: 'lab',
  version: '0.1.0',
  apiVersion: 1,
  kernel: '*',
  options: z.strictObject({}),
  parts: {
    cli: part<Record<never, never>>()({
      provides: { commands: Commands },
      setup: (ctx) => {
        for (const command of labCommands) ctx.provide('commands', command);
      },
    }),
  },
});
