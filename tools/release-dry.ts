/**
 * `npm run release:dry [-- patch|minor|major]`: what a release would be. In a throw-away clone of HEAD lerna sets the next
 * version of all packages, they are built, and npm says what each tarball would hold. Nothing is pushed, tagged or published.
 */
import { execFileSync } from 'node:child_process';
import { globSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';

const bump = process.argv[2] ?? 'minor';
const clone = mkdtempSync(join(tmpdir(), 'kosmos-release-'));
const run = (file: string, args: readonly string[], cwd = clone) =>
  execFileSync(file, args, { cwd, stdio: ['ignore', 'inherit', 'inherit'] });
try {
  execFileSync('git', ['clone', '--quiet', '--depth=1', `file://${process.cwd()}`, clone]);
  run(process.execPath, ['tools/setup.mjs']);
  run('node_modules/.bin/lerna', ['version', bump, '--yes', '--no-push', '--no-git-tag-version', '--force-publish', '--loglevel=warn']);
  run(process.execPath, ['tools/build.ts']);
  for (const folder of globSync('packages/*/package.json', { cwd: clone }).map(dirname).sort()) {
    run('npm', ['publish', '--dry-run', '--ignore-scripts', '--loglevel=notice', '--tag=next'], join(clone, folder));
  }
} finally {
  rmSync(clone, { recursive: true, force: true });
}
