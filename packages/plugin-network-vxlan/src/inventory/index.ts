import { type Node, NodeKind } from '@kosmos/api';
import type { Ctx } from '@kosmos/kernel';
import type { FleetModel } from '../fleet-model.ts';
import type { CniAdapter } from '../contracts.ts';
import { cidrInventory } from './cidrs.ts';
import { conditionReporter } from './conditions.ts';
import { nodeInventory } from './nodes.ts';

/** The manager's part: ClusterNodes, CIDRs and conditions, kept from what the members say. */
export function setupInventory(ctx: Ctx<{}, {}, {}>, model: FleetModel, adapters: readonly CniAdapter[]): void {
  const nodes = ctx.informer<Node>(NodeKind, { clusters: 'members', transform: { id: 'inventory-node', apply: trim } });
  nodeInventory(ctx, model, nodes, adapters);
  cidrInventory(ctx, model, nodes, adapters);
  conditionReporter(ctx, model);
}

/** Node objects are large (images, conditions), and only these fields are read. */
function trim({ metadata: { name, uid, resourceVersion, labels }, spec }: Node): Node {
  return {
    metadata: { name, uid, resourceVersion, ...(labels && { labels }) },
    spec: { ...(spec?.podCIDR !== undefined && { podCIDR: spec.podCIDR }), ...(spec?.podCIDRs && { podCIDRs: spec.podCIDRs }) },
  };
}
