/** Checks what stands in `plugins`, at the border where types are not to be trusted: shape, versions, names, options. */
import semver from 'semver';
import type { KosmosError } from '../contracts/error.ts';
import { type Part, type Plugin, type PluginSpec, type Role, ROLES } from '../contracts/plugin.ts';
import { fail, messageOf } from './errors.ts';
import { type Issue, problemOf, shown } from './issues.ts';
import { API_VERSION, KERNEL_VERSION, satisfies } from './version.ts';

/** A plugin that is sound, with its options as its schema gives them. */
export interface LoadedPlugin {
  readonly name: string;
  readonly version: string;
  readonly required: boolean;
  readonly options: unknown;
  /** The options as the config has them, before defaults. */
  readonly input: unknown;
  readonly parts: { readonly [K in Role | 'all']?: Part<unknown> };
}

export interface Placed {
  readonly entry: unknown;
  /** Where it stands, e.g. `plugins[0][1]`. */
  readonly path: string;
}

/** Presets flattened, falsy entries dropped, each entry with its place. */
export function flatten(list: unknown, path = 'plugins'): readonly Placed[] {
  if (!Array.isArray(list)) return [];
  return list.flatMap((entry: unknown, index): readonly Placed[] => {
    const place = `${path}[${index}]`;
    if (entry === false || entry === null || entry === undefined) return [];
    return Array.isArray(entry) ? flatten(entry, place) : [{ entry, path: place }];
  });
}

/** Every sound plugin, in order, and everything that is wrong with the others. */
export async function loadPlugins(
  entries: readonly Placed[],
  file: string | undefined,
): Promise<{ readonly plugins: readonly LoadedPlugin[]; readonly problems: readonly KosmosError[] }> {
  const problems: KosmosError[] = [];
  const plugins: LoadedPlugin[] = [];
  const places = new Map<string, string>();
  for (const { entry, path } of entries) {
    const wrong = wrongShape(entry);
    if (wrong) {
      problems.push(fail('KOSMOS_E_PLUGIN_INVALID', `${path}: ${wrong}`, { where: file ?? 'config' }));
      continue;
    }
    const { spec, input, required } = entry as Plugin;
    const unfit = incompatible(spec, path, file);
    if (unfit) {
      problems.push(unfit);
      continue;
    }
    const other = places.get(spec.name);
    if (other !== undefined)
      problems.push(
        fail('KOSMOS_E_PLUGIN_TWICE', `plugin '${spec.name}' is there twice: ${other} and ${path}`, { where: file ?? 'config' }),
      );
    places.set(spec.name, other ?? path);
    const checked = await checkOptions(spec, input, path, file);
    problems.push(...checked.problems);
    if (checked.problems.length === 0 && other === undefined)
      plugins.push({ name: spec.name, version: spec.version, required, options: checked.value, input, parts: spec.parts });
  }
  return { plugins, problems };
}

function wrongShape(entry: unknown): string | undefined {
  if (typeof entry === 'function') return `found a function${entry.name ? ` (${entry.name})` : ''}, not a plugin`;
  const plugin = entry as Partial<Plugin>;
  if (typeof entry !== 'object' || plugin.$$type !== 'kosmos/plugin')
    return `found ${shown(entry)}, not a plugin (what a factory made by definePlugin returns)`;
  const spec = plugin.spec as Partial<Record<keyof PluginSpec<unknown, unknown>, unknown>> | undefined;
  if (typeof spec !== 'object' || spec === null) return 'the plugin has no spec; make it with definePlugin';
  if (typeof spec.name !== 'string' || !/^[a-z][a-z0-9]*(-[a-z0-9]+)*$/.test(spec.name))
    return `the plugin's name is ${shown(spec.name)}; allowed is kebab-case, e.g. network-vxlan`;
  const named = `plugin '${spec.name}'`;
  if (!semver.valid(spec.version as string))
    return `the version of ${named} is ${shown(spec.version)}; allowed is a semantic version, e.g. 1.2.0`;
  if (typeof spec.kernel !== 'string' || semver.validRange(spec.kernel) === null)
    return `the kernel range of ${named} is ${shown(spec.kernel)}; allowed is a semver range, e.g. ^1.2`;
  if (typeof (spec.options as { '~standard'?: { validate?: unknown } } | undefined)?.['~standard']?.validate !== 'function')
    return `the options of ${named} are no schema; give a Standard Schema, e.g. of zod`;
  return wrongParts(named, spec.parts);
}

function wrongParts(named: string, parts: unknown): string | undefined {
  if (typeof parts !== 'object' || parts === null) return `${named} has no parts`;
  for (const [role, part] of Object.entries(parts)) {
    if (role !== 'all' && !(ROLES as readonly string[]).includes(role))
      return `${named} has a part for the unknown role '${role}'; allowed: all, ${ROLES.join(', ')}`;
    if ((part as Partial<Part<unknown>> | undefined)?.$$type !== 'kosmos/part')
      return `the part '${role}' of ${named} was not made with part()`;
  }
  return undefined;
}

function incompatible(spec: PluginSpec<unknown, unknown>, path: string, file: string | undefined): KosmosError | undefined {
  const where = `${file ?? 'config'}: ${path}`;
  if ((spec.apiVersion as number) !== API_VERSION) {
    return fail(
      'KOSMOS_E_PLUGIN_INCOMPATIBLE',
      `plugin '${spec.name}' ${spec.version} is made for contract version ${shown(spec.apiVersion)}; this kernel has ${API_VERSION}`,
      { where },
    );
  }
  if (satisfies(KERNEL_VERSION, spec.kernel)) return undefined;
  return fail(
    'KOSMOS_E_PLUGIN_INCOMPATIBLE',
    `plugin '${spec.name}' ${spec.version} needs @kosmos/kernel ${spec.kernel}; found ${KERNEL_VERSION}`,
    {
      where,
      hint: `npm install "@kosmos/kernel@${spec.kernel}", or a version of '${spec.name}' made for ${KERNEL_VERSION}.`,
    },
  );
}

async function checkOptions(
  spec: PluginSpec<unknown, unknown>,
  input: unknown,
  path: string,
  file: string | undefined,
): Promise<{ value?: unknown; problems: readonly KosmosError[] }> {
  try {
    const result = await spec.options['~standard'].validate(input);
    if (result.issues === undefined) return { value: result.value, problems: [] };
    const of = { value: input, schema: spec.options, path, file, plugin: spec.name };
    return { problems: result.issues.flatMap((issue) => problemOf('KOSMOS_E_PLUGIN_OPTIONS', issue as Issue, of)) };
  } catch (error) {
    return {
      problems: [
        fail('KOSMOS_E_PLUGIN_OPTIONS', `${path}: the options schema of plugin '${spec.name}' failed: ${messageOf(error)}`, {
          where: file ?? 'config',
          cause: error,
        }),
      ],
    };
  }
}
