/** Logs with pino on stderr, since stdout is what commands answer on: JSON, or lines for people. */
import { createRequire } from 'node:module';
import type { Config } from '../contracts/config.ts';
import type { Logger } from '../contracts/services.ts';

const require = createRequire(import.meta.url);

export type LogLevel = NonNullable<NonNullable<Config['log']>['level']>;
export const LOG_LEVELS: readonly LogLevel[] = ['trace', 'debug', 'info', 'warn', 'error', 'silent'];

/** Keys whose values never reach a log, at the top of a record's fields and two levels down. */
const SECRETS = [
  'token',
  'password',
  'secret',
  'authorization',
  'Authorization',
  'kubeconfig',
  'key',
  'client-key-data',
  'clientKeyData',
  'privateKey',
];

export interface LogOptions {
  readonly level?: LogLevel;
  /** Default: `pretty` on a terminal, else `json`. */
  readonly format?: 'json' | 'pretty';
  /** Default: stderr. */
  readonly stream?: { write(line: string): unknown; readonly isTTY?: boolean };
}

/** A log whose level, and that of all its children, can be changed while it is used. */
export interface LeveledLogger extends Logger {
  level: LogLevel;
}

export function createLogger(options: LogOptions = {}): LeveledLogger {
  const gate = { level: options.level ?? ('info' as LogLevel) };
  const root = new Gated(() => createPino(options), gate);
  return Object.defineProperty(root, 'level', {
    get: () => gate.level,
    set: (level: LogLevel) => {
      gate.level = level;
    },
  }) as Logger as LeveledLogger;
}

/** Lets through what the level allows. What writes is made when there is something to write: most children never do. */
class Gated implements Logger {
  readonly #make: () => Logger;
  readonly #gate: { readonly level: LogLevel };
  #log: Logger | undefined;

  constructor(make: () => Logger, gate: { readonly level: LogLevel }) {
    this.#make = make;
    this.#gate = gate;
  }

  trace(fields: object, message: string): void {
    this.#write('trace', fields, message);
  }
  debug(fields: object, message: string): void {
    this.#write('debug', fields, message);
  }
  info(fields: object, message: string): void {
    this.#write('info', fields, message);
  }
  warn(fields: object, message: string): void {
    this.#write('warn', fields, message);
  }
  error(fields: object, message: string): void {
    this.#write('error', fields, message);
  }
  child(fields: object): Logger {
    return new Gated(() => this.#target().child(fields), this.#gate);
  }

  #target(): Logger {
    return (this.#log ??= this.#make());
  }
  #write(level: Exclude<LogLevel, 'silent'>, fields: object, message: string): void {
    if (LOG_LEVELS.indexOf(level) >= LOG_LEVELS.indexOf(this.#gate.level)) this.#target()[level](fields, message);
  }
}

function createPino(options: LogOptions): Logger {
  // Loaded on demand: the start of a command that never logs is faster without.
  const pino = require('pino') as typeof import('pino').default;
  const stream = options.stream ?? process.stderr;
  const settings = {
    level: 'trace',
    base: null,
    timestamp: pino.stdTimeFunctions.isoTime,
    formatters: { level: (label: string) => ({ level: label }) },
    serializers: { error: describeError, err: describeError },
    redact: {
      paths: SECRETS.flatMap((key) =>
        ['', '*.', '*.*.'].map((prefix) => (key.includes('-') ? `${prefix.slice(0, -1)}["${key}"]` : prefix + key)),
      ),
      censor: '[redacted]',
    },
  };
  const format = options.format ?? (stream.isTTY ? 'pretty' : 'json');
  if (format === 'json') return pino(settings, stream);
  const pretty = require('pino-pretty') as typeof import('pino-pretty');
  const colours = stream.isTTY === true && !process.env.NO_COLOR;
  return pino(
    settings,
    pretty({
      colorize: colours,
      translateTime: 'SYS:HH:MM:ss.l',
      ignore: 'plugin,hostname,pid',
      messageFormat: (log, key) => `${log.plugin === undefined ? '' : `${String(log.plugin)}: `}${String(log[key])}`,
      destination: stream as NodeJS.WritableStream,
    }),
  );
}

/** An error in a log is its message and code; the stack is for who asks for it. */
function describeError(error: unknown): unknown {
  if (!(error instanceof Error)) return error;
  const { code } = error as { code?: unknown };
  return { message: error.message, ...(code === undefined ? {} : { code }), ...(process.env.KOSMOS_DEBUG ? { stack: error.stack } : {}) };
}
