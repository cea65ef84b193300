/** The common name of the certificate that the API server shows to nodes. */
export const KUBELET_CLIENT = 'kube-apiserver-kubelet-client';

/** Where a node tells what its pods use. */
export const SUMMARY_PATH = '/stats/summary';
