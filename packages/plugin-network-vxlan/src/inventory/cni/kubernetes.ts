import { type ConfigMap, ConfigMapKind, type Pod, PodKind } from '@kosmos/api';
import { parse } from 'yaml';
import { contains, parseCidr } from '../../plan/address.ts';
import { flag, podCIDRs, type Reading, type Seen, type Watch, words } from './reader.ts';

/** The control plane's own pods, which managed clusters do not show. */
export const CONTROL_PLANE: Watch<Pod> = {
  kind: PodKind,
  namespace: 'kube-system',
  labels: 'component in (kube-apiserver,kube-controller-manager)',
};
export const KUBEADM: Watch<ConfigMap> = { kind: ConfigMapKind, namespace: 'kube-system', fields: 'metadata.name=kubeadm-config' };

/** Any CNI that takes a node's block from its Node object; also where nobody knows the CNI better. */
export function readKubernetes(seen: Seen): Reading {
  const pods = seen.list(CONTROL_PLANE);
  const blocks = seen.nodes.flatMap(podCIDRs).flatMap((cidr) => parseCidr(cidr) ?? []);
  const flags = ofComponent(pods, 'kube-controller-manager', '--cluster-cidr');
  const stated = flags.length > 0 ? flags : kubeadmNetworks(seen.list(KUBEADM)).pods;
  // kubeadm's record may be older than the cluster: a range that no node is in is not the pods'.
  const current = (text: string) => {
    const range = parseCidr(text);
    return range !== undefined && (blocks.length === 0 || blocks.some((block) => contains(range, block)));
  };
  return { podCIDRs: stated.filter(current), nodePodCIDRs: podCIDRs };
}

/** Values of a flag of the pods of one component, in command or args. */
export function ofComponent(pods: Iterable<Pod>, component: string, name: string): string[] {
  return [...pods]
    .filter(({ metadata }) => metadata.labels?.['component'] === component)
    .flatMap(({ spec }) => (spec?.containers ?? []).flatMap((c) => flag([...(c.command ?? []), ...(c.args ?? [])], name)));
}

/** What kubeadm was told when it made the cluster. */
export function kubeadmNetworks(maps: Iterable<ConfigMap>): { readonly pods: string[]; readonly services: string[] } {
  for (const { data } of maps) {
    try {
      const found = parse(data?.['ClusterConfiguration'] ?? '') as { networking?: { podSubnet?: string; serviceSubnet?: string } } | null;
      return { pods: words(found?.networking?.podSubnet), services: words(found?.networking?.serviceSubnet) };
    } catch {
      // No YAML: as if it were not there.
    }
  }
  return { pods: [], services: [] };
}
