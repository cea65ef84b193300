/** CNIs and distributions that write to the Node objects. */
import { type ConfigMap, ConfigMapKind, type Node } from '@kosmos/api';
import { type CniReader, flag, json, podCIDRs, type Reading, type Watch, words } from './reader.ts';

const K3S_ARGS = ['k3s.io/node-args', 'rke2.io/node-args'] as const;
const OVN_SUBNETS = 'k8s.ovn.org/node-subnets';
/** The singular one is deprecated, and read where the other is absent. */
const KUBE_ROUTER = ['kube-router.io/pod-cidrs', 'kube-router.io/pod-cidr'] as const;
/** All that is read of a Node's annotations. */
export const READ_ANNOTATIONS: readonly string[] = [...K3S_ARGS, OVN_SUBNETS, ...KUBE_ROUTER];

const annotation = ({ metadata }: Node, names: readonly string[]) =>
  names.map((name) => metadata.annotations?.[name]).find((value) => value !== undefined);

/** Servers have their flags in an annotation, also those from their config file; what is a default is not among them. */
export const k3s: CniReader = {
  cnis: ['k3s', 'rke2'],
  watches: [],
  read({ nodes }): Reading {
    const args = nodes.map((node) => json(annotation(node, K3S_ARGS))).filter((line) => Array.isArray(line)) as string[][];
    const servers = args.filter((line) => line[0] === 'server');
    const all = (name: string) => servers.flatMap((line) => repeated(line, name));
    return { podCIDRs: all('--cluster-cidr'), nodePodCIDRs: podCIDRs, serviceCIDRs: all('--service-cidr') };
  },
};

/** For dual stack the flag may stand there once for each family. */
function repeated(line: readonly string[], name: string): string[] {
  return line.flatMap((word, i) => (word === name || word.startsWith(`${name}=`) ? flag(line.slice(i, i + 2), name) : []));
}

const OVN: Watch<ConfigMap> = { kind: ConfigMapKind, namespace: 'ovn-kubernetes', fields: 'metadata.name=ovn-config' };

export const ovn: CniReader = {
  cnis: ['ovn-kubernetes'],
  watches: [OVN],
  read(seen): Reading {
    const data = seen.list(OVN)[0]?.data;
    return {
      // `10.92.0.0/16/23`: the third part is the length of a node's block.
      podCIDRs: words(data?.['net_cidr']).map((cidr) => cidr.split('/').slice(0, 2).join('/')),
      nodePodCIDRs(node) {
        const networks = json(annotation(node, [OVN_SUBNETS])) as Readonly<Record<string, string | readonly string[]>> | undefined;
        // Other keys are networks that users defined, which have addresses of their own.
        return [networks?.['default'] ?? []].flat();
      },
      serviceCIDRs: words(data?.['svc_cidr']),
    };
  },
};

/** Its annotations, which an administrator writes, go before what the Node itself says. */
export const kubeRouter: CniReader = {
  cnis: ['kube-router'],
  watches: [],
  read: (): Reading => ({ podCIDRs: [], nodePodCIDRs: (node) => blocksOf(node) }),
};

function blocksOf(node: Node): readonly string[] {
  const stated = annotation(node, KUBE_ROUTER);
  return stated === undefined ? podCIDRs(node) : words(stated);
}
