/** Finds, loads and checks `kosmos.config.ts`. */
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import * as z from 'zod';
import type { Config, ConfigEnv } from '../contracts/config.ts';
import type { KosmosError } from '../contracts/error.ts';
import { fail, inside, messageOf } from './errors.ts';
import { problemOf } from './issues.ts';
import { LOG_LEVELS } from '../services/log.ts';

export const CONFIG_FILES = ['kosmos.config.ts', 'kosmos.config.js', 'kosmos.config.mjs'];

/** A config as its file exports it: not checked yet, so that `createKernel` can tell all that is wrong with it at once. */
export interface LoadedConfig {
  readonly config: Config;
  /** Absolute. */
  readonly file: string | undefined;
}

/** The config file in `folder`, if there is one. */
export function findConfig(folder: string = process.cwd()): string | undefined {
  return CONFIG_FILES.map((name) => resolve(folder, name)).find((file) => existsSync(file));
}

/** Loads `file`, or the config file in the working folder. */
export async function loadConfig(file: string | undefined, env: ConfigEnv): Promise<LoadedConfig> {
  const path = file === undefined ? findConfig() : resolve(file);
  if (path === undefined) throw fail('KOSMOS_E_CONFIG_NONE', `no config file: there is no ${CONFIG_FILES.join(', ')} in ${process.cwd()}`);
  if (!existsSync(path)) throw fail('KOSMOS_E_CONFIG_NONE', `no config file: ${path} does not exist`);
  const exported = await importConfig(path);
  if (exported === undefined) {
    throw fail('KOSMOS_E_CONFIG_LOAD', 'the config has no default export', {
      where: path,
      hint: 'End it with: export default defineConfig({ plugins: [...] });',
    });
  }
  try {
    return { config: (typeof exported === 'function' ? await exported(env) : exported) as Config, file: path };
  } catch (error) {
    throw inside(error, 'KOSMOS_E_CONFIG_LOAD', placeOf(error, path), 'the config function failed');
  }
}

async function importConfig(path: string): Promise<unknown> {
  try {
    const module = (await import(pathToFileURL(path).href)) as { default?: unknown };
    return module.default;
  } catch (error) {
    throw importError(error, path);
  }
}

function importError(error: unknown, path: string): KosmosError {
  const { code } = error as { code?: string };
  const missing = code === 'ERR_MODULE_NOT_FOUND' && /^Cannot find package '([^']+)'/.exec(messageOf(error))?.[1];
  if (missing) {
    return fail('KOSMOS_E_CONFIG_LOAD', `the config imports the package '${missing}', which is not installed`, {
      where: path,
      hint: `npm install ${missing}`,
      cause: error,
    });
  }
  // That an import lacks what is imported by name is a SyntaxError too, but the file parses.
  const syntax = error instanceof SyntaxError && !/does not provide an export/.test(error.message);
  if (syntax && /outside a module/.test(error.message)) {
    return fail('KOSMOS_E_CONFIG_LOAD', 'the config is an ES module, but the package.json beside it says that files are CommonJS', {
      where: path,
      hint: 'Make it "type": "module" there: npm pkg set type=module.',
      cause: error,
    });
  }
  const where = placeOf(error, path) === path && syntax ? placeBySyntaxCheck(path) : placeOf(error, path);
  return inside(error, 'KOSMOS_E_CONFIG_LOAD', where, syntax ? 'the config does not parse' : 'the config failed while it was loaded');
}

/** `file:line` as the stack has it, where the place is in a file that is not Node's. */
function placeOf(error: unknown, path: string): string {
  const stack = error instanceof Error ? (error.stack ?? '') : '';
  const found = /(?:^|[\s(])((?:file:\/\/)?\/[^\s():]+):(\d+)/m.exec(stack);
  if (!found?.[1]) return path;
  const file = found[1].startsWith('file:') ? fileURLToPath(found[1]) : found[1];
  return file === path || error instanceof SyntaxError ? `${file}:${found[2]}` : path;
}

/** Node's import() of a JavaScript file that does not parse tells no line; its syntax check does. */
function placeBySyntaxCheck(path: string): string {
  const { stderr } = spawnSync(process.execPath, ['--check', path], { encoding: 'utf8', env: {} });
  const line = stderr
    .split('\n')
    .map((text) => /^(?:file:\/\/)?(\/.+):(\d+)$/.exec(text))
    .find((m) => m !== null);
  return line ? `${line[1]}:${line[2]}` : path;
}

const clusterName = z.string().regex(/^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$/, 'a cluster name is lower case letters, digits, - and .');
const context = z.string().min(1).optional();
const access = z.union(
  [
    z.strictObject({ kubeconfigFile: z.string().min(1), context }),
    z.strictObject({ kubeconfig: z.string().min(1), context }),
    z.strictObject({ inCluster: z.literal(true) }),
  ],
  { error: 'expected { kubeconfigFile, context? }, { kubeconfig, context? } or { inCluster: true }' },
);
/** Plugins are checked one by one, with their place in the list. */
const configSchema = z.strictObject({
  clusters: z.record(clusterName, access).optional(),
  plugins: z.array(z.unknown()),
  log: z.strictObject({ level: z.enum(LOG_LEVELS).optional(), format: z.enum(['json', 'pretty']).optional() }).optional(),
  http: z.strictObject({ host: z.string().min(1).optional(), port: z.int().min(0).max(65_535) }).optional(),
  timeouts: z
    .strictObject({
      startMs: z.int().min(1).max(3_600_000).optional(),
      stopMs: z.int().min(1).max(3_600_000).optional(),
      shutdownMs: z.int().min(1).max(3_600_000).optional(),
    })
    .optional(),
});

/** Everything that is wrong with a config, without its plugins. */
export function checkConfig(value: unknown, file: string | undefined): readonly KosmosError[] {
  const result = configSchema.safeParse(value);
  if (result.success) return [];
  return result.error.issues.flatMap((issue) =>
    problemOf('KOSMOS_E_CONFIG_INVALID', issue, { value, schema: configSchema, path: '', file }),
  );
}
