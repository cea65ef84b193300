/** What a bundle holds: files, and how each is read from the host cluster. */
import {
  type Cluster,
  ClusterKind,
  type ClusterNode,
  ClusterNodeKind,
  CustomResourceDefinitionKind,
  crdManifests,
  LeaseKind,
  type NodeConfig,
  NodeConfigKind,
  PodKind,
  SYSTEM_NAMESPACE,
} from '@kosmos/api';
import type { Kind, KObject, KubeClient } from '@kosmos/kernel';
import { conditionLines } from '../commands/lines.ts';
import type { Planner } from '../plan/planner.ts';
import { redactText } from './redact.ts';

interface Event extends KObject {
  readonly involvedObject: { readonly kind: string; readonly name: string };
}
const EventKind: Kind<Event> = { group: '', version: 'v1', kind: 'Event', plural: 'events', namespaced: true };

export interface Failure {
  /** What could not be read. */
  readonly what: string;
  readonly why: string;
}

export interface Collector {
  readonly host: KubeClient;
  readonly planner: Planner;
  readonly signal: AbortSignal;
  /** Puts a file into the bundle; objects are written as YAML, after redaction. */
  write(path: string, content: unknown): Promise<void>;
  progress(what: string): void;
}

/** Reads all that can be read. What cannot is among the failures, and keeps nothing else out. */
export async function collect(
  collector: Collector,
  only: readonly string[],
): Promise<{ readonly nodes: number; readonly failures: Failure[] }> {
  const { host, planner, signal, write, progress } = collector;
  const failures: Failure[] = [];
  const attempt = async <T>(what: string, read: () => Promise<T>): Promise<T | undefined> => {
    signal.throwIfAborted();
    progress(`Reading ${what}`);
    try {
      return await read();
    } catch (error) {
      signal.throwIfAborted();
      failures.push({ what, why: redactText((error as Error).message) });
      return undefined;
    }
  };
  const list = <T extends KObject>(what: string, kind: Kind<T>, o: { namespace?: string; fields?: string } = {}) =>
    attempt(what, () => host.list(kind, { ...o, signal }));

  await attempt('version of the host cluster', async () => write('host/version.yaml', await host.request('GET', '/version', { signal })));
  const names = new Set(crdManifests().map(({ metadata }) => metadata.name));
  const crds = await list('definitions of kinds', CustomResourceDefinitionKind);
  if (crds)
    await write(
      'host/crds.yaml',
      crds.filter(({ metadata }) => names.has(metadata.name)),
    );
  const clusters = await list<Cluster>('Clusters', ClusterKind);
  if (clusters) await write('host/clusters.yaml', clusters);
  const nodes = await list<ClusterNode>('ClusterNodes', ClusterNodeKind);
  const configs = await list<NodeConfig>('NodeConfigs', NodeConfigKind);
  const leases = await list('Leases', LeaseKind, { namespace: SYSTEM_NAMESPACE });
  if (leases) await write('host/leases.yaml', leases);
  const pods = await list('Pods of Kosmos', PodKind, { namespace: SYSTEM_NAMESPACE });
  if (pods) await write('host/pods.yaml', pods);
  const kinds = [ClusterKind, ClusterNodeKind, NodeConfigKind];
  const events = await Promise.all(
    kinds.map(({ kind }) => list<Event>(`Events on ${kind}s`, EventKind, { namespace: 'default', fields: `involvedObject.kind=${kind}` })),
  );
  const told = Map.groupBy(
    events.flatMap((some) => some ?? []),
    ({ involvedObject: { kind, name } }) => (kind === 'Cluster' ? '' : name),
  );
  await write('host/events.yaml', told.get('') ?? []);

  for (const cluster of clusters ?? []) planner.setCluster(cluster);
  for (const node of nodes ?? []) planner.setNode(node);
  if (clusters && nodes) await write('host/conditions.txt', `${conditionLines(planner.conditions()).join('\n')}\n`);
  const records = new Map((nodes ?? []).map((node) => [node.metadata.name, node]));
  const reports = new Map((configs ?? []).map((config) => [config.metadata.name, config]));
  const all = [...new Set([...records.keys(), ...reports.keys()])].sort();
  const wanted = all.filter((name) => only.length === 0 || only.includes(name));
  for (const name of only.filter((each) => !all.includes(each)))
    failures.push({ what: `node ${name}`, why: 'there is no such ClusterNode' });
  for (const [i, name] of wanted.entries()) {
    signal.throwIfAborted();
    progress(`Node ${name} (${i + 1} of ${wanted.length})`);
    const at = `nodes/${name}`;
    if (records.has(name)) await write(`${at}/clusternode.yaml`, records.get(name));
    if (reports.has(name)) await write(`${at}/nodeconfig.yaml`, reports.get(name));
    if (told.has(name)) await write(`${at}/events.yaml`, told.get(name));
    const plan = clusters && planner.planOf(name);
    // Large, and no place for secrets: addresses, numbers and names only.
    if (plan) await write(`${at}/plan.json`, JSON.stringify(plan, undefined, 1));
  }
  return { nodes: wanted.length, failures };
}
