import { type Node, NodeKind } from '@kosmos/api';
import type { Clusters, Ctx } from '@kosmos/kernel';
import type { CniAdapter, Network } from '../contracts.ts';
import type { FleetModel } from '../fleet-model.ts';
import { cniAdapter } from './adapter.ts';
import { cidrInventory } from './cidrs.ts';
import { READERS } from './cni/index.ts';
import { READ_ANNOTATIONS } from './cni/nodes.ts';
import { conditionReporter } from './conditions.ts';
import { nodeInventory } from './nodes.ts';
import { calicoPools } from './calico-pools.ts';

/** The manager's part: ClusterNodes, CIDRs and conditions, kept from what the members say; and what Calico must know of other clusters. */
export function setupInventory(
  ctx: Ctx<{}, {}, {}>,
  { clusters, network }: { readonly clusters: Clusters; readonly network: Network },
  model: FleetModel,
  given: readonly CniAdapter[],
): void {
  const nodes = ctx.informer<Node>(NodeKind, { clusters: 'members', transform: { id: 'inventory-node', apply: trim } });
  const adapters = [...given, ...READERS.map((reader) => cniAdapter(ctx, model, nodes, reader))];
  nodeInventory(ctx, model, nodes, adapters);
  cidrInventory(ctx, clusters, model, nodes, adapters);
  conditionReporter(ctx, model);
  calicoPools(ctx, clusters, network, model);
}

/** Node objects are large (images, conditions), and only these fields are read. */
function trim({ metadata: { name, uid, resourceVersion, labels, annotations }, spec }: Node): Node {
  const read = Object.entries(annotations ?? {}).filter(([key]) => READ_ANNOTATIONS.includes(key));
  return {
    metadata: { name, uid, resourceVersion, ...(labels && { labels }), ...(read.length > 0 && { annotations: Object.fromEntries(read) }) },
    spec: { ...(spec?.podCIDR !== undefined && { podCIDR: spec.podCIDR }), ...(spec?.podCIDRs && { podCIDRs: spec.podCIDRs }) },
  };
}
