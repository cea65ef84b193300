import { readFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { ClusterKind, IP_FAMILIES, KUBECONFIG_KEY, kubeconfigSecretName, NETWORK_TYPES, SecretKind, SYSTEM_NAMESPACE } from '@kosmos/api';
import { type Command, type CommandContext, KosmosError, type KubeClient } from '@kosmos/kernel';
import { parse, stringify } from 'yaml';
import { FIELD_MANAGER, install } from './install.ts';

const WAIT_MS = 60_000;
const POLL_MS = 200;
/** What may be a label value and a part of other names too. */
const NAME = /^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/;

export const join: Command = {
  path: ['join'],
  summary: 'Join a cluster: write its kubeconfig and a Cluster object to the host cluster',
  help: [
    'Examples:',
    '  kosmos join member1 --kubeconfig member1.kubeconfig',
    '  kosmos join member2 --kubeconfig ~/.kube/config --context member2 --ip-family ipv4 --wait',
  ].join('\n'),
  arguments: [{ name: '<name>', description: 'name of the cluster' }],
  options: [
    { flags: '--kubeconfig <file>', description: 'how the host cluster reaches the member' },
    { flags: '--context <name>', description: 'context in the kubeconfig; default: its current one' },
    {
      flags: '--network-type <type>',
      description: 'tunnels between all nodes, or between gateways',
      default: 'p2p',
      choices: [...NETWORK_TYPES],
    },
    { flags: '--ip-family <family>', description: 'address families that are connected', default: 'all', choices: [...IP_FAMILIES] },
    {
      flags: '--cni <name>',
      description: 'how pod CIDRs are found: calico, cilium, flannel, antrea, kindnet, k3s, ...; any other word: by the Node objects',
      default: 'calico',
    },
    { flags: '--wait', description: 'until the manager says that the cluster is reachable' },
  ],
  async run({ args, options, clusters, signal, stdout }: CommandContext) {
    const name = args[0]!;
    if (!NAME.test(name)) {
      throw new KosmosError(
        'KOSMOS_E_ARGUMENT',
        `'${name}' cannot name a cluster; allowed: at most 63 of a-z, 0-9 and -, no - at either end.`,
      );
    }
    const kubeconfig = await readKubeconfig(options['kubeconfig'] as string | undefined, options['context'] as string | undefined);
    const host = clusters.client('host');
    await install(host, signal);
    const o = { fieldManager: FIELD_MANAGER, force: true, signal };
    const secret = { name: kubeconfigSecretName(name), namespace: SYSTEM_NAMESPACE };
    await host.apply(
      SecretKind,
      {
        apiVersion: 'v1',
        kind: 'Secret',
        metadata: secret,
        type: 'Opaque',
        data: { [KUBECONFIG_KEY]: Buffer.from(kubeconfig).toString('base64') },
      },
      o,
    );
    const clusterLinkOptions = { enable: true, networkType: options['networkType'], ipFamily: options['ipFamily'], cni: options['cni'] };
    await host.apply(
      ClusterKind,
      { apiVersion: 'kosmos.io/v1alpha1', kind: 'Cluster', metadata: { name }, spec: { kubeconfigSecretRef: secret, clusterLinkOptions } },
      o,
    );
    stdout.write(`Cluster '${name}' joined.\n`);
    if (options['wait']) await reachable(host, name, signal);
  },
};

export const unjoin: Command = {
  path: ['unjoin'],
  summary: 'Take a cluster out: delete its Cluster object and kubeconfig from the host cluster',
  arguments: [{ name: '<name>', description: 'name of the cluster' }],
  async run({ args, clusters, signal, stdout }: CommandContext) {
    const name = args[0]!;
    const host = clusters.client('host');
    const cluster = await host.get(ClusterKind, name, { signal });
    if (!cluster) {
      const known = (await host.list(ClusterKind, { signal })).map(({ metadata }) => metadata.name);
      throw new KosmosError('KOSMOS_E_NOT_FOUND', `There is no cluster '${name}'.`, {
        hint: `Joined are: ${known.sort().join(', ') || 'none'}.`,
      });
    }
    await host.delete(ClusterKind, name, { uid: cluster.metadata.uid, signal });
    // Another Secret than ours was not made by join or the manager, and stays.
    await host.delete(SecretKind, kubeconfigSecretName(name), { namespace: SYSTEM_NAMESPACE, signal });
    stdout.write(`Cluster '${name}' left.\n`);
  },
};

async function readKubeconfig(file: string | undefined, context: string | undefined): Promise<string> {
  const invalid = (message: string, hint: string, cause?: unknown) =>
    new KosmosError('KOSMOS_E_KUBECONFIG', message, { hint, ...(file && { where: file }), cause });
  if (!file) throw invalid('--kubeconfig FILE is missing.', 'Name the file that says how the host cluster reaches the member.');
  const text = await readFile(file, 'utf8').catch((cause: unknown) => {
    throw invalid(`${file} cannot be read: ${(cause as Error).message}`, 'Name a kubeconfig file.', cause);
  });
  let config: { contexts?: { name?: string }[]; 'current-context'?: string } | null;
  try {
    config = parse(text) as typeof config;
  } catch (cause) {
    throw invalid(`${file} is neither YAML nor JSON: ${(cause as Error).message.split('\n')[0]}`, 'Name a kubeconfig file.', cause);
  }
  const names = Array.isArray(config?.contexts) ? config.contexts.map((c) => c.name) : [];
  const wanted = context ?? config?.['current-context'];
  if (!wanted || !names.includes(wanted)) {
    throw invalid(`${file} has no context '${wanted ?? ''}'; it has: ${names.join(', ') || 'none'}.`, 'Name one of them: --context NAME.');
  }
  return context ? stringify({ ...config, 'current-context': context }) : text;
}

async function reachable(host: KubeClient, name: string, signal: AbortSignal): Promise<void> {
  const deadline = Date.now() + WAIT_MS;
  for (;;) {
    const condition = (await host.get(ClusterKind, name, { signal }))?.status?.conditions?.find((c) => c.type === 'Reachable');
    if (condition?.status === 'True') return;
    if (Date.now() > deadline) {
      throw new KosmosError(
        'KOSMOS_E_TIMEOUT',
        `Cluster '${name}' is not reachable after ${WAIT_MS / 1000} s: ${condition?.message ?? 'no manager has looked at it'}.`,
        {
          hint: 'Is the manager running (kosmos run --role manager)? See kubectl get cluster -o yaml.',
        },
      );
    }
    await sleep(POLL_MS, undefined, { signal });
  }
}
