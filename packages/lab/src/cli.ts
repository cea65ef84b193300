/** The lab's commands by themselves, without the `kosmos` command: `npx @kosmos/lab up`. */
import { readFileSync } from 'node:fs';
import { styleText } from 'node:util';
import type { Command as LabCommand, CommandContext } from '@kosmos/kernel';
import { formatErrors } from '@kosmos/kernel/runtime';
import { Command, CommanderError, Option } from 'commander';
import { labCommands } from './commands/index.ts';

const PROGRAM = 'npx @kosmos/lab';

/** What the commands say of each other, as they are called here. */
const asCalled = (text: string): string => text.replaceAll(/(npx )?kosmos lab/g, PROGRAM);

/** Runs one command; the exit code. */
export async function main(argv: readonly string[]): Promise<number> {
  const abort = new AbortController();
  const onSignal = (signal: NodeJS.Signals) => abort.abort(new Error(`ended by ${signal}`));
  process.on('SIGINT', onSignal).on('SIGTERM', onSignal);
  const outcome = { code: 0 };
  try {
    await program(outcome, abort.signal).parseAsync([...argv], { from: 'user' });
    return outcome.code;
  } catch (error) {
    // It has printed what it has to say; usage errors are 2, as with other commands.
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2;
    if (abort.signal.aborted) return 130;
    process.stderr.write(asCalled(`${formatErrors(error, { colour: process.stderr.isTTY && !process.env.NO_COLOR, debug: false })}\n`));
    return 1;
  } finally {
    process.off('SIGINT', onSignal).off('SIGTERM', onSignal);
  }
}

function program(outcome: { code: number }, signal: AbortSignal): Command {
  const { version, description } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as Record<string, string>;
  const all = new Command(PROGRAM).description(description ?? '').version(version ?? '', '-V, --version', 'show the version');
  all
    .enablePositionalOptions()
    .exitOverride()
    .configureHelp({ styleTitle: (text) => styleText('bold', text) });
  for (const spec of labCommands) add(all, spec, outcome, signal);
  return all;
}

function add(all: Command, spec: LabCommand, outcome: { code: number }, signal: AbortSignal): void {
  const command = all.command(spec.path.slice(1).join(' ')).description(spec.summary);
  for (const argument of spec.arguments ?? []) command.argument(argument.name, argument.description);
  for (const o of spec.options ?? []) {
    const option = new Option(o.flags, o.description);
    if (o.choices) option.choices(o.choices);
    if (o.default !== undefined) option.default(o.default);
    command.addOption(option);
  }
  if (spec.help) command.addHelpText('after', `\n${asCalled(spec.help)}`);
  if (spec.passThrough) command.passThroughOptions().allowUnknownOption();
  const stdout = { write: (text: string | Uint8Array) => process.stdout.write(typeof text === 'string' ? asCalled(text) : text) };
  command.action(async () => {
    // The lab's commands need no clusters and no log of a kernel.
    const context = { args: command.args, options: command.opts(), stdout, stderr: process.stderr, signal };
    outcome.code = (await spec.run(context as unknown as CommandContext)) ?? 0;
  });
}
