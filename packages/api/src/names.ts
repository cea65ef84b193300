/** Where Kosmos keeps its own objects in the host cluster. */
export const SYSTEM_NAMESPACE = 'kosmos-system';
/** The lease of the elected manager. */
export const MANAGER_LEASE = 'kosmos-manager';

export const LABELS = {
  /** On a ClusterNode: the name of its cluster. */
  cluster: 'kosmos.io/cluster',
  /** `true` on a Node: it gets no ClusterNode and no agent. */
  exclude: 'kosmos.io/exclude',
  /** On a Node: `true` makes it a gateway candidate, so that only such nodes are; `false` keeps it from being one. */
  gateway: 'kosmos.io/gateway',
  /** `true` on a Node that stands for (part of) a member cluster. */
  virtualNode: 'kosmos.io/node',
} as const;

export const ANNOTATIONS = {
  /** `root` on the Cluster object of the host cluster itself. */
  clusterRole: 'kosmos.io/cluster-role',
  /** On a Cluster: the ClusterNode that is to be its first gateway, as long as it can. */
  preferredGateway: 'kosmos.io/preferred-gateway',
} as const;

export const GATEWAY_ROLE = 'gateway';

/** Name of the ClusterNode (and NodeConfig) of one node. Not reversible: both parts may hold `-`; read spec.clusterName instead. */
export function clusterNodeName(cluster: string, node: string): string {
  return `${cluster}-${node}`;
}

/** Name of the Secret with the kubeconfig of a cluster, key `kubeconfig`. */
export function kubeconfigSecretName(cluster: string): string {
  return `kosmos-cluster-${cluster}`;
}
export const KUBECONFIG_KEY = 'kubeconfig';
