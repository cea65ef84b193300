import type { ConfigMap, Pod, ServiceCIDR } from '@kosmos/api';
import { kubeadmNetworks, ofComponent } from './cni/kubernetes.ts';

export interface ServiceSources {
  readonly ranges: Iterable<ServiceCIDR>;
  readonly servers: Iterable<Pod>;
  /** Of the CNI's configuration; undefined: not known now. */
  cni(): readonly string[] | undefined;
  readonly kubeadm: Iterable<ConfigMap>;
}

/**
 * Service CIDRs from the first source that says some: ServiceCIDR objects (Kubernetes 1.33 and later), flags of the
 * kube-apiserver pods, the CNI, kubeadm's record. Empty: nobody says; undefined: not known now. Ranges that take in no more
 * Services (`ending`) still carry some: their object lives until the last of those is gone.
 */
export function statedServiceCIDRs(
  sources: ServiceSources,
): { readonly ready: readonly string[]; readonly ending: readonly string[] } | undefined {
  const [ready, ending]: [string[], string[]] = [[], []];
  for (const { metadata, spec, status } of sources.ranges) {
    const over = metadata.deletionTimestamp !== undefined || status?.conditions?.some((c) => c.type === 'Ready' && c.status === 'False');
    (over ? ending : ready).push(...(spec?.cidrs ?? []));
  }
  if (ready.length > 0) return { ready, ending };
  const flags = ofComponent(sources.servers, 'kube-apiserver', '--service-cluster-ip-range');
  if (flags.length > 0) return { ready: flags, ending };
  const known = sources.cni();
  if (!known) return undefined;
  return { ready: known.length > 0 ? known : kubeadmNetworks(sources.kubeadm).services, ending };
}
