import type { Command } from '@kosmos/kernel';
import { down } from './down.ts';
import { exec } from './exec.ts';
import { cut, heal, kill, start } from './faults.ts';
import { logs } from './logs.ts';
import { status } from './status.ts';
import { up } from './up.ts';

export const labCommands: readonly Command[] = [up, status, exec, logs, cut, heal, kill, start, down];
