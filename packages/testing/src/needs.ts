import { spawnSync } from 'node:child_process';

interface MochaContext {
  skip(): never;
}

const PROBES: Readonly<Record<string, () => string | undefined>> = {
  root: () => (process.getuid?.() === 0 ? undefined : 'root'),
};

/**
 * For mocha's `before`: skips the suite with a reason when one of these is missing: `root`, or a program such as `ip`. A
 * runner with CI=true takes a skipped test for a failure.
 *
 *     before(needs('root', 'ip', 'nft'));
 */
export function needs(...tools: readonly string[]): (this: MochaContext) => void {
  return function () {
    const missing = tools.flatMap((tool) => (PROBES[tool] ?? (() => program(tool)))() ?? []);
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
