import { type ConfigMap, ConfigMapKind } from '@kosmos/api';
import { type CniReader, json, podCIDRs, preferred, type Reading, STATE_PODS, type Watch } from './reader.ts';

/** In kube-flannel, in kube-system before, and with helm wherever it was installed. */
const CONFIG: Watch<ConfigMap> = { kind: ConfigMapKind, fields: 'metadata.name=kube-flannel-cfg' };

interface NetConf {
  readonly Network?: string;
  readonly EnableIPv4?: boolean;
  readonly IPv6Network?: string;
  readonly EnableIPv6?: boolean;
}

/** Nodes have the subnets of their Node objects; no annotation holds them. */
export const flannel: CniReader = {
  cnis: ['flannel'],
  watches: [CONFIG],
  read(seen): Reading {
    const conf = json(preferred(seen.list(CONFIG))?.data?.['net-conf.json']) as NetConf | undefined;
    if (!conf) {
      return {
        podCIDRs: [],
        nodePodCIDRs: podCIDRs,
        trouble: {
          reason: 'NoSource',
          message: `cni is 'flannel', but ${seen.refused(CONFIG) ?? "no ConfigMap 'kube-flannel-cfg' has a net-conf.json"}: the CIDRs of the nodes are all that is known; for the flannel in k3s set spec.clusterLinkOptions.cni to 'k3s', ${STATE_PODS}`,
        },
      };
    }
    const { Network, EnableIPv4 = true, IPv6Network, EnableIPv6 = false } = conf;
    return {
      podCIDRs: [...(EnableIPv4 && Network ? [Network] : []), ...(EnableIPv6 && IPv6Network ? [IPv6Network] : [])],
      nodePodCIDRs: podCIDRs,
    };
  },
};
