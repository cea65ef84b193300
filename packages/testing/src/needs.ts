import { spawnSync } from 'node:child_process';
import { probe } from '@kosmos/lab';

interface MochaContext {
  skip(): never;
}

const PROBES: Readonly<Record<string, () => string | undefined | Promise<string | undefined>>> = {
  root: () => (process.getuid?.() === 0 ? undefined : 'root'),
  lab: () =>
    probe().then(
      () => undefined,
      (error: Error) => `a lab (${error.message})`,
    ),
};

/**
 * For mocha's `before`: skips the suite with a reason when one of these is missing: `root`, the programs and rights of a `lab`, or a
 * program such as `ip`. A runner with CI=true takes a skipped test for a failure.
 *
 *     before(needs('lab', 'kubectl'));
 */
export function needs(...tools: readonly string[]): (this: MochaContext) => Promise<void> {
  return async function () {
    const missing = (await Promise.all(tools.map((tool) => (PROBES[tool] ?? (() => program(tool)))()))).filter((m) => m !== undefined);
    if (missing.length === 0) return;
    console.log(`      skipped: needs ${missing.join(', ')}`);
    this.skip();
  };
}

function program(name: string): string | undefined {
  const path = (process.env.PATH ?? '').split(':').concat('/usr/local/sbin', '/usr/sbin', '/sbin');
  const found = path.some((dir) => dir !== '' && spawnSync('test', ['-x', `${dir}/${name}`]).status === 0);
  return found ? undefined : `the program ${name}`;
}
