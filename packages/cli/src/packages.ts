/** The packages that this CLI uses by itself: data in its package.json, so that no plugin is named in code. */
import { readFileSync } from 'node:fs';
import type { PluginList } from '@kosmos/kernel';
import { fail } from '@kosmos/kernel/runtime';

interface Manifest {
  readonly kosmos: { readonly preset: string; readonly builtin: readonly string[] };
}
const { kosmos } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as Manifest;

/** The plugins used where there is no config file. */
export async function presetPlugins(): Promise<PluginList> {
  return pluginsOf(kosmos.preset);
}

/** Plugins that bring commands whatever the config. */
export async function builtinPlugins(): Promise<PluginList> {
  return Promise.all(kosmos.builtin.map(pluginsOf));
}

/** The default export of a package: a plugin factory, a factory of a list, or a list. None where it is not installed. */
async function pluginsOf(name: string): Promise<PluginList> {
  const exported = await importIfThere(name);
  if (exported === undefined) return [];
  if (!('default' in exported)) {
    throw fail('KOSMOS_E_PLUGIN_INVALID', `the package '${name}' has no default export`, {
      where: 'kosmos',
      hint: `Install a version of '${name}' that goes with this kosmos.`,
    });
  }
  const made = typeof exported.default === 'function' ? (exported.default as () => unknown)() : exported.default;
  return (Array.isArray(made) ? made : [made]) as PluginList;
}

async function importIfThere(name: string): Promise<object | undefined> {
  try {
    return (await import(name)) as object;
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code === 'ERR_MODULE_NOT_FOUND' && message.includes(`'${name}'`)) return undefined;
    throw error;
  }
}
