import type { ClusterDns } from './resolv-conf.ts';

/** What the supervisor tells a node's kubelet, as one JSON argument. */
export interface NodeConfig {
  readonly cluster: string;
  readonly node: string;
  /** One of each family of the cluster, the primary first; so are the podCIDRs. */
  readonly addresses: readonly string[];
  readonly address: string;
  readonly podCIDR: string;
  readonly podCIDRs: readonly string[];
  /** Pod networks of the whole cluster, one of each family. */
  readonly clusterCIDRs: readonly string[];
  /** Of pods' links, in bytes. */
  readonly mtu: number;
  readonly kubeconfig: string;
  /** Directory of `kubelet.crt` and `kubelet.key`, the node's serving certificate, and of `ca.crt`. */
  readonly identity: string;
  /** Directory for the records of the pods that run here. */
  readonly pods: string;
  /** Of the cluster; pods resolve as this machine does without it. */
  readonly dns?: ClusterDns;
  /** Directory for the logs of their containers. */
  readonly logs: string;
}
