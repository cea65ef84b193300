/** CNIs of clouds. */
import type { KubeObject } from '@kosmos/api';
import { parseCidr } from '../../plan/address.ts';
import { type CniReader, podCIDRs, type Reading, STATE_PODS, type Watch } from './reader.ts';

/** Pods have addresses of VPC subnets that nodes share; Kubernetes' objects name subnets by id only. */
export const awsVpc: CniReader = {
  cnis: ['aws-vpc-cni'],
  watches: [],
  read: (): Reading => ({
    podCIDRs: [],
    nodePodCIDRs: () => [],
    trouble: {
      reason: 'NotDiscoverable',
      message: `the AWS VPC CNI takes pod addresses from VPC subnets, which no object of the cluster tells: state those subnets in spec.clusterLinkOptions.podCIDRs, and set spec.clusterLinkOptions.networkType to gateway`,
    },
  }),
};

interface NodeNetworkConfig extends KubeObject {
  readonly status?: {
    readonly networkContainers?: readonly { readonly type?: string; readonly primaryIP?: string; readonly subnetAddressSpace?: string }[];
  };
}
const CONFIGS: Watch<NodeNetworkConfig> = {
  kind: { group: 'acn.azure.com', version: 'v1alpha', kind: 'NodeNetworkConfig', plural: 'nodenetworkconfigs', namespaced: true },
  namespace: 'kube-system',
};

/** In overlay mode a node has a prefix, and the cluster a range; addresses of a VNet are given one by one. */
export const azure: CniReader = {
  cnis: ['azure'],
  watches: [CONFIGS],
  read(seen): Reading {
    const refused = seen.refused(CONFIGS);
    const overlays = seen
      .list(CONFIGS)
      .flatMap(({ metadata, status }) => (status?.networkContainers ?? []).map((container) => ({ node: metadata.name, ...container })))
      .filter(({ type, primaryIP }) => type === 'overlay' && parseCidr(primaryIP ?? ''));
    const blocks = Map.groupBy(overlays, ({ node }) => node);
    const nodePodCIDRs: Reading['nodePodCIDRs'] = (node) =>
      blocks.get(node.metadata.name)?.map(({ primaryIP }) => primaryIP!) ?? podCIDRs(node);
    const without = seen.nodes.filter((node) => nodePodCIDRs(node).length === 0).map(({ metadata }) => metadata.name);
    return {
      podCIDRs: overlays.flatMap(({ subnetAddressSpace }) => subnetAddressSpace ?? []),
      nodePodCIDRs,
      trouble:
        without.length === 0
          ? undefined
          : {
              reason: 'NotDiscoverable',
              message: `no pod CIDR of the nodes ${without.slice(0, 3).join(', ')}${without.length > 3 ? ` and ${without.length - 3} more` : ''} is known${refused === undefined ? '' : ` (${refused})`}: pods with addresses of a VNet subnet cannot be found node by node; use overlay mode, ${STATE_PODS} and set networkType to gateway`,
            },
    };
  },
};
