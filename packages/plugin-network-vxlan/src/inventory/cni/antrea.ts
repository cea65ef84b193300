import { type ConfigMap, ConfigMapKind, type KubeObject } from '@kosmos/api';
import { parse } from 'yaml';
import { type CniReader, podCIDRs, type Reading, type Watch } from './reader.ts';

interface AntreaAgentInfo extends KubeObject {
  readonly nodeRef?: { readonly name?: string };
  readonly nodeSubnets?: readonly string[];
}
interface Conf {
  readonly serviceCIDR?: string;
  readonly serviceCIDRv6?: string;
  readonly nodeIPAM?: { readonly enableNodeIPAM?: boolean; readonly clusterCIDRs?: readonly string[] | null } & Pick<
    Conf,
    'serviceCIDR' | 'serviceCIDRv6'
  >;
}

/** Its name ended in a hash in old releases. */
const CONFIG: Watch<ConfigMap> = { kind: ConfigMapKind, namespace: 'kube-system', labels: 'app=antrea' };
const AGENTS: Watch<AntreaAgentInfo> = {
  kind: { group: 'crd.antrea.io', version: 'v1beta1', kind: 'AntreaAgentInfo', plural: 'antreaagentinfos', namespaced: false },
};

/** The range of all pods is stated only where Antrea itself gives nodes their subnets. */
export const antrea: CniReader = {
  cnis: ['antrea'],
  watches: [CONFIG, AGENTS],
  read(seen): Reading {
    const data = seen.list(CONFIG).find(({ metadata }) => metadata.name.startsWith('antrea-config'))?.data;
    const [agent, controller] = ['antrea-agent.conf', 'antrea-controller.conf'].map((key) => conf(data?.[key]));
    const ipam = controller?.nodeIPAM;
    const subnets = new Map(seen.list(AGENTS).map((info) => [info.nodeRef?.name ?? info.metadata.name, info.nodeSubnets] as const));
    return {
      podCIDRs: (ipam?.enableNodeIPAM && ipam.clusterCIDRs) || [],
      nodePodCIDRs: (node) => subnets.get(node.metadata.name) ?? podCIDRs(node),
      serviceCIDRs: [agent, ipam].flatMap((c) => [c?.serviceCIDR, c?.serviceCIDRv6]).filter((cidr): cidr is string => !!cidr),
    };
  },
};

function conf(text: string | undefined): Conf | undefined {
  try {
    return (parse(text ?? '') as Conf | null) ?? undefined;
  } catch {
    return undefined;
  }
}
