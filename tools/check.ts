/** `npm run check`: types, lint, format, import rules and the size of files; everything is reported before it ends. */
import { spawnSync } from 'node:child_process';
import { checkImports } from './check-imports.ts';
import { checkFiles } from './check-files.ts';

const bin = (name: string) => `node_modules/.bin/${name}`;
const checks: readonly (readonly [name: string, run: () => string[]])[] = [
  ['types', () => command(bin('tsc'), ['-p', 'tsconfig.json'])],
  ['lint', () => command(bin('oxlint'), ['--deny-warnings', 'packages', 'tools', 'examples', 'bench', 'test'])],
  ['format', () => command(bin('prettier'), ['--check', '--log-level=warn', '.'])],
  ['imports', checkImports],
  ['files', checkFiles],
];

let failed = 0;
for (const [name, run] of checks) {
  const started = Date.now();
  const problems = run();
  console.log(`${problems.length === 0 ? 'ok    ' : 'FAILED'} ${name} (${((Date.now() - started) / 1000).toFixed(1)} s)`);
  for (const problem of problems) console.log(`  ${problem}`);
  if (problems.length > 0) failed += 1;
}
console.log(`${checks.length - failed} passed, ${failed} failed`);
process.exitCode = failed > 0 ? 1 : 0;

function command(file: string, args: readonly string[]): string[] {
  // Their output is kept for our own lines: no colours but on a terminal.
  const env = process.stdout.isTTY ? process.env : { ...process.env, NO_COLOR: '1', FORCE_COLOR: '0' };
  const done = spawnSync(file, args, { encoding: 'utf8', env });
  if (done.status === 0) return [];
  return `${done.stdout}${done.stderr}`.trimEnd().split('\n');
}
