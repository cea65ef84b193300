/** What a NodeConfig says of this node's tunnels: few figures a cluster, coarse, so that it is rarely another one. Pure. */
import type { Finding, NodeConfig } from '@kosmos/api';
import { DEGRADED, RECOVERED, some, TROUBLES, type Trouble } from '../trouble.ts';
import type { Link } from './link.ts';

export type Links = NonNullable<NonNullable<NodeConfig['status']>['links']>;
export type LinksOfCluster = Links[number];
type Seen = Pick<Link, 'peer' | 'trouble' | 'probed' | 'rttMs' | 'loss' | 'mtu'>;

/** Nodes named in each list. */
const NAMED = 50;
const LOSS_STEPS = [0, 2, 5, 10, 25, 50, 75, 100];
/** A figure stays in its step until it is so much beyond it. */
const BEYOND = 1.25;

/** One entry a cluster. `known`: what was said before, whose steps stay where the figures are near enough. */
export function summary(links: readonly Seen[], known: Links | undefined): Links {
  const byCluster = Map.groupBy(
    links.filter(({ probed }) => probed),
    ({ peer }) => peer.cluster,
  );
  return [...byCluster]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([cluster, of]) => {
      const before = known?.find((l) => l.cluster === cluster);
      const rtts = of.flatMap(({ rttMs }) => rttMs ?? []).sort((a, b) => a - b);
      const mtus = of.flatMap(({ mtu }) => mtu ?? []);
      const lost = (of.reduce((sum, { loss }) => sum + loss, 0) / of.length) * 100;
      const median = rtts[rtts.length >> 1];
      const rtt = median === undefined ? undefined : stepOf(Math.round(median * 1000), before?.rttMicroseconds);
      return {
        cluster,
        probed: of.length,
        up: of.filter(({ trouble }) => trouble === undefined || trouble === 'MtuTooSmall').length,
        ...(rtt !== undefined && { rttMicroseconds: rtt }),
        lossPercent: lossOf(lost, before?.lossPercent),
        ...(mtus.length > 0 && { mtu: Math.min(...mtus) }),
        ...optional('down', namesOf(of, 'NoAnswer')),
        ...optional('silent', namesOf(of, 'AgentSilent')),
        ...optional('narrow', namesOf(of, 'MtuTooSmall')),
      };
    });
}

function namesOf(links: readonly Seen[], wanted: Trouble): string[] {
  const names = new Set(links.flatMap(({ peer, trouble }) => (trouble === wanted ? [peer.node] : [])));
  return [...names].sort().slice(0, NAMED);
}

const optional = (key: 'down' | 'silent' | 'narrow', names: readonly string[]) => (names.length > 0 ? { [key]: names } : {});

/** The steps 1, 2, 5, 10, ... of microseconds, from 100 on: the first that is not less. */
function stepOf(value: number, before: number | undefined): number {
  const steps = (from: number) => {
    let step = 100;
    for (let i = 0; step < from; i += 1) step = i % 3 === 1 ? (step / 2) * 5 : step * 2;
    return step;
  };
  const stays = before !== undefined && value <= before * BEYOND && steps(value * BEYOND) >= before;
  return stays ? before : steps(value);
}

function lossOf(percent: number, before: number | undefined): number {
  const step = LOSS_STEPS.find((s) => percent <= s) ?? 100;
  if (before === undefined || step === before || percent === 0) return step;
  const near = LOSS_STEPS.indexOf(step) - LOSS_STEPS.indexOf(before);
  return Math.abs(near) === 1 && percent <= before * BEYOND && percent >= before / (BEYOND * 2.5) ? before : step;
}

/** What is wrong as a condition; `recovered` where it was and is no more; undefined: there never was anything. */
export function finding(links: readonly Seen[], before: boolean): Finding | undefined {
  const wrong = links.filter(({ trouble }) => trouble !== undefined);
  if (wrong.length === 0)
    return before ? { type: DEGRADED, status: 'False', reason: RECOVERED, message: 'Every tunnel that is probed works.' } : undefined;
  const reason = TROUBLES.find((t) => wrong.some(({ trouble }) => trouble === t))!;
  const of = (wanted: Trouble) => wrong.filter(({ trouble }) => trouble === wanted).map(({ peer, mtu }) => ({ peer, mtu }));
  const said = (wanted: Trouble, words: string) => {
    const found = of(wanted)
      .map(({ peer, mtu }) => `${peer.node} (${peer.dev}${wanted === 'MtuTooSmall' ? `: ${mtu} bytes` : ''})`)
      .sort();
    return found.length === 0 ? [] : [`${words} ${some(found)}`];
  };
  const message = [
    ...said('NoAnswer', 'no answer from'),
    ...said('AgentSilent', 'the kernel answers, the agent does not, of'),
    ...said('MtuTooSmall', 'packets of full size do not pass to'),
  ].join('; ');
  return { type: DEGRADED, status: 'True', reason, message };
}
