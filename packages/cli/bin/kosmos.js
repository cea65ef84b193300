#!/usr/bin/env node
// Starts the CLI: from its sources in a checkout, compiled where it is installed. Plain JavaScript for any Node >= 12,
// so that an old one gets a message (or a newer Node that came with the dependencies) instead of a syntax error.
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { setFlagsFromString } from 'node:v8';

const OLDEST = [22, 19];
const here = dirname(fileURLToPath(import.meta.url));
const sources = join(here, '../src/main.ts');
const inCheckout = existsSync(sources) && !/[\\/]node_modules[\\/]/.test(here);

if (newEnough(process.versions.node)) await main();
else rerun();

async function main() {
  // What runs for long is to have short pauses. Under load V8 lets the space of young objects grow to 64 MiB, which takes up to 100 ms;
  // then one collection copies what a large list left there, for 60 ms. Small as it is at the start, they take 2 to 5 ms, and the
  // process has a quarter less memory (`npm run bench -- bus`). Before anything is loaded, since that lets it grow.
  if (process.argv.includes('run')) setFlagsFromString('--semi-space-growth-factor=1');
  if (inCheckout) {
    const { registerHooks } = await import('node:module');
    // In a checkout, packages are found by their sources: what `--conditions=@kosmos/source` would do from the command line.
    if (!process.execArgv.concat(process.env.NODE_OPTIONS || '').some((option) => option.includes('@kosmos/source'))) {
      registerHooks({
        resolve: (specifier, context, next) => next(specifier, { ...context, conditions: ['@kosmos/source', ...context.conditions] }),
      });
    }
  }
  const entry = inCheckout ? sources : join(here, '../dist/main.js');
  const { main: run } = await import(pathToFileURL(entry).href);
  process.exitCode = await run(process.argv.slice(2));
}

/** With the Node that came with the dependencies. */
function rerun() {
  const node = findNode(here);
  if (!node) {
    console.error(
      `error: kosmos needs Node.js >= ${OLDEST.join('.')}; this is ${process.versions.node}\n  Install Node 24 (https://nodejs.org), or in a checkout: npm run setup`,
    );
    process.exitCode = 1;
    return;
  }
  const stdio = process.send ? ['inherit', 'inherit', 'inherit', 'ipc'] : 'inherit';
  const child = spawn(node, [fileURLToPath(import.meta.url), ...process.argv.slice(2)], { stdio });
  if (process.send) child.on('message', (message) => process.send(message));
  // The terminal sends Ctrl-C to the child as well: wait for what it makes of it.
  process.on('SIGINT', () => {});
  for (const signal of ['SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal));
  child.on('exit', (code, signal) => {
    process.exit(code === null ? 128 + (signal === 'SIGKILL' ? 9 : 15) : code);
  });
}

function findNode(from) {
  for (let folder = from; ; folder = dirname(folder)) {
    const node = join(folder, 'node_modules/.bin/node');
    if (existsSync(node)) return node;
    if (folder === dirname(folder)) return undefined;
  }
}

function newEnough(version) {
  const [major, minor] = version.split('.').map(Number);
  return major > OLDEST[0] || (major === OLDEST[0] && minor >= OLDEST[1]);
}
