import { mkdir, mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { type Command, type CommandContext, KosmosError } from '@kosmos/kernel';
import { stringify } from 'yaml';
import type { NetworkHooks } from '../contracts.ts';
import { createPlanner, type PlannerOptions } from '../plan/planner.ts';
import { collect, type Failure } from './collect.ts';
import { redact, redactText } from './redact.ts';

/** Sooner nobody wonders what it is doing. */
const SILENT_MS = 1000;
/** The archive is there, and something is missing in it. */
const INCOMPLETE = 3;

/** `kosmos diagnose bundle`: what the host cluster says of every node, in one archive that may be shown to others. */
export const bundleCommand = (hooks: NetworkHooks, options: PlannerOptions): Command => ({
  path: ['diagnose', 'bundle'],
  summary: 'Put the state of every node into one archive, without secrets',
  help: [
    'Examples:',
    '  kosmos diagnose bundle',
    '  kosmos diagnose bundle c1-node1 c2-node4 -o trouble.tar.gz',
    '',
    'Exit codes: 0 all was read; 3 the archive is written, and failures.txt in it says what could not be read.',
  ].join('\n'),
  arguments: [{ name: '[nodes...]', description: 'only these ClusterNodes, beside what is of the whole network; default: all' }],
  options: [{ flags: '-o, --output <file>', description: 'where to write it; default: kosmos-bundle-TIME.tar.gz here' }],
  async run(context) {
    const name = `kosmos-bundle-${new Date().toISOString().replace(/[-:]|\.\d+/g, '')}`;
    const file = resolve((context.options['output'] as string | undefined) ?? `${name}.tar.gz`);
    const folder = await mkdtemp(join(tmpdir(), 'kosmos-bundle-'));
    try {
      const { nodes, failures } = await gather(context, join(folder, name), createPlanner(hooks, options));
      await archive(folder, name, file);
      for (const { what, why } of failures) context.stderr.write(`Not in the bundle: ${what}: ${why}\n`);
      context.stdout.write(`${file}: ${nodes} nodes${failures.length > 0 ? `; ${failures.length} things could not be read` : ''}\n`);
      return failures.length > 0 ? INCOMPLETE : 0;
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  },
});

async function gather(context: CommandContext, folder: string, planner: ReturnType<typeof createPlanner>) {
  const { args, clusters, signal, stderr } = context;
  const since = performance.now();
  const write = async (path: string, content: unknown) => {
    const text = typeof content === 'string' ? content : stringify(redact(content), { aliasDuplicateObjects: false, lineWidth: 0 });
    await mkdir(dirname(join(folder, path)), { recursive: true, mode: 0o700 });
    await writeFile(join(folder, path), text, { mode: 0o600 });
  };
  const progress = (what: string) => {
    if (performance.now() - since > SILENT_MS) stderr.write(`${what}\n`);
  };
  const collected = await collect({ host: clusters.client('host'), planner, signal, write, progress }, args);
  const { nodes, failures } = collected;
  const at = new Date().toISOString();
  await write('bundle.yaml', { at, node: process.version, server: clusters.client('host').server, nodes, failures: failures.length });
  if (failures.length > 0) await write('failures.txt', failures.map(lineOf).join(''));
  progress('Packing');
  return collected;
}

const lineOf = ({ what, why }: Failure) => `${what}: ${redactText(why)}\n`;

/** All of it, or no file. */
async function archive(folder: string, name: string, file: string): Promise<void> {
  const { create } = await import('tar'); // agents need none
  const part = `${file}.part`;
  try {
    await create({ gzip: true, cwd: folder, file: part, portable: true, mode: 0o600 }, [name]);
    await rename(part, file);
  } catch (cause) {
    await rm(part, { force: true });
    throw new KosmosError('KOSMOS_E_FILE', `${file} cannot be written: ${(cause as Error).message}`, {
      where: '--output',
      hint: 'Name a file in a folder that exists and is yours.',
      cause,
    });
  }
}
