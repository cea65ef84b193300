/** Which nodes of a cluster stand for it, and in which order. Pure. */

/** A node as the elector sees it. */
export interface Candidate {
  /** Of the ClusterNode. */
  readonly name: string;
  /** The label `kosmos.io/gateway` of the Node: `true` names candidates, `false` keeps a node from it. */
  readonly label: string | undefined;
  /** The Node is Ready. */
  readonly ready: boolean;
  /** It is neither cordoned nor being drained. */
  readonly schedulable: boolean;
  /** Its agent has reported that it holds its plan, and is not known to be away. */
  readonly agent: boolean;
  /** It has an underlay address in every family that the cluster connects. */
  readonly able: boolean;
}

export interface OrderOptions {
  /** How many are kept ready, those in use included. */
  readonly count: number;
  /** This one first, as long as it can. */
  readonly preferred?: string | undefined;
}

/**
 * The gateways of a cluster, best first. Stable: one that is good keeps its place, whoever comes; one that is good no more
 * falls behind the good ones, and takes its place at the end when it is good again. Where no node is good, those that were
 * chosen stay: a bad gateway is better than none.
 */
export function electOrder(candidates: readonly Candidate[], current: readonly string[], options: OrderOptions): string[] {
  const labelled = candidates.some(({ label }) => label === 'true');
  const eligible = candidates.filter(({ label, able }) => able && (labelled ? label === 'true' : label !== 'false'));
  const isGood = ({ ready, schedulable, agent }: Candidate) => ready && schedulable && agent;
  const placed = current.flatMap((name) => eligible.find((c) => c.name === name) ?? []);
  const fresh = eligible.filter((c) => !current.includes(c.name)).sort((a, b) => (a.name < b.name ? -1 : 1));
  const good = [...placed, ...fresh].filter(isGood);
  const preferred = good.findIndex(({ name }) => name === options.preferred);
  if (preferred > 0) good.unshift(...good.splice(preferred, 1));
  const rest = placed.filter((c) => !isGood(c));
  return [...good, ...rest].slice(0, options.count).map(({ name }) => name);
}
