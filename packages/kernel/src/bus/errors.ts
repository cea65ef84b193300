/** What the bus tells a person: like the host's error codes, listed in `host/errors.ts`. */
import { KosmosError } from '../contracts/error.ts';
import { KubeError } from '../contracts/services.ts';

/** The kubeconfig cannot be used; `where` is the file or the cluster. */
export function accessError(message: string, where: string, hint: string, cause?: unknown): KosmosError {
  return new KosmosError('KOSMOS_E_CLUSTER_ACCESS', message, { where, hint, cause });
}

/** Transport errors by their code, in words. */
const NETWORK: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'nothing listens there',
  ECONNRESET: 'the connection was cut',
  EHOSTUNREACH: 'there is no way to that host',
  ENETUNREACH: 'there is no way to that network',
  ENOTFOUND: 'the name does not resolve',
  EAI_AGAIN: 'the name does not resolve now',
  ETIMEDOUT: 'it does not answer',
  DEPTH_ZERO_SELF_SIGNED_CERT: "its certificate is not signed by the kubeconfig's CA",
  SELF_SIGNED_CERT_IN_CHAIN: "its certificate is not signed by the kubeconfig's CA",
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: "its certificate is not signed by the kubeconfig's CA",
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: "its certificate is not signed by the kubeconfig's CA",
  CERT_SIGNATURE_FAILURE: "its certificate is not signed by the kubeconfig's CA",
  ERR_TLS_CERT_ALTNAME_INVALID: 'its certificate is for another name',
  CERT_HAS_EXPIRED: 'its certificate has expired',
};

/** What went wrong with a request, in a few words. */
export function reasonOf(error: unknown): string {
  if (error instanceof KubeError) return `${error.status} ${error.reason}: ${error.message}`;
  const { code, message } = error as { code?: string; message?: string };
  return (code && NETWORK[code] && `${NETWORK[code]} (${code})`) || message || code || String(error);
}

/** A cluster did not answer a request. */
export function unreachable(cluster: string, server: string, error: unknown): KosmosError {
  return new KosmosError(
    'KOSMOS_E_CLUSTER_UNREACHABLE',
    `the API server of cluster '${cluster}' at ${server} cannot be reached: ${reasonOf(error)}`,
    {
      where: `cluster ${cluster}`,
      hint: 'Check that it runs and that its address, CA and credentials in the kubeconfig are right.',
      cause: error,
    },
  );
}
