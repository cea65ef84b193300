/** What the supervisor tells a cluster's control plane, as one JSON argument. */
export interface ControlPlaneConfig {
  readonly lab: string;
  readonly cluster: string;
  /** The API server listens here, on port 6443. */
  readonly address: string;
  /** Others that it listens on, too: of the second family. */
  readonly otherAddresses: readonly string[];
  /** Of the inherited listener on 127.0.0.1. */
  readonly port: number;
  readonly serviceCIDRs: readonly string[];
  readonly podCIDRs: readonly string[];
  readonly data: string;
  /** Files to write: for users on this machine, and for processes inside the lab. */
  readonly kubeconfig: string;
  readonly innerKubeconfig: string;
}
