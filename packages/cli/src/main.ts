/** The kosmos command. What takes time to load is loaded by what needs it: `kosmos version` loads nothing. */
import { readFileSync } from 'node:fs';

const LEFTOVERS_MS = 100;

/** Runs one command; the exit code: 2 for wrong use. */
export async function main(argv: readonly string[]): Promise<number> {
  process.stdout.on('error', quietly);
  process.stderr.on('error', quietly);
  if (argv.length === 1 && ['version', '--version', '-V'].includes(argv[0] ?? '')) {
    process.stdout.write(`${version()}\n`);
    return 0;
  }
  try {
    const { runProgram } = await import('./program.ts');
    return await runProgram(argv);
  } catch (error) {
    const { formatErrors } = await import('@kosmos/kernel/runtime');
    process.stderr.write(
      `${formatErrors(error, { colour: process.stderr.isTTY && !process.env.NO_COLOR, debug: Boolean(process.env.KOSMOS_DEBUG) })}\n`,
    );
    return (error as { code?: unknown }).code === 'KOSMOS_E_ARGUMENT' ? 2 : 1;
  } finally {
    // What a plugin that hangs has left does not hold the process; where there is nothing, it ends before.
    setTimeout(() => process.exit(), LEFTOVERS_MS).unref();
  }
}

/** Nobody reads on, as with `kosmos help | head -1`: that is no fault. */
function quietly(error: NodeJS.ErrnoException): void {
  if (error.code !== 'EPIPE' && error.code !== 'ERR_STREAM_DESTROYED') throw error;
}

export function version(): string {
  return (JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as { version: string }).version;
}
