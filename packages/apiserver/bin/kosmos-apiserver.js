#!/usr/bin/env node
// Starts the server: in a checkout from the TypeScript sources, installed from dist.
import { existsSync } from 'node:fs';
import * as nodeModule from 'node:module';
import { homedir } from 'node:os';
import { join } from 'node:path';

const [major, minor] = process.versions.node.split('.').map(Number);
if (major < 22 || (major === 22 && minor < 19)) {
  console.error(`kosmos-apiserver needs Node.js >= 22.19, this is ${process.versions.node} (${process.execPath})`);
  process.exit(1);
}
// What Node compiled is kept, which takes a third off the next start: in a folder of this user's, since Node runs what it finds there, and
// by default that is the temporary directory, where others may write. NODE_COMPILE_CACHE names another.
nodeModule.enableCompileCache(join(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'kosmos-apiserver'));
// Node runs no TypeScript below node_modules, so sources are there only where they can be run.
const sources = new URL('../src/main.ts', import.meta.url);
if (existsSync(sources)) {
  nodeModule.registerHooks({
    resolve: (specifier, context, next) => next(specifier, { ...context, conditions: ['@kosmos/source', ...context.conditions] }),
  });
  await import(sources.href);
} else {
  await import('../dist/main.js');
}
