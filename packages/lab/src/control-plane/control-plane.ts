import type { Certificate, CertificateRequest } from '@kosmos/apiserver';

/** A cluster's API server with its controllers, whoever they are made by. */
export interface ControlPlane {
  /** Of the cluster's CA, PEM. */
  readonly ca: string;
  /** Of an administrator; at another address than its own where one is given. */
  kubeconfig(server?: string): string;
  /** A certificate that the cluster's CA signs. */
  certify(request: Omit<CertificateRequest, 'until'>): Promise<Certificate>;
  /** Ends it in order. */
  stop(): Promise<void>;
}

/** Of the API server, at each of the control plane's addresses. */
export const PORT = 6443;
/** A listener on 127.0.0.1 of this machine, which the supervisor has from outside of the lab. */
export const LISTENER_FD = 4;
