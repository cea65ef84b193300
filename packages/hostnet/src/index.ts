/** @kosmos/hostnet: one typed encoder and observer for ip, bridge, nft and sysctl. */
export * from './change.ts';
export * from './errors.ts';
export * from './firewall.ts';
export * from './hostnet.ts';
export type { MonitorOptions } from './monitor.ts';
export * from './nft.ts';
export type { Link, LinkAddress, SeenFdb, SeenNeighbour, SeenRoute } from './observe.ts';
export type { Runner } from './run.ts';
export type { Entries, Scope, Snapshot } from './snapshot.ts';
export { type SysctlKey, sysctlKey, sysctlPath } from './sysctl.ts';
