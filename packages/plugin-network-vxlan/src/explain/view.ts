/** The network as it is now, for commands: reads the objects of the host cluster, and nodes where something is to be explained. */
import { type Cluster, ClusterKind, type ClusterNode, ClusterNodeKind, isGateway, type NodeConfig, NodeConfigKind } from '@kosmos/api';
import { type Entries, type Link, type Runner, sysctlPath } from '@kosmos/hostnet';
import { atOnce } from '@kosmos/kernel';
import type { Explanation, NetworkHooks, NetworkView, NetworkViews, Pair, ViewedNode } from '../contracts.ts';
import { familyOf } from '../agent/desired.ts';
import { troubles } from '../findings.ts';
import { contains, parseCidr, parseIp } from '../plan/address.ts';
import { createPlanner, type PlannerOptions } from '../plan/planner.ts';
import type { Hop } from '../walk/walk.ts';
import { type Evidence, explain, type ExplainedNode, hopKey, hopsOf, unexplained, waysOf } from './explain.ts';
import { wanted } from './node.ts';
import { observe, type Observed, reach, type Reach } from './observe.ts';

/** Nodes that are looked at, and hops that are pinged, at the same time. */
const AT_ONCE = 4;

export function networkViews(hooks: NetworkHooks, options: PlannerOptions): NetworkViews {
  return {
    async read(clusters, signal): Promise<NetworkView> {
      const host = clusters.client('host');
      const [clusterObjects, nodeObjects, configs] = await Promise.all([
        host.list(ClusterKind, { signal }),
        host.list(ClusterNodeKind, { signal }),
        host.list(NodeConfigKind, { signal }),
      ]);
      const planner = createPlanner(hooks, options);
      for (const cluster of clusterObjects) planner.setCluster(cluster);
      for (const node of nodeObjects) planner.setNode(node);
      const reports = new Map(configs.map(({ metadata, status }) => [metadata.name, status]));
      const nodes = new Map<string, ExplainedNode>();
      const viewed: ViewedNode[] = [];
      for (const object of nodeObjects) {
        const { metadata, spec = {} } = object;
        const { name } = metadata;
        const plan = planner.planOf(name);
        if (!plan || plan.devices.length === 0) continue;
        const { clusterName: cluster = '', nodeName = '', ip, ip6, podCIDRs = [] } = spec;
        const report = reports.get(name);
        const ips = [ip, ip6].filter((one) => one !== undefined);
        nodes.set(name, {
          plan,
          cluster,
          nodeName,
          podCIDRs: podCIDRs.filter(parseCidr),
          ips,
          underlay: { ip, ip6 },
          ...(report && { report }),
        });
        viewed.push({
          name,
          cluster,
          nodeName,
          gateway: isGateway(object),
          families: [...new Set(plan.devices.map(({ addr }) => familyOf(addr)))],
        });
      }
      const seenAs = (cluster: string, ip: string) => planner.seenAs(cluster, ip);
      const known = { nodes, conditions: planner.conditions(), seenAs };
      return {
        nodes: viewed.sort((a, b) => (a.name < b.name ? -1 : 1)),
        seenAs,
        routed(node, ip) {
          const parsed = parseIp(ip);
          return nodes.get(node)?.plan.routes.some(({ cidr }) => parsed && contains(parseCidr(cidr)!, parsed)) ?? false;
        },
        warnings(names) {
          const concerned = new Set([...names, ...names.map((name) => nodes.get(name)?.cluster)]);
          const of = (kind: string, objects: readonly (Cluster | ClusterNode | NodeConfig)[]) =>
            objects
              .filter(({ metadata }) => concerned.has(metadata.name))
              .flatMap(({ metadata, status }) =>
                troubles(status?.conditions).map(
                  ({ type, reason, message }) => `${kind} ${metadata.name}: ${type} (${reason}): ${message}`,
                ),
              );
          return [...of('Cluster', clusterObjects), ...of('ClusterNode', nodeObjects), ...of('NodeConfig', configs)];
        },
        diagnose: (pairs, on, signal) => diagnose(pairs, known, on, signal),
      };
    },
  };
}

async function diagnose(
  pairs: readonly Pair[],
  planned: Omit<Evidence, 'observed' | 'reached'>,
  on: (node: string) => Runner | undefined,
  signal: AbortSignal,
): Promise<Explanation[]> {
  const known = { ...planned, nodes: withPods(planned.nodes, pairs) };
  const hops = new Map<string, Hop>();
  for (const pair of pairs) for (const hop of waysOf(pair, known).flatMap(hopsOf)) if (hop.via !== undefined) hops.set(hopKey(hop), hop);
  const names = new Set([...pairs.flatMap(({ from, to }) => [from, to]), ...[...hops.values()].flatMap(({ from, to }) => [from, to])]);
  const observed = new Map<string, Observed>();
  await atOnce(AT_ONCE, names, async (name) => {
    const [node, runner] = [known.nodes.get(name), on(name)];
    if (!node || !runner) return;
    const sysctls = (links: readonly Link[], entries: Entries) => {
      const desired = wanted({ ...node, observed: { links, entries } })?.desired;
      return [...(desired?.sysctls ?? []).map(({ key }) => sysctlPath(key)), 'net/ipv4/conf/all/rp_filter'];
    };
    try {
      observed.set(name, await observe(runner, sysctls, { signal }));
    } catch {
      signal.throwIfAborted(); // what cannot be asked is not known
    }
  });
  const reached = new Map<string, Reach>();
  await atOnce(AT_ONCE, hops.values(), async (hop) => {
    const { from, to, dev, via = '' } = hop;
    const [runner, seen, node] = [on(from), observed.get(from), known.nodes.get(from)];
    const target = known.nodes.get(to)?.underlay[via.includes(':') ? 'ip6' : 'ip'];
    const mtu = seen && node && wanted({ ...node, observed: seen })?.desired.tunnels.find(({ name }) => name === dev)?.mtu;
    if (!runner || target === undefined || mtu === undefined) return;
    try {
      reached.set(hopKey(hop), await reach(runner, { underlay: target, via, dev, mtu }, signal));
    } catch {
      signal.throwIfAborted();
    }
  });
  const evidence = { ...known, observed, reached };
  return pairs.map((pair) => explain(pair, evidence) ?? unexplained(pair, evidence));
}

/** Some CNIs give nodes no networks of their own; their pods are where they were found. */
function withPods(nodes: Evidence['nodes'], pairs: readonly Pair[]): Evidence['nodes'] {
  const all = new Map(nodes);
  const found = pairs.flatMap(({ from, source, to, target }) => [
    [from, source],
    [to, target],
  ]) as [string, string][];
  for (const [name, ip] of found) {
    const node = all.get(name);
    if (!node || (nodes.get(name)?.podCIDRs.length ?? 0) > 0) continue;
    all.set(name, { ...node, podCIDRs: [...node.podCIDRs, `${ip}/${ip.includes(':') ? 128 : 32}`] });
  }
  return all;
}
