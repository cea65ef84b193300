import { ClusterKind, ClusterNodeKind, type Lease, LeaseKind, SYSTEM_NAMESPACE } from '@kosmos/api';
import { age, type Command, OUTPUT_OPTION, printed } from '@kosmos/kernel';
import { leaseName } from './elect/heartbeat.ts';
import { notFound } from './move.ts';

/** `kosmos get gateways`: the order in which nodes stand for their clusters. */
export const getGatewaysCommand: Command = {
  path: ['get', 'gateways'],
  summary: 'Show the gateways of each cluster, the first one first',
  arguments: [{ name: '[clusters...]', description: 'only of these clusters; default: all' }],
  options: [OUTPUT_OPTION],
  async run({ args, options, clusters, stdout, signal }) {
    const host = clusters.client('host');
    const [all, nodes, leases] = await Promise.all([
      host.list(ClusterKind, { signal }),
      host.list(ClusterNodeKind, { signal }),
      host.list<Lease>(LeaseKind, { namespace: SYSTEM_NAMESPACE, signal }),
    ]);
    const known = all.map(({ metadata }) => metadata.name);
    const unknown = args.find((name) => !known.includes(name));
    if (unknown !== undefined) throw notFound('Cluster', unknown, known);
    const gateways = all
      .filter(({ metadata }) => args.length === 0 || args.includes(metadata.name))
      .sort((a, b) => (a.metadata.name < b.metadata.name ? -1 : 1))
      .flatMap(({ metadata: { name: cluster }, status }) =>
        (status?.clusterLinkStatus?.gateways ?? []).map((name, i) => {
          const node = nodes.find(({ metadata }) => metadata.name === name);
          const { renewTime: renewed, holderIdentity: agent } =
            leases.find(({ metadata }) => metadata.name === leaseName(name))?.spec ?? {};
          const { nodeName, interfaceName, ip, ip6 } = node?.spec ?? {};
          return { cluster, order: i + 1, name, nodeName, interfaceName, ip: ip ?? ip6, ip6, renewed, agent };
        }),
      );
    const columns = {
      header: ['CLUSTER', 'ORDER', 'NODE', 'IP', 'HEARTBEAT'],
      wide: ['INTERFACE', 'IP6', 'AGENT'],
      rows: gateways.map((g) => [
        g.cluster,
        g.order,
        g.name,
        g.ip,
        g.renewed && age(Date.now() - Date.parse(g.renewed)),
        g.interfaceName,
        g.ip6,
        g.agent,
      ]),
    };
    stdout.write(await printed(options['output'], gateways, columns, 'No cluster has gateways.'));
    return 0;
  },
};
