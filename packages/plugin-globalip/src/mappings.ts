import type { Cluster } from '@kosmos/api';
import { type Cidr, type Mapping, overlaps, parseCidr } from '@kosmos/plugin-network-vxlan/contracts';

/** How other clusters see a cluster's networks: as its spec says, and for the others as the pool was given out (status). */
export function mappingsOf({ spec, status }: Cluster): Mapping[] {
  const stated = read(spec?.clusterLinkOptions?.globalCIDRsMap).mappings;
  const given = read(status?.clusterLinkStatus?.globalCIDRsMap).mappings;
  return [...stated, ...given.filter(({ real }) => !stated.some((s) => overlaps(s.real, real)))];
}

/** What is wrong with what the spec says, with the path of each value. */
export function problemsOf({ spec }: Cluster): string[] {
  const { mappings, problems } = read(spec?.clusterLinkOptions?.globalCIDRsMap);
  for (const [i, a] of mappings.entries()) {
    for (const b of mappings.slice(0, i)) {
      if (overlaps(a.real, b.real)) problems.push(`${path(a.real.text)}: it overlaps '${b.real.text}', which is mapped too`);
      if (overlaps(a.seen, b.seen))
        problems.push(`${path(a.real.text)}: '${a.seen.text}' overlaps '${b.seen.text}', to which '${b.real.text}' is mapped`);
    }
  }
  return problems;
}

/** The networks that need a global one: those of pods and services that the spec maps in no part. Sorted as they come, nothing within another. */
export function unmapped({ spec, status }: Cluster): Cidr[] {
  const { podCIDRs = [], serviceCIDRs = [] } = status?.clusterLinkStatus ?? {};
  const stated = read(spec?.clusterLinkOptions?.globalCIDRsMap).mappings;
  const kept: Cidr[] = [];
  const all = [...podCIDRs, ...serviceCIDRs].flatMap((text) => parseCidr(text) ?? []).sort((a, b) => a.length - b.length);
  for (const cidr of all) if (![...kept, ...stated.map((s) => s.real)].some((known) => overlaps(known, cidr))) kept.push(cidr);
  return kept;
}

const path = (real: string) => `spec.clusterLinkOptions.globalCIDRsMap['${real}']`;

function read(map: Readonly<Record<string, string>> = {}): { readonly mappings: Mapping[]; readonly problems: string[] } {
  const mappings: Mapping[] = [];
  const problems: string[] = [];
  for (const [from, to] of Object.entries(map).sort(([a], [b]) => (a < b ? -1 : 1))) {
    const [real, seen] = [parseCidr(from), parseCidr(to)];
    if (!real || !seen) problems.push(`${path(from)}: '${real ? to : from}' is not an IPv4 or IPv6 network such as 100.64.0.0/16`);
    else if (real.family !== seen.family || real.length !== seen.length)
      problems.push(
        `${path(from)}: '${to}' is not of the same family and length; one to one needs an IPv${real.family} network with /${real.length}`,
      );
    else mappings.push({ real, seen });
  }
  return { mappings, problems };
}
