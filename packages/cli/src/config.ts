/** `kosmos config`: the config in effect, where each value comes from, and no secrets. */
import { delimiter, relative } from 'node:path';
import { table, type Config } from '@kosmos/kernel';
import { type PluginOptions, type PluginStatus, accessOf, createKernel, loadConfig } from '@kosmos/kernel/runtime';

export interface ConfigOptions {
  readonly config?: string;
  readonly logLevel?: string;
  readonly output?: 'json';
}

interface Entry {
  readonly path: string;
  readonly value: unknown;
  /** A file, `default`, `--log-level`, or what the environment gives. */
  readonly source: string;
}

/** What the kernel does where the config says nothing. */
const DEFAULTS: Readonly<Record<string, unknown>> = {
  'log.level': 'info (commands: warn)',
  'log.format': 'pretty on a terminal, else json',
  http: 'off',
  'timeouts.startMs': 30_000,
  'timeouts.stopMs': 10_000,
  'timeouts.shutdownMs': 25_000,
};
const SECRET = /kubeconfig$|token|secret|passw|credential|authorization|key/i;
const MASKED = '********';

export async function showConfig(options: ConfigOptions): Promise<number> {
  const { config, file = 'config' } = await loadConfig(options.config, process.env);
  // Checked as it is when it is run: what is wrong is told here too.
  const kernel = await createKernel({ config, configFile: file, role: 'cli' });
  const entries = [
    ...kernelEntries(config, file, options.logLevel),
    ...kernel.describe().flatMap((plugin, i) => pluginEntries(plugin, kernel.options[i], i, file)),
  ];
  await kernel.stop();
  const shown = entries.map(({ path, value, source }) => ({
    path,
    value,
    source: source === file ? relative(process.cwd(), file) : source,
  }));
  process.stdout.write(
    options.output === 'json'
      ? `${JSON.stringify(shown, undefined, 2)}\n`
      : `${table(
          ['PATH', 'VALUE', 'SOURCE'],
          shown.map(({ path, value, source }) => [path, typeof value === 'string' ? value : JSON.stringify(value), source]),
        )}\n`,
  );
  return 0;
}

function kernelEntries(config: Config, file: string, logLevel: string | undefined): Entry[] {
  const given = new Map<string, Entry>();
  const { plugins: _, clusters = {}, ...rest } = config;
  for (const [path, value] of leaves('', rest)) given.set(path, { path, value, source: file });
  if (logLevel !== undefined) given.set('log.level', { path: 'log.level', value: logLevel, source: '--log-level' });
  for (const [path, value] of Object.entries(DEFAULTS)) {
    const known = [...given.keys()].some((key) => key === path || key.startsWith(`${path}.`));
    if (!known) given.set(path, { path, value, source: 'default' });
  }
  const access = accessOf(clusters, file, 'cli', process.env);
  const clusterEntries = Object.entries(access).flatMap(([name, how]) => {
    const named = (file: string) => process.env.KUBECONFIG?.split(delimiter).includes(file);
    const found = 'kubeconfigFile' in how ? (named(how.kubeconfigFile) ? 'environment, KUBECONFIG' : 'found, as by kubectl') : 'pod';
    return [...leaves(`clusters.${name}`, how)].map(([path, value]): Entry => ({ path, value, source: clusters[name] ? file : found }));
  });
  return [...clusterEntries, ...[...given.values()].toSorted((a, b) => a.path.localeCompare(b.path))];
}

function pluginEntries(
  { name, version, required }: PluginStatus,
  { options, input }: Partial<PluginOptions> = {},
  index: number,
  file: string,
): Entry[] {
  const path = `plugins[${index}]`;
  const given = new Set([...leaves('', input)].map(([at]) => at));
  return [
    { path, value: `${name} ${version}${required ? '' : ' (optional)'}`, source: file },
    ...[...leaves('', options)].map(([at, value]): Entry => ({ path: `${path}.${at}`, value, source: given.has(at) ? file : 'default' })),
  ];
}

/** Values that hold no others, by path; what lies below the name of a secret is one, masked. */
function* leaves(path: string, value: unknown): Generator<readonly [string, unknown]> {
  const isObject = typeof value === 'object' && value !== null && !Array.isArray(value);
  if (!isObject) {
    if (path !== '' && value !== undefined && typeof value !== 'function') yield [path, masked(value)];
    return;
  }
  for (const [key, inner] of Object.entries(value)) {
    const at = path === '' ? key : `${path}.${key}`;
    if (inner !== undefined && isSecret(key)) yield [at, MASKED];
    else yield* leaves(at, inner);
  }
}

/** The name of a file is no secret. */
const isSecret = (key: string): boolean => SECRET.test(key) && !key.endsWith('File');

/** Without what is secret by its name or by its look: passwords in URLs, private keys. */
function masked(value: unknown): unknown {
  if (typeof value === 'string') return /PRIVATE KEY-----/.test(value) ? MASKED : value.replace(/(:\/\/)[^/@\s]+@/g, `$1${MASKED}@`);
  if (Array.isArray(value)) return value.map(masked);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, isSecret(key) ? MASKED : masked(inner)]));
}
