import { conditions } from './conditions.ts';
import { type ObjectOf, type Resource, resource } from './kind.ts';
import { GATEWAY_ROLE } from './names.ts';
import { list, object, string } from './schema.ts';

const schema = object({
  spec: object({
    clusterName: string(),
    nodeName: string(),
    podCIDRs: list(string(), { description: 'CIDRs of the pods on this node.' }),
    ip: string({ description: 'IPv4 address on the underlay.' }),
    ip6: string({ description: 'IPv6 address on the underlay.' }),
    roles: list(string(), { description: 'gateway: the node stands for its cluster; compared without case.' }),
    interfaceName: string({ description: 'Underlay interface.' }),
  }),
  status: object({ conditions }),
});

export type ClusterNode = ObjectOf<typeof schema>;
/** The record of one Kubernetes node in the host cluster. */
export const ClusterNodeKind: Resource<ClusterNode> = resource(schema, {
  kind: 'ClusterNode',
  plural: 'clusternodes',
  description: 'ClusterNode is the record of one node of a member cluster.',
  statusSubresource: true,
  columns: [
    { name: 'ROLES', type: 'string', jsonPath: '.spec.roles' },
    { name: 'INTERFACE', type: 'string', jsonPath: '.spec.interfaceName' },
    { name: 'IP', type: 'string', jsonPath: '.spec.ip' },
  ],
});

/** Does the node stand for its cluster? */
export function isGateway(node: ClusterNode | undefined): boolean {
  return (node?.spec?.roles ?? []).some((role) => role.toLowerCase() === GATEWAY_ROLE);
}
