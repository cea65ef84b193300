import { existsSync, readFileSync } from 'node:fs';
import { findPackageJSON } from 'node:module';
import { dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { labError } from './errors.ts';

/** The `kosmos` command that the config's project has installed, as an argument vector. */
export function kosmosCommand(config: string): string[] {
  if (!existsSync(config)) {
    throw labError('KOSMOS_E_LAB_KOSMOS', `there is no config file ${config}`, {
      where: '--config',
      hint: 'name a kosmos.config.ts, or leave the option out for a lab without Kosmos',
    });
  }
  for (const from of [pathToFileURL(config).href, import.meta.url]) {
    const manifest = find(from);
    if (!manifest) continue;
    const { bin } = JSON.parse(readFileSync(manifest, 'utf8')) as { bin: { kosmos: string } };
    return [process.execPath, join(dirname(manifest), bin.kosmos)];
  }
  throw labError('KOSMOS_E_LAB_KOSMOS', `the command kosmos is not installed where ${config} is`, {
    where: config,
    hint: 'npm install kosmos',
  });
}

function find(from: string): string | undefined {
  try {
    return findPackageJSON('kosmos', from);
  } catch {
    return undefined; // not installed there
  }
}
