import { conditions } from './conditions.ts';
import { type ObjectOf, type Resource, resource } from './kind.ts';
import { boolean, list, map, object, oneOf, required, string } from './schema.ts';

export const DEFAULT_LOCAL_CIDRS = { ip: '210.0.0.0/8', ip6: '9480::/16' };
export const DEFAULT_BRIDGE_CIDRS = { ip: '220.0.0.0/8', ip6: '9470::/16' };
export const NETWORK_TYPES = ['p2p', 'gateway'] as const;
/** Allowed values of ipFamily. Not an enum in the schema: the original took any string, and such objects must still apply; the planner tells of them. */
export const IP_FAMILIES = ['all', 'ipv4', 'ipv6'] as const;

const overlayNets = (cidrs: { ip: string; ip6: string }, description: string) =>
  object({ ip: string({ default: cidrs.ip }), ip6: string({ default: cidrs.ip6 }) }, { default: cidrs, description });

const labelSelector = object({
  matchLabels: map(string()),
  matchExpressions: list(object({ key: required(string()), operator: required(string()), values: list(string()) })),
});

const clusterLinkOptions = object(
  {
    enable: boolean({ default: true, description: 'false: the cluster takes no part in the network.' }),
    cni: string({
      default: 'calico',
      description:
        'How pod CIDRs are found: calico, cilium, flannel, antrea, kindnet, k3s, rke2, ovn-kubernetes, kube-router, weave, azure, aws-vpc-cni; any other word: by the Node objects.',
    }),
    networkType: oneOf(NETWORK_TYPES, { default: 'p2p', description: 'p2p: tunnels between all nodes; gateway: between gateway nodes.' }),
    ipFamily: string({ default: 'all', description: 'all, ipv4 or ipv6.' }),
    useIPPool: boolean({ default: false }),
    localCIDRs: overlayNets(DEFAULT_LOCAL_CIDRS, 'Overlay networks inside the cluster (vx-local, vx-local-6).'),
    bridgeCIDRs: overlayNets(DEFAULT_BRIDGE_CIDRS, 'Overlay networks between clusters (vx-bridge, vx-bridge-6).'),
    nicNodeNames: list(object({ interfaceName: string(), nodeName: list(string()) }), {
      description: 'The underlay interface of these nodes.',
    }),
    defaultNICName: string({ default: '*', description: "The underlay interface of all other nodes; '*' detects it." }),
    globalCIDRsMap: map(string(), { description: 'Real CIDR to global CIDR, where address plans overlap.' }),
    autodetectionMethod: string({ description: 'How the interface is detected, e.g. can-reach=192.0.2.1.' }),
    podCIDRs: list(string(), { description: 'Networks of all pods, where they cannot be found; these go before what is found.' }),
    serviceCIDRs: list(string(), { description: 'Networks of all Services, where they cannot be found; these go before what is found.' }),
  },
  { description: 'The network between clusters; absent: the cluster takes no part in it.' },
);

const taint = object({ key: required(string()), value: string(), effect: required(string()), timeAdded: string({ format: 'date-time' }) });
const leafModel = object({
  leafNodeName: string(),
  labels: map(string()),
  taints: list(taint),
  nodeSelector: object({ nodeName: string(), labelSelector }),
});

const schema = object({
  spec: object({
    kubeconfig: string({ format: 'byte', description: 'How to reach the cluster; moved to a Secret, see kubeconfigSecretRef.' }),
    kubeconfigSecretRef: object(
      { name: required(string()), namespace: string({ default: 'kosmos-system' }) },
      { description: 'A Secret of the host cluster whose key `kubeconfig` says how to reach the cluster.' },
    ),
    namespace: string({ default: 'kosmos-system', description: 'Namespace in the cluster for what is installed there.' }),
    imageRepository: string(),
    clusterLinkOptions,
    clusterTreeOptions: object({ enable: boolean({ default: true }), leafModels: list(leafModel) }),
  }),
  status: object({
    clusterLinkStatus: object({
      podCIDRs: list(string()),
      serviceCIDRs: list(string()),
      globalCIDRsMap: map(string(), {
        description: 'Real CIDR to global CIDR, as given out from the pool; spec.clusterLinkOptions.globalCIDRsMap comes first.',
      }),
      gateways: list(string(), { description: 'ClusterNodes that stand for the cluster, best first.' }),
    }),
    clusterTreeStatus: object({ leafNodeItems: list(object({ leafNodeName: string() })) }),
    conditions,
  }),
});

export type Cluster = ObjectOf<typeof schema>;
/**
 * One joined cluster. It has no status subresource, as in the original: manifests that state a status (clusters whose
 * service CIDR cannot be found) keep their effect, and server-side apply keeps the writers of status and spec apart.
 */
export const ClusterKind: Resource<Cluster> = resource(schema, {
  kind: 'Cluster',
  plural: 'clusters',
  description: 'Cluster is a member of the federation.',
  statusSubresource: false,
  columns: [
    { name: 'NETWORK_TYPE', type: 'string', jsonPath: '.spec.clusterLinkOptions.networkType' },
    { name: 'IP_FAMILY', type: 'string', jsonPath: '.spec.clusterLinkOptions.ipFamily' },
    { name: 'REACHABLE', type: 'string', jsonPath: '.status.conditions[?(@.type=="Reachable")].status', priority: 1 },
  ],
});
