import type { Cluster, Node } from '@kosmos/api';
import type { Ctx, Informer, KObject, KubeError } from '@kosmos/kernel';
import type { CniAdapter } from '../contracts.ts';
import type { FleetModel } from '../fleet-model.ts';
import { type ByNeed, byNeed } from './by-need.ts';
import type { CniReader, Reading, Seen, Watch } from './cni/reader.ts';
import { cniOf, isMember } from './nodes.ts';

/** What a CNI's own configuration says of Services: asked after Kubernetes itself. */
export interface Configured {
  configuredServiceCIDRs(cluster: string): readonly string[] | undefined;
}

/** A reader, fed: it watches its kinds in the members with its CNI, and in no others. */
export function cniAdapter(
  ctx: Pick<Ctx<{}, {}, {}>, 'informer'>,
  model: Pick<FleetModel, 'clusters'>,
  nodes: Informer<Node>,
  reader: CniReader,
): CniAdapter & Configured {
  const view = memberView(ctx, nodes, reader.watches);
  const want = (cluster: Cluster) => {
    if (reader.cnis.includes(cniOf(cluster))) view.want(cluster.metadata.name);
  };
  model.clusters.on({ add: want, update: want });
  const readings = new Map<string, { readonly from: MemberSeen; readonly reading: Reading }>();
  const read = (cluster: string): Reading | undefined => {
    const from = view.of(cluster);
    if (!from) return undefined;
    const known = readings.get(cluster);
    if (known && same(known.from, from)) return known.reading;
    const reading = reader.read(from);
    readings.set(cluster, { from, reading });
    return reading;
  };
  return {
    cnis: reader.cnis,
    sources: view.sources,
    podCIDRs: (cluster) => read(cluster)?.podCIDRs,
    nodePodCIDRs: (cluster, node) => read(cluster)?.nodePodCIDRs?.(node),
    configuredServiceCIDRs: (cluster) => {
      const reading = read(cluster);
      return reading && (reading.serviceCIDRs ?? []);
    },
    trouble: (cluster) => read(cluster)?.trouble,
  };
}

interface MemberSeen extends Seen {
  /** All objects and refusals. What is known of an object is another object when it changes. */
  readonly parts: readonly unknown[];
}

const same = (a: MemberSeen, b: MemberSeen) => a.parts.length === b.parts.length && a.parts.every((part, i) => part === b.parts[i]);

/** What is known of members, as readers take it. */
export interface MemberView {
  readonly sources: readonly Informer<KObject>[];
  want(cluster: string): void;
  /** Undefined: some of it has not been answered yet. */
  of(cluster: string): MemberSeen | undefined;
}

export function memberView(ctx: Pick<Ctx<{}, {}, {}>, 'informer'>, nodes: Informer<Node>, watches: readonly Watch<KObject>[]): MemberView {
  const sources = new Map<Watch<KObject>, ByNeed<KObject>>(
    watches.map(({ kind, ...options }) => byNeed(ctx, kind, options)).map((source, i) => [watches[i]!, source]),
  );
  return {
    sources: [...sources.values()],
    want: (cluster) => sources.forEach((source) => source.want(cluster)),
    of(cluster) {
      if (nodes.state(cluster) === 'left' || nodes.state(cluster) === 'syncing') return undefined;
      const refusals = new Map<Watch<KObject>, string>();
      for (const [watch, source] of sources) {
        const why = refusal(source, cluster);
        if (why === 'unknown') return undefined;
        if (why !== undefined) refusals.set(watch, why);
      }
      const lists = new Map([...sources].map(([watch, source]) => [watch, [...source.list(cluster)]]));
      const members = [...nodes.list(cluster)].filter(isMember);
      return {
        parts: [...[...lists.values()].flatMap((list) => [list.length, ...list]), ...members, ...refusals.values()],
        list: <T extends KObject>(watch: Watch<T>) => lists.get(watch) as unknown as readonly T[],
        refused: (watch) => refusals.get(watch),
        nodes: members,
      };
    },
  };
}

/** What was known once stays known; an answer that it has no such kind, or that this is not allowed, is one too. */
function refusal(source: Informer<KObject>, cluster: string): string | undefined {
  const state = source.state(cluster);
  if (state === 'live' || state === 'stale') return undefined;
  const error = source.error(cluster) as Partial<KubeError> | undefined;
  const { group, version, plural } = source.kind;
  const api = group === '' ? version : `${group}/${version}`;
  if (error?.status === 404) return `it does not serve ${plural} of ${api}`;
  if (error?.status === 401 || error?.status === 403) return `it refuses to list ${plural} of ${api}`;
  return 'unknown';
}
