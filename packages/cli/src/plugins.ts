/** `kosmos plugins`: what the config composes. */
import { age, table, ROLES, type Role } from '@kosmos/kernel';
import { type KernelStatus, type PluginStatus, createKernel, formatErrors, loadConfig } from '@kosmos/kernel/runtime';
import { ask, sockets } from './control.ts';

export interface PluginsOptions {
  readonly config?: string;
  readonly output?: 'json';
}

interface Listed {
  readonly name: string;
  readonly version: string;
  readonly required: boolean;
  readonly parts: PluginStatus['parts'];
  /** By role, where the role can be set up here. */
  readonly taps: Readonly<Record<string, readonly string[]>>;
  /** Of the setup here, in milliseconds, by role. */
  readonly setupMs: Readonly<Record<string, number>>;
  /** Of the processes of this machine, by role. */
  readonly startMs: Readonly<Record<string, number>>;
}

export async function plugins({ config: named, output }: PluginsOptions): Promise<number> {
  const { config, file } = await loadConfig(named, process.env);
  const byRole = new Map<Role, readonly PluginStatus[]>();
  for (const role of ['cli', ...ROLES.filter((each) => each !== 'cli')] as const) {
    const known = byRole.get('cli');
    if (known && !known.some(({ parts }) => parts.some((part) => part.role === role || part.role === 'all'))) continue;
    try {
      // Nothing is started, so it does not matter whether the clusters can be reached.
      const kernel = await createKernel({ config: { ...config, clusters: {} }, configFile: file, role, node: 'here', logLevel: 'silent' });
      byRole.set(role, kernel.describe());
      await kernel.stop();
    } catch (error) {
      if (role === 'cli') throw error;
      process.stderr.write(`the role ${role} cannot be set up here, so its taps are left out:\n${formatErrors(error)}\n`);
    }
  }
  const running = await statusesIfAny();
  const listed = (byRole.get('cli') ?? []).map((plugin): Listed => {
    const of = (all: readonly PluginStatus[]) => all.find(({ name }) => name === plugin.name);
    const perRole = [...byRole].map(([role, all]) => [role, of(all)] as const);
    return {
      name: plugin.name,
      version: plugin.version,
      required: plugin.required,
      parts: plugin.parts,
      taps: Object.fromEntries(perRole.flatMap(([role, at]) => (at && at.taps.length > 0 ? [[role, at.taps]] : []))),
      setupMs: Object.fromEntries(perRole.flatMap(([role, at]) => (at?.setupMs === undefined ? [] : [[role, at.setupMs]]))),
      startMs: Object.fromEntries(
        running.flatMap(({ self, plugins: theirs }) => {
          const startMs = theirs.find(({ name }) => name === plugin.name)?.startMs;
          return startMs === undefined ? [] : [[self.role, startMs]];
        }),
      ),
    };
  });
  process.stdout.write(output === 'json' ? `${JSON.stringify(listed, undefined, 2)}\n` : `${asTable(listed)}\n`);
  return 0;
}

async function statusesIfAny(): Promise<KernelStatus[]> {
  const answers = await Promise.allSettled((await sockets()).map((path) => ask(path, '/status')));
  return answers.flatMap((answer) => (answer.status === 'fulfilled' ? [JSON.parse(answer.value.text) as KernelStatus] : []));
}

function asTable(listed: readonly Listed[]): string {
  const unique = (words: readonly string[]) => [...new Set(words)].join(',');
  const times = (by: Readonly<Record<string, number>>) => Object.entries(by).map(([role, ms]) => `${role}=${age(ms)}`);
  return table(
    ['NAME', 'VERSION', 'PARTS', 'REQUIRES', 'PROVIDES', 'TAPS', 'SETUP', 'START'],
    listed.map((plugin) => [
      plugin.required ? plugin.name : `${plugin.name} (optional)`,
      plugin.version,
      plugin.parts.map(({ role }) => role).join(','),
      unique(plugin.parts.flatMap(({ requires, optional }) => [...requires, ...optional.map((id) => `${id}?`)])),
      unique(plugin.parts.flatMap(({ provides }) => provides)),
      unique(Object.values(plugin.taps).flat()),
      age(Math.max(0, ...Object.values(plugin.setupMs))),
      times(plugin.startMs).join(','),
    ]),
  );
}
