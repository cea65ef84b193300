import type { Kind, KubeObject } from './kind.ts';

/** The fields of Kubernetes' own kinds that Kosmos reads and writes; no schemas, the server has those. */
const kind = <T>(group: string, version: string, name: string, plural: string, namespaced: boolean): Kind<T> =>
  Object.freeze({ group, version, kind: name, plural, namespaced });

export interface Node extends KubeObject {
  readonly spec?: { readonly podCIDR?: string; readonly podCIDRs?: readonly string[]; readonly unschedulable?: boolean };
  readonly status?: {
    readonly addresses?: readonly { readonly type: string; readonly address: string }[];
    readonly conditions?: readonly { readonly type: string; readonly status: string }[];
  };
}
export const NodeKind: Kind<Node> = kind('', 'v1', 'Node', 'nodes', false);

export interface Pod extends KubeObject {
  readonly spec?: {
    readonly nodeName?: string;
    readonly containers?: readonly { readonly name: string; readonly command?: readonly string[]; readonly args?: readonly string[] }[];
  };
}
export const PodKind: Kind<Pod> = kind('', 'v1', 'Pod', 'pods', true);

export interface ConfigMap extends KubeObject {
  readonly data?: Readonly<Record<string, string>>;
}
export const ConfigMapKind: Kind<ConfigMap> = kind('', 'v1', 'ConfigMap', 'configmaps', true);

export interface DaemonSet extends KubeObject {
  readonly spec?: {
    readonly template?: {
      readonly spec?: {
        readonly containers?: readonly {
          readonly name: string;
          readonly env?: readonly { readonly name: string; readonly value?: string }[];
        }[];
      };
    };
  };
}
export const DaemonSetKind: Kind<DaemonSet> = kind('apps', 'v1', 'DaemonSet', 'daemonsets', true);

export interface Secret extends KubeObject {
  readonly type?: string;
  /** Base64. */
  readonly data?: Readonly<Record<string, string>>;
}
export const SecretKind: Kind<Secret> = kind('', 'v1', 'Secret', 'secrets', true);

export const NamespaceKind: Kind<KubeObject> = kind('', 'v1', 'Namespace', 'namespaces', false);

export interface Lease extends KubeObject {
  readonly spec?: { readonly holderIdentity?: string; readonly leaseDurationSeconds?: number; readonly renewTime?: string };
}
export const LeaseKind: Kind<Lease> = kind('coordination.k8s.io', 'v1', 'Lease', 'leases', true);

export interface ServiceCIDR extends KubeObject {
  readonly spec?: { readonly cidrs?: readonly string[] };
  readonly status?: { readonly conditions?: readonly { readonly type: string; readonly status: string }[] };
}
export const ServiceCIDRKind: Kind<ServiceCIDR> = kind('networking.k8s.io', 'v1', 'ServiceCIDR', 'servicecidrs', false);

export interface CustomResourceDefinition extends KubeObject {
  readonly status?: { readonly conditions?: readonly { readonly type: string; readonly status: string; readonly message?: string }[] };
}
export const CustomResourceDefinitionKind: Kind<CustomResourceDefinition> = kind(
  'apiextensions.k8s.io',
  'v1',
  'CustomResourceDefinition',
  'customresourcedefinitions',
  false,
);
