/** What was asked of whom, what came of it, and whether that is well. Pure. */
import type { Explanation } from '@kosmos/plugin-network-vxlan/contracts';
import type { Answer } from './probe.ts';

/** From a pod or from the node itself; to a pod, or to the ClusterIP of one. */
export const KINDS = ['pod', 'service', 'host'] as const;
export type Kind = (typeof KINDS)[number];

export interface Sample {
  readonly kind: Kind;
  readonly family: 4 | 6;
  /** Names of ClusterNodes. */
  readonly from: string;
  readonly to: string;
  readonly fromCluster: string;
  readonly toCluster: string;
  /** The address that was asked, as the asking cluster has it. */
  readonly ip: string;
  /** The source that a server should see; undefined: whatever the way makes of it. */
  readonly source: string | undefined;
  /** Undefined: not asked. */
  readonly answer?: Answer;
  /** What is wrong; none: all is well. */
  readonly problems: readonly string[];
  /** Why it was not asked, where that is no fault. */
  readonly skipped?: string;
  readonly explanation?: Explanation;
}

/** Of the datagrams: one may be lost on a busy machine. */
const LOSS_ALLOWED = 0.1;

export const lossOf = ({ sent, received }: Answer): number => (sent - received) / sent;

/** What is wrong with an answer. */
export function problemsOf({ to, source }: Pick<Sample, 'to' | 'source'>, answer: Answer): string[] {
  if (answer.received === 0 && answer.tcp !== undefined) return [`no answer (TCP: ${answer.tcp})`];
  const others = answer.by.filter((name) => name !== to);
  const wrong = source === undefined ? [] : answer.sources.filter((seen) => seen !== source);
  const loss = lossOf(answer);
  return [
    ...(loss > LOSS_ALLOWED ? [`${Math.round(loss * 100)} % of the datagrams got lost`] : []),
    ...(answer.tcp === undefined ? [] : [`TCP: ${answer.tcp}`]),
    ...(others.length > 0 ? [`the pod on ${others.join(' and on ')} answered`] : []),
    ...(wrong.length > 0 ? [`seen as ${wrong.join(', ')} instead of ${source}`] : []),
    ...(answer.lost === undefined ? [] : [`packets of ${answer.lost} bytes get lost, those of ${answer.mtu} pass`]),
  ];
}
