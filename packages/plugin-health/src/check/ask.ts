/** Which pairs are asked, and asking them through the pods of a check. */
import { atOnce, type KubeClient } from '@kosmos/kernel';
import type { NetworkView } from '@kosmos/plugin-network-vxlan/contracts';
import { type Answer, type Ask, PORT, probeCommand } from './probe.ts';
import { KINDS, type Kind, problemsOf, type Sample } from './sample.ts';
import { type NodePods, SERVICE_PORT } from './workload.ts';

/** A node with its pods. */
export interface Place extends NodePods {
  readonly cluster: string;
  readonly families: readonly (4 | 6)[];
  readonly client: KubeClient;
  readonly namespace: string;
}

/** In one call of a pod: they stand in its address, which is not to get too long. */
const ASKS = 24;
/** Calls at the same time, over all clusters. */
const AT_ONCE = 16;

const ofFamily = (ips: readonly string[], family: 4 | 6) => ips.find((ip) => ip.includes(':') === (family === 6));

/** Every node against every node of other clusters, by every kind and family that both have. */
export function pairs(view: Pick<NetworkView, 'seenAs' | 'routed'>, places: readonly Place[]): Sample[] {
  const one = (kind: Kind, family: 4 | 6, from: Place, to: Place): Sample => {
    const real = ofFamily(kind === 'service' ? to.clusterIPs : to.podIPs, family);
    const own = ofFamily(from.podIPs, family);
    const ip = real === undefined ? '' : view.seenAs(to.cluster, real);
    const source = kind === 'pod' && own !== undefined ? view.seenAs(from.cluster, own) : undefined;
    const lacks =
      kind === 'service' ? `the Service on ${to.name} has no IPv${family} address` : `the pod on ${to.name} has no IPv${family} address`;
    const common = {
      kind,
      family,
      from: from.name,
      to: to.name,
      fromCluster: from.cluster,
      toCluster: to.cluster,
      ip,
      source,
      problems: [],
    };
    if (real === undefined) return kind === 'service' ? { ...common, skipped: lacks } : { ...common, problems: [lacks] };
    if (kind === 'service' && !view.routed(from.name, ip)) return { ...common, skipped: `${to.cluster} announces no network with ${ip}` };
    return common;
  };
  return places.flatMap((from) =>
    places
      .filter((to) => to.cluster !== from.cluster)
      .flatMap((to) =>
        from.families
          .filter((family) => to.families.includes(family))
          .flatMap((family) => KINDS.map((kind) => one(kind, family, from, to))),
      ),
  );
}

/** Asks, and says what is wrong. `asked` hears how many are done. */
export async function askAll(
  samples: readonly Sample[],
  places: readonly Place[],
  signal: AbortSignal,
  asked: (done: number) => void,
): Promise<Sample[]> {
  const placeOf = new Map(places.map((place) => [place.name, place]));
  const open = samples.filter(({ problems, skipped }) => problems.length === 0 && skipped === undefined);
  const calls = [...Map.groupBy(open, ({ from, kind }) => `${from} ${kind === 'host'}`).values()].flatMap((of) =>
    Array.from({ length: Math.ceil(of.length / ASKS) }, (_, i) => of.slice(i * ASKS, (i + 1) * ASKS)),
  );
  const results = new Map<Sample, Sample>();
  await atOnce(AT_ONCE, calls, async (call) => {
    const outcome = await askFrom(placeOf.get(call[0]!.from)!, call, signal);
    for (const [i, sample] of call.entries()) {
      const answer = outcome[i];
      const problems = typeof answer === 'object' ? problemsOf(sample, answer) : [String(answer)];
      results.set(sample, { ...sample, problems, ...(typeof answer === 'object' && { answer }) });
    }
    asked(results.size);
  });
  return samples.map((sample) => results.get(sample) ?? sample);
}

/** Why a question could not be asked, in place of its answer. */
async function askFrom(from: Place, samples: readonly Sample[], signal: AbortSignal): Promise<readonly (Answer | string)[]> {
  const asks = samples.map(({ ip, kind }): Ask => ({ ip, port: kind === 'service' ? SERVICE_PORT : PORT, size: kind !== 'service' }));
  const name = samples[0]!.kind === 'host' ? from.host : from.pod;
  const command = probeCommand('ask', JSON.stringify(asks));
  try {
    const { code, stdout, stderr } = await from.client.exec({ namespace: from.namespace, name }, command, { signal });
    if (code === 0) return JSON.parse(stdout) as Answer[];
    return samples.map(() => `the pod on ${from.name} could not ask: ${stderr.trim().split('\n').at(-1) || `exit code ${code}`}`);
  } catch (error) {
    signal.throwIfAborted();
    return samples.map(() => `the pod on ${from.name} could not be told to ask: ${(error as Error).message}`);
  }
}
