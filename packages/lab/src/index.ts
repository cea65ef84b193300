/** @kosmos/lab: Kubernetes clusters on one machine with a real data plane. The default export is the plugin with the `lab` commands. */
export { DEFAULT_NAME, startLab, type LabOptions } from './start.ts';
export { Lab, type ExecResult, type LabCluster, type LabNode } from './lab.ts';
export type { Status } from './control.ts';
export type { ProcessInfo, ProcessState } from './supervisor/processes.ts';
export { probe } from './isolate.ts';
export { labNames } from './state.ts';
export { plainTopology, readTopology, topologyOf, type TopologyInput } from './topology-file.ts';
export type { ClusterTopology, CniHabits, LinkTopology, NodeTopology, RouterTopology, Topology, UnderlayTopology } from './topology.ts';
export type { Cut } from './supervisor/cuts.ts';
export { lab, lab as default } from './plugin.ts';
