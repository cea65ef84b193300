/** The parts of Kubernetes' kinds that a check reads. */
import type { Kind, KObject } from '@kosmos/kernel';

export interface Pod extends KObject {
  readonly status?: {
    readonly podIPs?: readonly { readonly ip: string }[];
    readonly reason?: string;
    readonly message?: string;
    readonly conditions?: readonly { readonly type: string; readonly status: string; readonly message?: string }[];
    readonly containerStatuses?: readonly {
      readonly state?: { readonly waiting?: { readonly reason?: string; readonly message?: string } };
    }[];
  };
}
export interface Service extends KObject {
  readonly spec?: { readonly clusterIPs?: readonly string[] };
}
const core = <T>(kind: string, plural: string, namespaced: boolean): Kind<T> => ({ group: '', version: 'v1', kind, plural, namespaced });
export const Namespaces: Kind<KObject> = core('Namespace', 'namespaces', false);
export const Pods: Kind<Pod> = core('Pod', 'pods', true);
export const Services: Kind<Service> = core('Service', 'services', true);
