import { age, table } from '@kosmos/kernel';
/** `kosmos status`: what the processes of this machine do, and how they are. */
import type { KernelStatus } from '@kosmos/kernel/runtime';
import { fail } from '@kosmos/kernel/runtime';
import { ask, sockets, statuses } from './control.ts';

export interface StatusOptions {
  readonly output?: 'json';
  readonly address?: string;
}

export async function status({ output, address }: StatusOptions): Promise<number> {
  const found = await statuses(address);
  process.stdout.write(output === 'json' ? `${JSON.stringify(found, undefined, 2)}\n` : `${found.map(describe).join('\n\n')}\n`);
  return 0;
}

function describe(of: KernelStatus): string {
  const { self, pid, version, state, uptimeMs, reasons } = of;
  const where = [self.cluster, self.node].filter((word) => word !== undefined).join('/');
  const ready = state === 'ready' && reasons.length > 0 ? `${state}, not well` : state;
  const process = table(['PROCESS', 'PID', 'AT', 'STATE', 'UPTIME', 'VERSION'], [[self.role, pid, where, ready, age(uptimeMs), version]]);
  const tables = [
    table(
      ['CLUSTER', 'STATE', 'SERVER'],
      of.clusters.map(({ name, state: how, server }) => [name, how, server]),
    ),
    table(
      ['PLUGIN', 'VERSION', 'STATE', 'SETUP', 'START'],
      of.plugins.map((plugin) => [
        plugin.name,
        plugin.version,
        plugin.degraded === undefined ? (plugin.setupMs === undefined ? 'no part here' : 'runs') : `failed: ${plugin.degraded}`,
        plugin.setupMs === undefined ? undefined : age(plugin.setupMs),
        plugin.startMs === undefined ? undefined : age(plugin.startMs),
      ]),
    ),
    table(
      ['INFORMER', 'CLUSTER', 'STATE', 'OBJECTS', 'QUEUED', 'LAST HEARD', 'PLUGINS'],
      of.informers.map((one) => [
        one.kind,
        one.cluster,
        one.error === undefined ? one.state : `${one.state}: ${one.error}`,
        one.objects,
        one.queued,
        one.lagMs === undefined ? undefined : age(one.lagMs),
        one.plugins.join(','),
      ]),
    ),
    table(
      ['CONTROLLER', 'QUEUED', 'DELAYED', 'ACTIVE', 'FAILING', 'LEASE'],
      of.controllers.map((one) => [one.controller, one.queued, one.delayed, one.active, one.failing, one.lease]),
    ),
    table(
      ['LEASE', 'HELD', 'HOLDER'],
      of.leases.map((lease) => [lease.name, lease.held ? 'yes' : 'no', lease.holder]),
    ),
  ];
  const shown = tables.filter((text) => text.includes('\n'));
  return [process, ...reasons.map((reason) => `  not ready: ${reason}`), ...shown.map((text) => `\n${text}`)].join('\n');
}

/** `kosmos log-level [LEVEL]`: shows or changes how much the processes of this machine log. */
export async function logLevel(level: string | undefined): Promise<number> {
  const found = await sockets();
  if (found.length === 0) await statuses(undefined);
  for (const path of found) {
    const { status: code, text } = await ask(path, '/log-level', level === undefined ? {} : { method: 'PUT', body: level });
    if (code !== 200) throw fail('KOSMOS_E_CONFIG_INVALID', text, { where: 'kosmos log-level', hint: 'Give one of these levels.' });
    process.stdout.write(`${path.split('/').at(-1)?.replace('.sock', '')}: ${text}\n`);
  }
  return 0;
}
