import { type Cluster, type ClusterNode, clusterNodeName } from '@kosmos/api';
import { KosmosError, type Self } from '@kosmos/kernel';
import type { AgentDeps } from './agent-contract.ts';
import type { FleetModel } from './fleet-model.ts';
import type { NodePlan } from './plan/types.ts';

/** What the agent of this node needs of the fleet. */
export function agentDeps(self: Self, model: FleetModel): AgentDeps {
  if (!self.node) {
    throw new KosmosError('KOSMOS_E_NO_NODE', 'The agent does not know on which node it runs.', {
      hint: 'Start it with --cluster CLUSTER --node NODE.',
    });
  }
  const name = clusterNodeName(self.cluster, self.node);
  const nothing: NodePlan = { node: name, devices: [], routes: [], fdbs: [], arps: [], nat: [] };
  const plan = () => (model.ready() ? (model.planner.planOf(name) ?? nothing) : undefined);
  const selfNode = () => model.nodes.get({ cluster: 'host', name });
  const ownCluster = () => model.clusters.get({ cluster: 'host', name: self.cluster });
  return {
    name,
    self: selfNode,
    cluster: ownCluster,
    plans: {
      plan,
      onChange: (fn) => onDifference(model, plan, fn),
    },
    onSelfChange(fn) {
      const stops = [onDifference<ClusterNode | undefined>(model, selfNode, fn), onDifference<Cluster | undefined>(model, ownCluster, fn)];
      return () => stops.forEach((stop) => stop());
    },
  };
}

/** Calls `fn` when `read` gives another object than the last time. */
function onDifference<T>(model: FleetModel, read: () => T, fn: () => void): () => void {
  let last = read();
  return model.onChange(() => {
    const now = read();
    if (now === last) return;
    last = now;
    fn();
  });
}
