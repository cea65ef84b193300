import { NodeConfigKind } from '@kosmos/api';
import { type Command, OUTPUT_OPTION, printed } from '@kosmos/kernel';

/** `kosmos get links`: what the nodes say of their tunnels. */
export const getLinksCommand: Command = {
  path: ['get', 'links'],
  summary: 'Show how well the tunnels of each node to each cluster work',
  arguments: [{ name: '[nodes...]', description: 'only of these ClusterNodes; default: all' }],
  options: [OUTPUT_OPTION],
  async run({ args, options, clusters, stdout, signal }) {
    const configs = await clusters.client('host').list(NodeConfigKind, { signal });
    const links = configs
      .filter(({ metadata }) => args.length === 0 || args.includes(metadata.name))
      .sort((a, b) => (a.metadata.name < b.metadata.name ? -1 : 1))
      .flatMap(({ metadata, status }) => (status?.links ?? []).map((link) => ({ node: metadata.name, ...link })));
    const rows = links.map(({ node, cluster, probed, up, rttMicroseconds: rtt, lossPercent, mtu, down, silent, narrow }) => [
      node,
      cluster,
      `${up ?? 0}/${probed ?? 0}`,
      rtt === undefined ? undefined : `<=${rtt / 1000}ms`,
      lossPercent === undefined ? undefined : `<=${lossPercent}%`,
      mtu,
      [list('NoAnswer', down), list('AgentSilent', silent), list('MtuTooSmall', narrow)].filter(Boolean).join('; '),
    ]);
    const header = ['NODE', 'CLUSTER', 'UP', 'RTT', 'LOSS', 'MTU', 'TROUBLE'];
    stdout.write(await printed(options['output'], links, { header, rows }, 'No node has told of its tunnels.'));
    return 0;
  },
};

const list = (what: string, names: readonly string[] | undefined) => names && `${what}: ${names.join(', ')}`;
