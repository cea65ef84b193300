import type { ClusterView, Family, NodeView } from '../contracts.ts';
import { isGateway } from './model.ts';

/**
 * The nodes that stand for a cluster in a family, best first: those with the gateway role, in the order that
 * `status.clusterLinkStatus.gateways` of the Cluster says (who elects writes it), then by name.
 */
export function gatewaysOf(cluster: ClusterView, family: Family): NodeView[] {
  const order = cluster.object.status?.clusterLinkStatus?.gateways ?? [];
  const place = ({ name }: NodeView) => (order.includes(name) ? order.indexOf(name) : order.length);
  // Nodes are in the order of their names, and sorting is stable.
  return cluster.nodes.filter((node) => isGateway(node) && node.ip(family)).sort((a, b) => place(a) - place(b));
}
