import { ANNOTATIONS, ClusterKind, ClusterNodeKind } from '@kosmos/api';
import { type Command, KosmosError } from '@kosmos/kernel';

/** `kosmos gateway move`: a wish on the Cluster, which the elector fulfils while the node is able. */
export const moveCommand: Command = {
  path: ['gateway', 'move'],
  summary: 'Make a node the first gateway of its cluster, without losing a packet',
  help: 'Examples:\n  kosmos gateway move c1 c1-node2\n  kosmos gateway move c1 --any     let the elector choose again',
  arguments: [
    { name: '<cluster>', description: 'name of the cluster' },
    { name: '[node]', description: 'name of the ClusterNode (or of its node)' },
  ],
  options: [{ flags: '--any', description: 'take the wish back' }],
  async run({ args, options, clusters, stdout, signal }) {
    const [name = '', wanted] = args;
    if ((wanted === undefined) !== (options['any'] === true))
      throw new KosmosError('KOSMOS_E_ARGUMENT', wanted === undefined ? 'No node is named.' : 'A node and --any exclude each other.', {
        where: 'kosmos gateway move',
        hint: 'Name one ClusterNode, or give --any.',
      });
    const host = clusters.client('host');
    const cluster = await host.get(ClusterKind, name, { signal });
    const known = (await host.list(ClusterKind, { signal })).map(({ metadata }) => metadata.name);
    if (!cluster) throw notFound('Cluster', name, known);
    if (wanted === undefined) {
      await wish(null);
      stdout.write(`The elector chooses the gateways of ${name} by itself again.\n`);
      return 0;
    }
    const nodes = (await host.list(ClusterNodeKind, { signal })).filter(({ spec }) => spec?.clusterName === name);
    const node = nodes.find(({ metadata, spec }) => metadata.name === wanted || spec?.nodeName === wanted);
    if (!node)
      throw notFound(
        'ClusterNode',
        wanted,
        nodes.map(({ metadata }) => metadata.name),
      );
    await wish(node.metadata.name);
    stdout.write(
      `${node.metadata.name} is to be the first gateway of ${name}: kubectl get cluster ${name} -o jsonpath={.status.clusterLinkStatus.gateways}\n`,
    );
    return 0;

    function wish(value: string | null): Promise<unknown> {
      return host.patch(
        ClusterKind,
        name,
        { metadata: { annotations: { [ANNOTATIONS.preferredGateway]: value } } },
        { fieldManager: 'kosmos/elector/cli', signal },
      );
    }
  },
};

/** Names what there is instead. */
export function notFound(kind: string, name: string, known: readonly string[]): KosmosError {
  const some = [...known].sort().slice(0, 8).join(', ');
  return new KosmosError('KOSMOS_E_NOT_FOUND', `There is no ${kind} '${name}'.`, {
    hint: `Name one of: ${some || '(there are none)'}${known.length > 8 ? ', ...' : ''}.`,
  });
}
