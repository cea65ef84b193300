/** Orders the parts of one role by the tokens they require and provide, and tells everything that stands in the way. */
import type { KosmosError } from '../contracts/error.ts';
import type { Part, Role } from '../contracts/plugin.ts';
import type { AnyToken } from '../contracts/token.ts';
import { tokenKey } from './container.ts';
import { fail } from './errors.ts';
import { sortBy } from './order.ts';
import type { LoadedPlugin } from './plugins.ts';

/** One part of one plugin, in this role. */
export interface Unit {
  readonly plugin: LoadedPlugin;
  readonly part: Part<unknown>;
  /** The units whose tokens it requires: it cannot do without any of them. */
  readonly needs: readonly Unit[];
  /** These, and those of its optional needs and of tokens with many providers. */
  readonly after: readonly Unit[];
}

export interface Resolution {
  readonly units: readonly Unit[];
  readonly problems: readonly KosmosError[];
}

/** `kernel` are the tokens that the kernel itself provides. */
export function resolveParts(plugins: readonly LoadedPlugin[], role: Role, kernel: readonly AnyToken[]): Resolution {
  const problems: KosmosError[] = [];
  const units = plugins.flatMap((plugin) =>
    (['all', role] as const).flatMap((key) => {
      const part = plugin.parts[key];
      return part ? [{ plugin, part, needs: [] as Unit[], after: [] as Unit[] }] : [];
    }),
  );
  const providers = findProviders(units, problems);
  const own = new Set(kernel.map(tokenKey));
  for (const unit of units) {
    const providing = (token: AnyToken) => (providers.get(tokenKey(token)) ?? []).filter((provider) => provider !== unit);
    for (const token of Object.values(unit.part.requires)) {
      if (token.many || own.has(tokenKey(token))) continue;
      unit.needs.push(...providing(token));
      if (providing(token).length === 0) problems.push(missing(unit.plugin, token, plugins, role));
    }
    for (const token of [...Object.values(unit.part.requires), ...Object.values(unit.part.optional)]) unit.after.push(...providing(token));
  }
  return { units: orderUnits(units, problems), problems };
}

function findProviders(units: readonly Unit[], problems: KosmosError[]): Map<string, Unit[]> {
  const providers = new Map<string, Unit[]>();
  for (const unit of units) {
    for (const token of Object.values(unit.part.provides)) {
      const known = providers.get(tokenKey(token)) ?? [];
      const [first] = known;
      if (first && !token.many) {
        problems.push(
          fail('KOSMOS_E_TOKEN_TWICE', `plugins '${first.plugin.name}' and '${unit.plugin.name}' both provide '${token.id}'`, {
            where: `plugin ${unit.plugin.name}`,
          }),
        );
      } else if (!known.includes(unit)) providers.set(tokenKey(token), [...known, unit]);
    }
  }
  return providers;
}

function missing(plugin: LoadedPlugin, token: AnyToken, plugins: readonly LoadedPlugin[], role: Role): KosmosError {
  const more = { where: `plugin ${plugin.name}, role ${role}`, hint: whoWouldProvide(token, plugins, role) };
  return fail(
    'KOSMOS_E_TOKEN_MISSING',
    `plugin '${plugin.name}' requires '${token.id}'${token.major === 1 ? '' : ` (version ${token.major})`}, which nobody provides`,
    more,
  );
}

function whoWouldProvide(token: AnyToken, plugins: readonly LoadedPlugin[], role: Role): string {
  for (const { name, parts } of plugins) {
    for (const [key, part] of Object.entries(parts)) {
      for (const provided of Object.values(part.provides)) {
        if (tokenKey(provided) === tokenKey(token)) return `Plugin '${name}' provides it in the role ${key} only, not in ${role}.`;
        if (provided.id === token.id)
          return `Plugin '${name}' provides version ${provided.major} of it: install versions of the two plugins that go together.`;
      }
    }
  }
  // A token's id begins with the name of the plugin that defines it.
  return `It is defined by plugin '${token.id.split('.')[0]}': add that plugin to \`plugins\`, or another one that provides '${token.id}'.`;
}

function orderUnits(units: readonly Unit[], problems: KosmosError[]): readonly Unit[] {
  let rest = units;
  for (;;) {
    const { sorted, cycle } = sortBy(rest, (unit) => unit.after.filter((other) => rest.includes(other)));
    if (!cycle) return sorted;
    const path = cycle.map((unit) => unit.plugin.name);
    problems.push(
      fail('KOSMOS_E_TOKEN_CYCLE', `plugins require each other in a circle: ${path.join(' -> ')}`, {
        where: `plugins ${[...new Set(path)].join(', ')}`,
      }),
    );
    rest = rest.filter((unit) => !cycle.includes(unit));
  }
}
