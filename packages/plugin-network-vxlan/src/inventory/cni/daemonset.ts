/** CNIs whose pod range is in the environment of their DaemonSet. */
import { type DaemonSet, DaemonSetKind } from '@kosmos/api';
import { type CniReader, podCIDRs, type Reading, type Seen, STATE_PODS, type Watch, words } from './reader.ts';

const KINDNET: Watch<DaemonSet> = { kind: DaemonSetKind, namespace: 'kube-system', fields: 'metadata.name=kindnet' };
const WEAVE: Watch<DaemonSet> = { kind: DaemonSetKind, namespace: 'kube-system', fields: 'metadata.name=weave-net' };
/** What Weave uses when nothing is set. */
const WEAVE_RANGE = '10.32.0.0/12';

export const kindnet: CniReader = {
  cnis: ['kindnet'],
  watches: [KINDNET],
  read: (seen): Reading => ({ podCIDRs: words(env(seen, KINDNET, 'POD_SUBNET')), nodePodCIDRs: podCIDRs }),
};

/** One flat range, split among nodes by gossip: the API has no block of a node. */
export const weave: CniReader = {
  cnis: ['weave'],
  watches: [WEAVE],
  read(seen): Reading {
    if (seen.list(WEAVE).length === 0) {
      const why = seen.refused(WEAVE) ?? "there is no DaemonSet 'kube-system/weave-net'";
      return {
        trouble: {
          reason: 'NoSource',
          message: `cni is 'weave', but ${why}; set spec.clusterLinkOptions.cni to the CNI of this cluster, ${STATE_PODS}`,
        },
      };
    }
    return {
      podCIDRs: words(env(seen, WEAVE, 'IPALLOC_RANGE') ?? WEAVE_RANGE),
      nodePodCIDRs: () => [],
      trouble: {
        reason: 'NoNodeBlocks',
        message:
          'Weave gives the nodes no blocks of their own, so tunnels to each node (networkType p2p) reach no pods; set spec.clusterLinkOptions.networkType to gateway',
      },
    };
  },
};

function env(seen: Seen, watch: Watch<DaemonSet>, name: string): string | undefined {
  const containers = seen.list(watch).flatMap(({ spec }) => spec?.template?.spec?.containers ?? []);
  return containers.flatMap((c) => c.env ?? []).find((variable) => variable.name === name && variable.value)?.value;
}
