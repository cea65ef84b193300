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

export function createLogger(options: LogOptions = {}): Logger {
  // Loaded on demand: the start of a command that never logs is faster without.
  const pino = require('pino') as typeof import('pino').default;
  const stream = options.stream ?? process.stderr;
  const settings = {
    level: options.level ?? 'info',
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
