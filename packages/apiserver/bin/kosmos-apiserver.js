#!/usr/bin/env node
// Starts the server: in a checkout from the TypeScript sources, installed from dist.
import { existsSync } from 'node:fs';
import * as nodeModule from 'node:module';

const [major, minor] = process.versions.node.split('.').map(Number);
if (major < 22 || (major === 22 && minor < 19)) {
  console.error(`kosmos-apiserver needs Node.js >= 22.19, this is ${process.versions.node} (${process.execPath})`);
  process.exit(1);
}
// What Node compiled is kept in its cache (of this user, in the temporary directory), which takes a third off the next start.
nodeModule.enableCompileCache();
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
