/** What may be wrong with a tunnel, the worst first: the reasons of the condition `NetworkDegraded`. */
export const TROUBLES = ['NoAnswer', 'AgentSilent', 'MtuTooSmall'] as const;
export type Trouble = (typeof TROUBLES)[number];

/** On Cluster, ClusterNode and NodeConfig; absent or False: nothing is known to be wrong. */
export const DEGRADED = 'NetworkDegraded';
/** The reason when that is over. */
export const RECOVERED = 'Recovered';

/** The names, the first few of many. */
export function some(names: readonly string[], shown = 5): string {
  const rest = names.length - shown;
  return `${names.slice(0, shown).join(', ')}${rest > 0 ? ` and ${rest} more` : ''}`;
}
