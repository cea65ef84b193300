import {
  type Cluster,
  ClusterKind,
  type Finding,
  KUBECONFIG_KEY,
  kubeconfigSecretName,
  MANAGER_LEASE,
  type Secret,
  SecretKind,
  SYSTEM_NAMESPACE,
  withTimes,
  rfc3339,
} from '@kosmos/api';
import { Clusters, type Ctx, type Informer, type KubeClient, KubeError, leaseRights, type Right } from '@kosmos/kernel';

type ManagerCtx = Ctx<{ readonly clusters: typeof Clusters }, {}, {}>;

/** In other namespaces than its own, Secrets that Clusters refer to must be opened to it by hand. */
export const registryRights = (): readonly Right[] => [
  { on: 'host', kind: ClusterKind, verbs: ['list', 'watch', 'patch'] },
  { on: 'host', kind: SecretKind, verbs: ['list', 'watch', 'create', 'patch'], namespace: SYSTEM_NAMESPACE },
  ...leaseRights(MANAGER_LEASE),
];

/** How often a state that no object tells of (is the cluster reachable? a Secret elsewhere) is looked at. */
const LOOK_AGAIN_MS = 5000;
const ANSWER_MS = 5000;
/** The controller that joins a new cluster is at work. */
const JOINING_MS = 250;

/** Joins the members that Cluster objects name to the registry, keeps their kubeconfigs in Secrets and says who is reachable. */
export function setupRegistry(ctx: ManagerCtx): void {
  const clusters = ctx.informer(ClusterKind);
  const secrets = ctx.informer(SecretKind, { namespace: SYSTEM_NAMESPACE });
  keepKubeconfigs(ctx, clusters);
  keepMembers(ctx, clusters, secrets);
  reportReachable(ctx, clusters);
}

/** Every process with this part has its own registry, so this one waits for no lease. */
function keepMembers(ctx: ManagerCtx, clusters: Informer<Cluster>, secrets: Informer<Secret>): void {
  const registry = ctx.use.clusters;
  const joined = new Set<string>();
  const leave = (name: string) => {
    if (joined.delete(name)) registry.leave(name);
  };
  ctx
    .controller('members')
    .for(clusters)
    .also(secrets, (secret) =>
      [...clusters.list('host')]
        .filter(({ spec }) => spec?.kubeconfigSecretRef?.name === secret.metadata.name)
        .map(({ metadata }) => ({ cluster: 'host', name: metadata.name })),
    )
    .reconcile(async ({ name }, { signal, log }) => {
      const cluster = clusters.get({ cluster: 'host', name });
      if (!cluster) return leave(name);
      // It is reached until it is gone: finalizers are for what is to be done in it yet.
      if (cluster.metadata.deletionTimestamp && joined.has(name)) return undefined;
      const { kubeconfig, kubeconfigSecretRef: ref } = cluster.spec ?? {};
      const secret = ref && (await findSecret(ctx, secrets, ref.name, ref.namespace ?? SYSTEM_NAMESPACE, signal));
      const encoded = kubeconfig ?? secret?.data?.[KUBECONFIG_KEY];
      if (encoded === undefined) {
        if (ref)
          log.warn(
            { cluster: name, secret: ref.name, key: KUBECONFIG_KEY },
            'The Secret that spec.kubeconfigSecretRef names does not exist or lacks the key',
          );
        leave(name);
        return ref ? { requeueAfterMs: LOOK_AGAIN_MS } : undefined;
      }
      registry.join(name, { kubeconfig: Buffer.from(encoded, 'base64').toString('utf8') });
      joined.add(name);
      return ref && ref.namespace !== undefined && ref.namespace !== SYSTEM_NAMESPACE ? { requeueAfterMs: LOOK_AGAIN_MS } : undefined;
    });
}

async function findSecret(
  ctx: ManagerCtx,
  secrets: Informer<Secret>,
  name: string,
  namespace: string,
  signal: AbortSignal,
): Promise<Secret | undefined> {
  if (namespace === SYSTEM_NAMESPACE) return secrets.get({ cluster: 'host', namespace, name });
  return ctx.use.clusters.client('host').get(SecretKind, name, { namespace, signal });
}

/** A kubeconfig in the Cluster's spec is readable by whoever reads Clusters: it moves to a Secret. */
function keepKubeconfigs(ctx: ManagerCtx, clusters: Informer<Cluster>): void {
  const writer = ctx.writer('kubeconfigs');
  ctx
    .controller('kubeconfigs')
    .for(clusters)
    .gated(MANAGER_LEASE)
    .reconcile(async ({ name }, { signal }) => {
      const cluster = clusters.get({ cluster: 'host', name });
      const kubeconfig = cluster?.spec?.kubeconfig;
      if (!cluster || kubeconfig === undefined || cluster.metadata.deletionTimestamp) return;
      const secret = {
        metadata: { name: kubeconfigSecretName(name), namespace: SYSTEM_NAMESPACE },
        type: 'Opaque',
        data: { [KUBECONFIG_KEY]: kubeconfig },
      };
      await writer.apply('host', SecretKind, secret, { force: true, signal });
      const moved: Finding = {
        type: 'KubeconfigMoved',
        status: 'True',
        reason: 'InSecret',
        message: `spec.kubeconfig was moved to the Secret '${SYSTEM_NAMESPACE}/${secret.metadata.name}', which spec.kubeconfigSecretRef names`,
      };
      // The Secret is there before the spec refers to it, and the spec refers to it before the kubeconfig goes.
      await writer.apply(
        'host',
        ClusterKind,
        {
          metadata: { name },
          spec: { kubeconfigSecretRef: { name: secret.metadata.name, namespace: SYSTEM_NAMESPACE } },
          status: { conditions: withTimes([moved], cluster.status?.conditions, rfc3339(ctx.clock.now())) },
        },
        { force: true, uid: cluster.metadata.uid, signal },
      );
      // eslint-disable-next-line unicorn/no-null -- a merge patch removes what is null
      await ctx.use.clusters
        .client('host')
        .patch(ClusterKind, name, { metadata: { uid: cluster.metadata.uid }, spec: { kubeconfig: null } }, { signal });
    });
}

/** Asks, since a member that nobody watches would never be heard of. Written when it changes, which reaches every agent. */
function reportReachable(ctx: ManagerCtx, clusters: Informer<Cluster>): void {
  const writer = ctx.writer('reachable');
  ctx
    .controller('reachable')
    .for(clusters)
    .gated(MANAGER_LEASE)
    .concurrency(8)
    .reconcile(async ({ name }, { signal }) => {
      const before = clusters.get({ cluster: 'host', name });
      if (!before || before.metadata.deletionTimestamp) return;
      if (!ctx.use.clusters.members().includes(name))
        return { requeueAfterMs: before.spec?.kubeconfigSecretRef ? JOINING_MS : LOOK_AGAIN_MS };
      const finding = await ask(ctx.use.clusters.client(name), signal);
      const cluster = clusters.get({ cluster: 'host', name });
      const known = cluster?.status?.conditions;
      if (cluster && !known?.some((c) => c.type === finding.type && c.status === finding.status && c.reason === finding.reason)) {
        const conditions = withTimes([finding], known, rfc3339(ctx.clock.now()));
        await writer.apply(
          'host',
          ClusterKind,
          { metadata: { name }, status: { conditions } },
          { force: true, uid: cluster.metadata.uid, signal },
        );
      }
      return { requeueAfterMs: LOOK_AGAIN_MS };
    });
}

async function ask(client: KubeClient, signal: AbortSignal): Promise<Finding> {
  try {
    await client.request('GET', '/version', { signal: AbortSignal.any([signal, AbortSignal.timeout(ANSWER_MS)]) });
    return { type: 'Reachable', status: 'True', reason: 'Answers', message: 'The API server answers.' };
  } catch (error) {
    signal.throwIfAborted();
    const refused = error instanceof KubeError;
    return {
      type: 'Reachable',
      status: 'False',
      reason: refused ? 'Refused' : 'NoAnswer',
      message: `${client.server} ${refused ? 'refuses the kubeconfig' : 'does not answer'}: ${(error as Error).message}`,
    };
  }
}
