import { ClusterKind, ClusterNodeKind, type Lease, LeaseKind, SYSTEM_NAMESPACE } from '@kosmos/api';
import { age, type Command, table } from '@kosmos/kernel';
import { leaseName } from './elect/heartbeat.ts';

/** `kosmos get gateways`: the order in which nodes stand for their clusters. */
export const getGatewaysCommand: Command = {
  path: ['get', 'gateways'],
  summary: 'Show the gateways of each cluster, the first one first',
  arguments: [{ name: '[clusters...]', description: 'only of these clusters; default: all' }],
  options: [{ flags: '-o, --output <format>', description: 'how to print', default: 'table', choices: ['table', 'json'] }],
  async run({ args, options, clusters, stdout, signal }) {
    const host = clusters.client('host');
    const [all, nodes, leases] = await Promise.all([
      host.list(ClusterKind, { signal }),
      host.list(ClusterNodeKind, { signal }),
      host.list<Lease>(LeaseKind, { namespace: SYSTEM_NAMESPACE, signal }),
    ]);
    const gateways = all
      .filter(({ metadata }) => args.length === 0 || args.includes(metadata.name))
      .sort((a, b) => (a.metadata.name < b.metadata.name ? -1 : 1))
      .flatMap(({ metadata: { name: cluster }, status }) =>
        (status?.clusterLinkStatus?.gateways ?? []).map((name, i) => {
          const node = nodes.find(({ metadata }) => metadata.name === name);
          const renewed = leases.find(({ metadata }) => metadata.name === leaseName(name))?.spec?.renewTime;
          return {
            cluster,
            order: i + 1,
            name,
            ip: node?.spec?.ip ?? node?.spec?.ip6,
            renewed,
          };
        }),
      );
    if (options['output'] === 'json') stdout.write(`${JSON.stringify(gateways, undefined, 2)}\n`);
    else if (gateways.length === 0) stdout.write('No cluster has gateways.\n');
    else {
      const rows = gateways.map((g) => [g.cluster, g.order, g.name, g.ip, g.renewed && age(Date.now() - Date.parse(g.renewed))]);
      stdout.write(`${table(['CLUSTER', 'ORDER', 'NODE', 'IP', 'HEARTBEAT'], rows)}\n`);
    }
    return 0;
  },
};
