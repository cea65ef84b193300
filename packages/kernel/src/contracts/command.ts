import { type Many, many } from './token.ts';
import type { Clusters, Logger } from './services.ts';

export interface CommandOption {
  /** As commander takes it: `-o, --output <format>`. */
  readonly flags: string;
  readonly description: string;
  readonly default?: string | boolean | readonly string[];
  readonly choices?: readonly string[];
  /** May be given several times; the value is an array. */
  readonly repeat?: boolean;
}

export interface CommandContext {
  readonly args: readonly string[];
  readonly options: Readonly<Record<string, unknown>>;
  readonly stdout: NodeJS.WritableStream;
  readonly stderr: NodeJS.WritableStream;
  /** Aborted by Ctrl-C. */
  readonly signal: AbortSignal;
  readonly log: Logger;
  readonly clusters: Clusters;
  /** Absolute path of the config in use, if there is one. */
  readonly configFile: string | undefined;
}

/** A command that a plugin brings to the CLI. */
export interface Command {
  /** Words, e.g. `['lab', 'up']`. */
  readonly path: readonly string[];
  readonly summary: string;
  /** Text after the options in --help: examples to copy. */
  readonly help?: string;
  /** As commander takes them: `[name]`, `<node>`, `[args...]`. */
  readonly arguments?: readonly { readonly name: string; readonly description: string }[];
  readonly options?: readonly CommandOption[];
  /** Everything after these words is an argument, even what looks like an option (`lab exec`). */
  readonly passThrough?: boolean;
  /** The exit code; undefined is 0. A KosmosError is printed as such. */
  run(context: CommandContext): Promise<number | undefined | void>;
}
export const Commands: Many<Command> = many<Command>('kernel.commands');
