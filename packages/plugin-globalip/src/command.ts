import { type Cluster, ClusterKind } from '@kosmos/api';
import { type Command, type CommandContext, type Kind, KosmosError, type KObject, table } from '@kosmos/kernel';
import { memberClient } from '@kosmos/plugin-clusters/contracts';
import { type Cidr, formatIp, type Ip, type Mapping, parseCidr, parseIp, shift } from '@kosmos/plugin-network-vxlan/contracts';
import { mappingsOf } from './mappings.ts';

interface Pod extends KObject {
  readonly status?: { readonly podIP?: string; readonly podIPs?: readonly { readonly ip: string }[] };
}
const PodKind: Kind<Pod> = { group: '', version: 'v1', kind: 'Pod', plural: 'pods', namespaced: true };

/** A pod's address in one family; `pod` is `<namespace>/<name>`, absent where no pod has the address now. */
interface Answer {
  readonly cluster: string;
  readonly pod?: string;
  readonly ip: string;
  readonly globalIP: string;
}

/** `kosmos globalip`: which pod an address is, and by which address other clusters see a pod. */
export const globalipCommand: Command = {
  path: ['globalip'],
  summary: 'Tell which pod an address is, and by which address other clusters see a pod',
  help: [
    'Examples:',
    '  kosmos globalip 100.65.3.7            whose address is this, as other clusters see it or as its own cluster does?',
    '  kosmos globalip web-0                 the addresses of all pods of this name',
    '  kosmos globalip shop/web-0 -o json    of a namespace; CLUSTER/NAMESPACE/NAME is one pod',
  ].join('\n'),
  arguments: [{ name: '<name|ip>', description: 'a pod, as NAME, NAMESPACE/NAME or CLUSTER/NAMESPACE/NAME, or an IP address' }],
  options: [{ flags: '-o, --output <format>', description: 'how to print', default: 'table', choices: ['table', 'json'] }],
  async run(context) {
    const [asked] = context.args as [string];
    const clusters = await context.clusters.client('host').list(ClusterKind, { signal: context.signal });
    const ip = parseIp(asked);
    const answers = ip ? await byIp(context, clusters, ip) : await byName(context, clusters, asked);
    if (answers.length === 0) {
      throw new KosmosError('KOSMOS_E_NOT_FOUND', ip ? `No cluster has the address ${ip.text}.` : `There is no pod '${asked}'.`, {
        hint: ip
          ? 'It is in no pod network of a Cluster, neither a real nor a global one; `kubectl get clusters -o yaml` shows them.'
          : `Name one as NAME, NAMESPACE/NAME or CLUSTER/NAMESPACE/NAME; clusters: ${clusters.map(({ metadata }) => metadata.name).join(', ')}.`,
      });
    }
    context.stdout.write(context.options['output'] === 'json' ? `${JSON.stringify(answers, undefined, 2)}\n` : `${tableOf(answers)}\n`);
  },
};

async function byIp(context: CommandContext, clusters: readonly Cluster[], ip: Ip): Promise<Answer[]> {
  const answers = await Promise.all(
    clusters.map(async (cluster): Promise<Answer[]> => {
      const maps = mappingsOf(cluster);
      const real = across(ip, maps, 'seen', 'real');
      const { podCIDRs = [], serviceCIDRs = [] } = cluster.status?.clusterLinkStatus ?? {};
      const own = [...podCIDRs, ...serviceCIDRs].some((text) => holds(parseCidr(text), ip));
      const { name } = cluster.metadata;
      const find = async (is: Ip): Promise<Answer> => {
        const pods = await podsOf(context, cluster);
        const pod = pods?.find((p) => addresses(p).includes(is.text));
        return {
          cluster: name,
          ...(pod && { pod: podName(pod) }),
          ip: is.text,
          globalIP: across(is, maps, 'real', 'seen')?.text ?? is.text,
        };
      };
      return [...(real ? [await find(real)] : []), ...(own && real?.text !== ip.text ? [await find(ip)] : [])];
    }),
  );
  return answers.flat();
}

async function byName(context: CommandContext, clusters: readonly Cluster[], asked: string): Promise<Answer[]> {
  const [name, namespace, cluster] = asked.split('/').reverse();
  const chosen = clusters.filter(({ metadata }) => cluster === undefined || metadata.name === cluster);
  const answers = await Promise.all(
    chosen.map(async (of) => {
      const maps = mappingsOf(of);
      const pods = (await podsOf(context, of)) ?? [];
      return pods
        .filter(({ metadata }) => metadata.name === name && (namespace === undefined || metadata.namespace === namespace))
        .flatMap((pod) =>
          addresses(pod).map((text): Answer => {
            const globalIP = across(parseIp(text)!, maps, 'real', 'seen')?.text ?? text;
            return { cluster: of.metadata.name, pod: podName(pod), ip: text, globalIP };
          }),
        );
    }),
  );
  return answers.flat();
}

/** The pods of a member; undefined where it does not answer, which is said. */
async function podsOf(context: CommandContext, cluster: Cluster): Promise<readonly Pod[] | undefined> {
  const { name } = cluster.metadata;
  try {
    const client = await memberClient(context, cluster);
    return await client.list(PodKind, { signal: context.signal });
  } catch (error) {
    context.signal.throwIfAborted();
    context.stderr.write(`The pods of cluster '${name}' are not known: ${(error as Error).message}\n`);
    return undefined;
  }
}

const podName = ({ metadata }: Pod) => `${metadata.namespace}/${metadata.name}`;
const addresses = ({ status }: Pod): string[] => (status?.podIPs ?? (status?.podIP ? [{ ip: status.podIP }] : [])).map(({ ip }) => ip);
const holds = (cidr: Cidr | undefined, ip: Ip) =>
  cidr !== undefined && cidr.family === ip.family && cidr.first <= ip.bits && ip.bits <= cidr.last;

/** The address on the other side of the mapping that has it on this side. */
function across(ip: Ip, maps: readonly Mapping[], from: 'real' | 'seen', to: 'real' | 'seen'): Ip | undefined {
  const mapping = maps.find((m) => holds(m[from], ip));
  if (!mapping) return undefined;
  const host = parseCidr(`${ip.text}/${ip.family === 4 ? 32 : 128}`)!;
  return parseIp(formatIp(ip.family, shift(host, mapping[from], mapping[to]).first));
}

const tableOf = (answers: readonly Answer[]): string =>
  table(
    ['CLUSTER', 'POD', 'IP', 'GLOBAL IP'],
    answers.map((a) => [a.cluster, a.pod, a.ip, a.globalIP]),
  );
