#!/usr/bin/env node
// Starts the lab's own command line: from its sources in a checkout, compiled where it is installed.
import { existsSync } from 'node:fs';
import * as nodeModule from 'node:module';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

const here = dirname(fileURLToPath(import.meta.url));
const sources = join(here, '../src/cli.ts');
const inCheckout = existsSync(sources) && !/[\\/]node_modules[\\/]/.test(here);
const [major, minor] = process.versions.node.split('.').map(Number);

if (major > 22 || (major === 22 && minor >= 19)) {
  // Where up.ts has the lab's own processes keep it.
  nodeModule.enableCompileCache(join(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'kosmos-lab'));
  if (inCheckout) {
    nodeModule.registerHooks({
      resolve: (specifier, context, next) => next(specifier, { ...context, conditions: ['@kosmos/source', ...context.conditions] }),
    });
  }
  const { main } = await import(pathToFileURL(inCheckout ? sources : join(here, '../dist/cli.js')).href);
  process.exitCode = await main(process.argv.slice(2));
} else {
  console.error(`error: @kosmos/lab needs Node.js >= 22.19; this is ${process.versions.node}\n  Install Node 24: https://nodejs.org`);
  process.exitCode = 1;
}
