/** The command line: what runs and shows processes and configs, and what plugins bring. */
import { styleText } from 'node:util';
import { type Command as PluginCommand, type CommandOption, ROLES } from '@kosmos/kernel';
import { type Kernel, type LogLevel, LOG_LEVELS, createKernel, findConfig, loadConfig } from '@kosmos/kernel/runtime';
import { Command, CommanderError, Option } from 'commander';
import { scanGlobals } from './globals.ts';
import { version } from './main.ts';
import { builtinPlugins, presetPlugins } from './packages.ts';
import type { ConfigOptions } from './config.ts';
import type { PluginsOptions } from './plugins.ts';
import { type RunOptions, run } from './run.ts';
import type { StatusOptions } from './status.ts';

/** Commands that need no plugin: they start without loading any, or load the config by themselves. */
const OWN = new Set(['run', 'version', 'status', 'log-level', 'config', 'plugins']);

interface Outcome {
  code: number;
}

export async function runProgram(argv: readonly string[]): Promise<number> {
  const { leading, trailing, words } = scanGlobals(argv);
  const outcome: Outcome = { code: 0 };
  const program = createProgram(outcome);
  if (!OWN.has(words[0] ?? '')) {
    let cli = await createCli(leading.config, leading.logLevel);
    // Given after the command, unless that takes all as its arguments.
    const late = trailing.config !== undefined || trailing.logLevel !== undefined;
    if (late && !commandOf(cli.kernel.commands, words)?.passThrough)
      cli = await createCli(trailing.config ?? leading.config, trailing.logLevel ?? leading.logLevel);
    for (const command of cli.kernel.commands) addCommand(program, command, cli, outcome);
    for (const group of program.commands) {
      // A word that only groups others says which.
      if (group.commands.length > 0 && !group.description()) group.description(group.commands.map((command) => command.name()).join(', '));
    }
  }
  try {
    await program.parseAsync([...argv], { from: 'user' });
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    // It has printed what it has to say; usage errors are 2, as with other commands.
    return error.exitCode === 0 ? 0 : 2;
  }
  return outcome.code;
}

function createProgram(outcome: Outcome): Command {
  const program = new Command('kosmos').description('Many Kubernetes clusters that work as one').enablePositionalOptions().exitOverride();
  program.configureHelp({ styleTitle: (text) => styleText('bold', text) }).showHelpAfterError('(kosmos help shows what there is)');
  addGlobals(program);
  program.version(version(), '-V, --version', 'show the version');
  program
    .command('version')
    .description('show the version')
    .action(() => void process.stdout.write(`${version()}\n`));
  const runCommand = program
    .command('run')
    .description('run the plugins of a config in one role, until SIGTERM')
    .addOption(new Option('--role <role>', 'what this process is').choices(ROLES.filter((role) => role !== 'cli')).makeOptionMandatory())
    .option('--cluster <name>', 'the cluster it runs in (default: host)')
    .option('--node <name>', 'the node it runs on; required for an agent')
    .action(async (_options: unknown, command: Command) => {
      outcome.code = await run(command.optsWithGlobals<RunOptions>());
    });
  addGlobals(runCommand);
  addOwn(program, outcome);
  return program;
}

/** Commands about processes and configs; each is loaded when it is called. */
function addOwn(program: Command, outcome: Outcome): void {
  const output = () => new Option('-o, --output <format>', 'how to print it (default: tables)').choices(['json']);
  program
    .command('status')
    .description('show what the kosmos processes of this machine do: clusters, plugins, informers, queues, leases')
    .addOption(output())
    .option('--address <url>', 'where a process serves health, instead of those of this machine: http://HOST:PORT')
    .action(async (options: StatusOptions) => void (outcome.code = await (await import('./status.ts')).status(options)));
  program
    .command('log-level')
    .description('show or change how much the kosmos processes of this machine log')
    .argument('[level]', LOG_LEVELS.join(', '))
    .action(async (level: string | undefined) => void (outcome.code = await (await import('./status.ts')).logLevel(level)));
  const config = program.command('config').description('show the config in effect, and where each value comes from').addOption(output());
  config.action(async () => void (outcome.code = await (await import('./config.ts')).showConfig(config.optsWithGlobals<ConfigOptions>())));
  const plugins = program.command('plugins').description('show the plugins of the config, and what they need and give').addOption(output());
  plugins.action(async () => void (outcome.code = await (await import('./plugins.ts')).plugins(plugins.optsWithGlobals<PluginsOptions>())));
  for (const command of [config, plugins]) addGlobals(command);
}

/** On the program, and on each command so that they may come after its words. */
function addGlobals(command: Command, own: readonly Option[] = []): void {
  const globals = [
    new Option('-c, --config <file>', 'config file (default: kosmos.config.ts here, if there is one)'),
    new Option('--log-level <level>', 'how much to log').choices(LOG_LEVELS),
  ];
  for (const option of globals) {
    const taken = own.some((other) => other.long === option.long || (other.short !== undefined && other.short === option.short));
    if (!taken) command.addOption(option);
  }
}

interface Cli {
  readonly kernel: Kernel;
  readonly configFile: string | undefined;
}

/** The kernel whose plugins bring the commands: set up, not started. */
async function createCli(file: string | undefined, logLevel: string | undefined): Promise<Cli> {
  const loaded =
    file !== undefined || findConfig() !== undefined
      ? await loadConfig(file, process.env)
      : { config: { plugins: await presetPlugins() }, file: undefined };
  const level = LOG_LEVELS.includes(logLevel as LogLevel) ? (logLevel as LogLevel) : undefined;
  const kernel = await createKernel({
    config: loaded.config,
    configFile: loaded.file,
    builtin: await builtinPlugins(),
    role: 'cli',
    logLevel: level,
  });
  return { kernel, configFile: loaded.file };
}

/** The command that these words call: the one with the longest path. */
function commandOf(commands: readonly PluginCommand[], words: readonly string[]): PluginCommand | undefined {
  return commands
    .filter(({ path }) => path.every((word, index) => words[index] === word))
    .toSorted((a, b) => b.path.length - a.path.length)[0];
}

function addCommand(program: Command, spec: PluginCommand, cli: Cli, outcome: Outcome): void {
  const parent = spec.path
    .slice(0, -1)
    .reduce<Command>((at, word) => at.commands.find((c) => c.name() === word) ?? at.command(word), program);
  const name = spec.path.at(-1) ?? '';
  const command = (parent.commands.find((c) => c.name() === name) ?? parent.command(name)).description(spec.summary);
  for (const argument of spec.arguments ?? []) command.argument(argument.name, argument.description);
  const options = (spec.options ?? []).map(toOption);
  for (const option of options) command.addOption(option);
  if (spec.help) command.addHelpText('after', `\n${spec.help}`);
  if (spec.passThrough) {
    if (!spec.arguments) command.argument('[args...]', 'passed on as they are');
    command.passThroughOptions().allowUnknownOption();
  } else addGlobals(command, options);
  command.action(async () => {
    outcome.code = await runCommand(spec, command.args, command.opts(), cli);
  });
}

function toOption(spec: CommandOption): Option {
  const option = new Option(spec.flags, spec.description);
  if (spec.choices) option.choices(spec.choices);
  if (spec.repeat) {
    const collect = (value: string, before: readonly string[] | undefined) => [...(before ?? []), value];
    option.argParser<readonly string[]>(collect);
  }
  if (spec.default !== undefined) option.default(spec.default);
  return option;
}

async function runCommand(
  spec: PluginCommand,
  args: readonly string[],
  options: Readonly<Record<string, unknown>>,
  { kernel, configFile }: Cli,
): Promise<number> {
  const abort = new AbortController();
  const onSignal = (signal: NodeJS.Signals) => {
    if (abort.signal.aborted) process.exit(signal === 'SIGINT' ? 130 : 143);
    abort.abort(new Error(`ended by ${signal}`));
  };
  // As SIGPIPE would, but in order.
  const onClosed = () => abort.abort(new Error('nobody reads the output'));
  process.on('SIGINT', onSignal).on('SIGTERM', onSignal);
  process.stdout.once('error', onClosed);
  try {
    await kernel.start();
    const { stdout, stderr } = process;
    const { log, clusters } = kernel;
    return (await spec.run({ args, options, stdout, stderr, signal: abort.signal, log, clusters, configFile })) ?? 0;
  } catch (error) {
    // Ctrl-C is what the user asked for, not a fault.
    if (abort.signal.aborted && (error === abort.signal.reason || (error as Error).name === 'AbortError')) return 130;
    throw error;
  } finally {
    await kernel.stop();
    process.off('SIGINT', onSignal).off('SIGTERM', onSignal);
    process.stdout.off('error', onClosed);
  }
}
