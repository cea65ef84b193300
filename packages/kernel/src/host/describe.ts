/** What a plugin is, for `kosmos plugins` and `kosmos status`. */
import type { Part } from '../contracts/plugin.ts';
import type { Needs } from '../contracts/token.ts';
import { tokenKey } from './container.ts';
import type { Declared } from './context.ts';
import type { PluginStatus } from './kernel.ts';
import type { LoadedPlugin } from './plugins.ts';
import type { HookCore } from './taps.ts';

export function describePlugin(
  plugin: LoadedPlugin,
  declared: readonly Declared[],
  hooks: ReadonlySet<HookCore>,
  degraded: string | undefined,
): PluginStatus {
  const { name, version, required } = plugin;
  const own = declared.filter(({ unit }) => unit.plugin === plugin);
  const started = own.filter(({ startMs }) => startMs !== undefined);
  const sum = (values: readonly number[]) => (values.length === 0 ? undefined : values.reduce((all, value) => all + value, 0));
  const ids = (needs: Needs) => Object.values(needs).map((token) => (token.major === 1 ? token.id : tokenKey(token)));
  return {
    name,
    version,
    required,
    parts: Object.entries(plugin.parts as Record<string, Part<unknown>>).map(([role, part]) => ({
      role,
      requires: ids(part.requires),
      optional: ids(part.optional),
      provides: ids(part.provides),
    })),
    taps: [...hooks].filter((hook) => hook.tappedBy().includes(name)).map((hook) => hook.name),
    setupMs: sum(own.map(({ setupMs }) => setupMs)),
    startMs: sum(started.map(({ startMs = 0 }) => startMs)),
    ...(degraded === undefined ? {} : { degraded }),
  };
}
