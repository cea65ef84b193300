import { readdirSync, readFileSync } from 'node:fs';
import type { Registry } from '../kinds/registry.ts';
import { groupResource } from '../kinds/resource.ts';
import type { Store } from '../storage/store.ts';
import { VERSION } from './discovery.ts';
import { BUCKETS, type Labels, type Measured, type Series } from './measured.ts';

/** The type of what `expose` gives. */
export const EXPOSITION = 'text/plain; version=0.0.4; charset=utf-8; escaping=underscores';

const quote = (value: string): string => `"${value.replace(/[\\"]/g, '\\$&').replaceAll('\n', '\\n')}"`;

const labelled = (labels: object): string =>
  Object.entries(labels)
    .map(([name, value]) => `${name}=${quote(String(value))}`)
    .join(',');

type Sample = [labels: object | undefined, value: number, suffix?: string];

function metric(name: string, type: 'counter' | 'gauge' | 'histogram', help: string, samples: readonly Sample[]): string {
  if (!samples.length) return '';
  const lines = samples.map(([labels, value, suffix = '']) => `${name}${suffix}${labels ? `{${labelled(labels)}}` : ''} ${value}\n`);
  return `# HELP ${name} ${help}\n# TYPE ${name} ${type}\n${lines.join('')}`;
}

/** The labels of a total, which is told apart by more; in order of their names. */
const ofTotal = ({ verb, version, ...labels }: Labels, code: number): object => ({ code, ...labels, system_client: '', verb, version });

function durations({ labels, buckets, sum }: Series): Sample[] {
  let count = 0;
  const samples = buckets.map((n, i): Sample => {
    count += n;
    return [{ ...labels, le: BUCKETS[i] ?? '+Inf' }, count, '_bucket'];
  });
  return count ? [...samples, [labels, sum, '_sum'], [labels, count, '_count']] : [];
}

function objects(store: Store, registry: Registry): { group: string; resource: string; name: string; count: number }[] {
  const stored = new Map(registry.all().map((r) => [r.storage, r]));
  return [...stored.values()]
    .filter((r) => r.verbs.includes('list') && !r.computed)
    .map((r) => ({ group: r.group, resource: r.plural, name: groupResource(r), count: store.count(r.storage) }))
    .sort((a, b) => (a.name < b.name ? -1 : 1));
}

/** What the kernel says of this process; nothing of it where that is no Linux. */
function ofProcess(): string {
  const { user, system } = process.cpuUsage();
  const gauge = (name: string, help: string, value: number | undefined): string =>
    value === undefined ? '' : metric(`process_${name}`, 'gauge', help, [[undefined, value]]);
  let files: number | undefined;
  let most: number | undefined;
  let virtual: number | undefined;
  try {
    files = readdirSync('/proc/self/fd').length;
    most = Number(/^Max open files\s+(\d+)/m.exec(readFileSync('/proc/self/limits', 'utf8'))?.[1]);
    virtual = Number(/^VmSize:\s+(\d+)/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1]) * 1024;
  } catch {
    // They are left out.
  }
  return [
    metric('process_cpu_seconds_total', 'counter', 'Total user and system CPU time spent in seconds.', [
      [undefined, (user + system) / 1e6],
    ]),
    gauge('max_fds', 'Maximum number of open file descriptors.', most),
    gauge('open_fds', 'Number of open file descriptors.', files),
    gauge('resident_memory_bytes', 'Resident memory size in bytes.', process.memoryUsage.rss()),
    gauge('start_time_seconds', 'Start time of the process since unix epoch in seconds.', Date.now() / 1000 - process.uptime()),
    gauge('virtual_memory_bytes', 'Virtual memory size in bytes.', virtual),
  ].join('');
}

/** All metrics in Prometheus' text form, by the names and labels that Kubernetes has for them. */
export function expose(measured: Measured, store: Store, registry: Registry): string {
  const series = [...measured.series];
  const counts = objects(store, registry);
  const { major, minor, gitVersion, gitCommit, gitTreeState, buildDate, goVersion, compiler, platform } = VERSION;
  const build = { build_date: buildDate, compiler, git_commit: gitCommit, git_tree_state: gitTreeState, git_version: gitVersion };
  return [
    metric('apiserver_current_inflight_requests', 'gauge', 'Most requests at a time in the last second, by what they do.', [
      [{ request_kind: 'mutating' }, measured.writing.most],
      [{ request_kind: 'readOnly' }, measured.reading.most],
    ]),
    metric(
      'apiserver_longrunning_requests',
      'gauge',
      'Open requests that last as long as their clients want.',
      series.filter((s) => s.long).map(({ labels: { dry_run: _no, ...labels }, open }) => [labels, open]),
    ),
    metric('apiserver_request_duration_seconds', 'histogram', 'How long requests took in seconds.', series.flatMap(durations)),
    metric(
      'apiserver_request_total',
      'counter',
      'Requests by what they asked for, and the status of the answer.',
      series.flatMap((s) => [...s.codes].map(([code, n]): Sample => [ofTotal(s.labels, code), n])),
    ),
    metric(
      'apiserver_resource_objects',
      'gauge',
      'Objects that are stored, by their kind.',
      counts.map(({ group, resource, count }) => [{ group, resource }, count]),
    ),
    metric(
      'apiserver_storage_objects',
      'gauge',
      'Objects that are stored, by their kind; apiserver_resource_objects is newer.',
      counts.map(({ name, count }) => [{ resource: name }, count]),
    ),
    metric('kubernetes_build_info', 'gauge', 'The version of Kubernetes whose behaviour this server has.', [
      [{ ...build, go_version: goVersion, major, minor, platform }, 1],
    ]),
    ofProcess(),
  ].join('');
}
