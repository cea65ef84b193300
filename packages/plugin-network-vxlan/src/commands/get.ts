import { type Cluster, ClusterKind, type ClusterNode, ClusterNodeKind, type Condition, type NodeConfig, NodeConfigKind } from '@kosmos/api';
import { type Columns, type Command, type CommandContext, KosmosError, OUTPUT_OPTION, printed } from '@kosmos/kernel';
import type { NetworkHooks } from '../contracts.ts';
import { troubles } from '../findings.ts';
import { createPlanner, type PlannerOptions } from '../plan/planner.ts';
import type { NodePlan } from '../plan/types.ts';

interface Named {
  readonly metadata: { readonly name: string };
}

/** `kosmos get KIND`: the network's objects, with what is said of them elsewhere beside it. */
export function getCommands(hooks: NetworkHooks, options: PlannerOptions): Command[] {
  return [
    getCommand<Cluster>('clusters', 'Show the clusters of the network', async (context) => {
      const { clusters, nodes } = await fleet(context);
      return { items: named(context, 'Cluster', clusters), rows: (of) => clusterRows(of, nodes) };
    }),
    getCommand<ClusterNode>('nodes', 'Show the nodes of all clusters', async (context) => {
      const [{ nodes }, configs] = [await fleet(context), await context.clusters.client('host').list(NodeConfigKind, context)];
      return { items: named(context, 'ClusterNode', nodes), rows: (of) => nodeRows(of, configs) };
    }),
    getCommand<NodeConfig>('nodeconfig', 'Show what the agents have applied', async (context) => {
      const configs = await context.clusters.client('host').list(NodeConfigKind, context);
      return { items: named(context, 'NodeConfig', configs), rows: configRows };
    }),
    getCommand(
      'tunnels',
      'Show the tunnel devices that are planned on each node, and how many peers and networks are behind them',
      async (context) => {
        const { clusters, nodes } = await fleet(context);
        const planner = createPlanner(hooks, options);
        for (const cluster of clusters) planner.setCluster(cluster);
        for (const node of nodes) planner.setNode(node);
        const plans = [...planner.all()].map((plan) => ({ metadata: { name: plan.node }, ...plan }));
        return { items: named(context, 'ClusterNode', plans), rows: tunnelRows };
      },
    ),
  ];
}

function getCommand<T extends Named>(
  what: string,
  summary: string,
  read: (context: CommandContext) => Promise<{ readonly items: readonly T[]; readonly rows: (items: readonly T[]) => Columns }>,
): Command {
  return {
    path: ['get', what],
    summary,
    arguments: [{ name: '[names...]', description: 'only these; default: all' }],
    options: [OUTPUT_OPTION],
    async run(context) {
      const { items, rows } = await read(context);
      context.stdout.write(await printed(context.options['output'], items, rows(items), `There are no ${what}.`));
      return 0;
    },
  };
}

async function fleet({ clusters, signal }: CommandContext): Promise<{ clusters: Cluster[]; nodes: ClusterNode[] }> {
  const host = clusters.client('host');
  return { clusters: await host.list(ClusterKind, { signal }), nodes: await host.list(ClusterNodeKind, { signal }) };
}

/** Those that are asked for, by name. @throws KosmosError that names what is not there */
function named<T extends Named>({ args }: CommandContext, kind: string, all: readonly T[]): T[] {
  const sorted = all.toSorted((a, b) => (a.metadata.name < b.metadata.name ? -1 : 1));
  const missing = args.filter((name) => !sorted.some(({ metadata }) => metadata.name === name));
  if (missing.length > 0) {
    const some = sorted.slice(0, 8).map(({ metadata }) => metadata.name);
    throw new KosmosError('KOSMOS_E_NOT_FOUND', `There is no ${kind} ${missing.map((name) => `'${name}'`).join(' and no ')}.`, {
      hint: `Name one of: ${some.join(', ') || '(there are none)'}${sorted.length > some.length ? ', ...' : ''}.`,
    });
  }
  return args.length === 0 ? sorted : sorted.filter(({ metadata }) => args.includes(metadata.name));
}

function clusterRows(clusters: readonly Cluster[], nodes: readonly ClusterNode[]): Columns {
  const members = Map.groupBy(nodes, ({ spec }) => spec?.clusterName);
  return {
    header: ['NAME', 'TYPE', 'FAMILY', 'NODES', 'PODS', 'SERVICES', 'TROUBLE'],
    wide: ['GLOBAL', 'CNI'],
    rows: clusters.map(({ metadata: { name }, spec, status }) => {
      const link = spec?.clusterLinkOptions;
      const takesPart = link !== undefined && link.enable !== false;
      return [
        name,
        takesPart ? (link.networkType ?? 'p2p') : 'off',
        takesPart ? (link.ipFamily ?? 'all') : undefined,
        members.get(name)?.length ?? 0,
        status?.clusterLinkStatus?.podCIDRs?.join(','),
        status?.clusterLinkStatus?.serviceCIDRs?.join(','),
        trouble(status?.conditions),
        Object.entries(link?.globalCIDRsMap ?? {})
          .map(([real, seen]) => `${real}=${seen}`)
          .join(','),
        link?.cni,
      ];
    }),
  };
}

function nodeRows(nodes: readonly ClusterNode[], configs: readonly NodeConfig[]): Columns {
  const configOf = new Map(configs.map((config) => [config.metadata.name, config]));
  return {
    header: ['NAME', 'CLUSTER', 'ROLES', 'IP', 'PODS', 'APPLIED', 'TROUBLE'],
    wide: ['NODE', 'INTERFACE', 'IP6', 'SYNCED'],
    rows: nodes.map(({ metadata: { name }, spec, status }) => {
      const config = configOf.get(name);
      return [
        name,
        spec?.clusterName,
        spec?.roles?.join(','),
        spec?.ip,
        spec?.podCIDRs?.join(','),
        applied(config),
        trouble([...(status?.conditions ?? []), ...(config?.status?.conditions ?? [])]),
        spec?.nodeName,
        spec?.interfaceName,
        spec?.ip6,
        config?.status?.lastSyncTime,
      ];
    }),
  };
}

function configRows(configs: readonly NodeConfig[]): Columns {
  return {
    header: ['NAME', 'APPLIED', 'DEVICES', 'ROUTES', 'PEERS', 'CHANGED', 'TROUBLE'],
    wide: ['FDBS', 'NAT', 'SYNCED', 'HASH'],
    rows: configs.map((config) => {
      const { counts, lastChangeTime, lastSyncTime, hash, conditions } = config.status ?? {};
      return [
        config.metadata.name,
        applied(config),
        counts?.devices,
        counts?.routes,
        counts?.arps,
        lastChangeTime,
        trouble(conditions),
        counts?.fdbs,
        counts?.nat,
        lastSyncTime,
        hash,
      ];
    }),
  };
}

function tunnelRows(plans: readonly (NodePlan & Named)[]): Columns {
  return {
    header: ['NODE', 'DEVICE', 'ADDRESS', 'VNI', 'PORT', 'PEERS', 'NETWORKS'],
    wide: ['MAC', 'ON', 'MTU'],
    rows: plans.flatMap(({ node, devices, routes, arps }) =>
      devices.map((d) => [
        node,
        d.name,
        d.addr,
        d.id,
        d.port,
        arps.filter(({ dev }) => dev === d.name).length,
        routes.filter(({ dev }) => dev === d.name).length,
        d.mac,
        d.bindDev,
        d.mtu ?? 'auto',
      ]),
    ),
  };
}

const applied = (config: NodeConfig | undefined) => config?.status?.conditions?.find(({ type }) => type === 'Applied')?.status ?? 'Unknown';

/** What is not as it should be: `CIDRConflict (Overlap)`. */
function trouble(conditions: readonly Condition[] | undefined): string {
  return troubles(conditions)
    .map(({ type, reason }) => `${type} (${reason})`)
    .join(', ');
}
