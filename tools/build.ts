/** `npm run build`: compiles every package to `dist/`, in the order of their dependencies. */
import { spawnSync } from 'node:child_process';
import { globSync } from 'node:fs';
import { dirname } from 'node:path';

const projects = globSync('packages/*/tsconfig.json').map(dirname).sort();
const done = spawnSync('node_modules/.bin/tsc', ['-b', ...process.argv.slice(2), ...projects], { stdio: 'inherit' });
process.exitCode = done.status ?? 1;
