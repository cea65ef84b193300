import { createReadStream, existsSync, statSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Command } from '@kosmos/kernel';
import { labError } from '../errors.ts';
import type { Lab } from '../lab.ts';
import { paths } from '../state.ts';
import { parseTarget } from './target.ts';

const POLL_MS = 200;

export const logs: Command = {
  path: ['lab', 'logs'],
  summary: 'print the log of a process of the lab, or of a pod',
  arguments: [{ name: '<target>', description: '[LAB/]<process> as `kosmos lab status` lists it, or [LAB/]<cluster>/[<namespace>/]<pod>' }],
  options: [
    { flags: '-f, --follow', description: 'go on as it grows' },
    { flags: '-c, --container <name>', description: 'of a pod with several; default the first' },
  ],
  help: `Examples:
  kosmos lab logs c1/apiserver
  kosmos lab logs -f c1/n1/agent
  kosmos lab logs c1/web`,
  async run({ args, options, stdout, signal }) {
    const { lab, target } = parseTarget(args[0] ?? '');
    const file = logFile(lab, target, options.container as string | undefined);
    let offset = await print(file, 0, stdout);
    while (options.follow && !signal.aborted) {
      await sleep(POLL_MS, undefined, { signal }).catch(() => {});
      if (existsSync(file) && statSync(file).size > offset) offset = await print(file, offset, stdout);
    }
  },
};

function logFile(lab: Lab, target: string, container: string | undefined): string {
  const file = paths(lab.dir).log(target);
  if (container === undefined && existsSync(file)) return file;
  const pod = lab.pod(target);
  const found = container === undefined ? pod.containers[0] : pod.containers.find((c) => c.name === container);
  if (!found)
    throw labError('KOSMOS_E_LAB_TARGET', `pod ${pod.name} has no container '${container}'`, {
      hint: `it has: ${pod.containers.map((c) => c.name).join(', ')}`,
    });
  return found.log;
}

/** Writes the file from `offset` on; the offset where it ended. */
async function print(file: string, offset: number, out: NodeJS.WritableStream): Promise<number> {
  if (!existsSync(file)) return offset; // it has not said anything yet
  let end = offset;
  for await (const chunk of createReadStream(file, { start: offset })) {
    end += (chunk as Buffer).length;
    if (!out.write(chunk as Buffer)) await new Promise<void>((resolve) => out.once('drain', () => resolve()));
  }
  return end;
}
