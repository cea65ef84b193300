import type { Cluster } from '@kosmos/api';
import type { Mapping, NetworkHooks } from '../contracts.ts';
import { type Bits, type Cidr, cidrOf, compareCidrs, contains, type Ip, overlaps, shift, width } from './address.ts';

export type { Mapping } from '../contracts.ts';

/** A cluster's mappings, sorted; of two that overlap on either side the first by `real` stays. */
export function mapsOf(cluster: Cluster, hooks: NetworkHooks): readonly Mapping[] {
  const found: Mapping[] = [];
  hooks.maps.run(cluster, (mapping) => found.push(mapping));
  const kept: Mapping[] = [];
  for (const next of found.sort((a, b) => compareCidrs(a.real, b.real) || compareCidrs(a.seen, b.seen))) {
    const { real, seen } = next;
    if (real.family !== seen.family || real.length !== seen.length) continue;
    if (!kept.some((known) => overlaps(known.real, real) || overlaps(known.seen, seen))) kept.push(next);
  }
  return kept;
}

/** The network in the parts by which others see it: mapped ones, and what is between them as it is. */
export function seenParts(maps: readonly Mapping[], real: Cidr): Mapping[] {
  const outer = maps.find((m) => contains(m.real, real));
  if (outer) return [{ real, seen: shift(real, outer.real, outer.seen) }];
  const inside = maps.filter((m) => contains(real, m.real));
  if (inside.length === 0) return [{ real, seen: real }];
  const parts: Mapping[] = [];
  let next = real.first;
  for (const mapping of inside) {
    for (const gap of between(real, next, mapping.real.first)) parts.push({ real: gap, seen: gap });
    parts.push(mapping);
    next = after(mapping.real.last);
  }
  for (const gap of between(real, next, after(real.last))) parts.push({ real: gap, seen: gap });
  return parts;
}

/** How others see the address; itself where nothing maps it. */
export function seenIp(maps: readonly Mapping[], ip: Ip): Cidr | Ip {
  const mapping = maps.find((m) => contains(m.real, ip));
  return mapping ? shift(cidrOf(ip.family, ip.bits, width(ip.family)), mapping.real, mapping.seen) : ip;
}

const after = (bits: Bits): Bits => (typeof bits === 'bigint' ? bits + 1n : bits + 1);

/** The fewest networks that fill [from, to) inside `whole`. */
function* between(whole: Cidr, from: Bits, to: Bits): Generator<Cidr> {
  let at = from;
  while (at < to) {
    for (let length = whole.length; ; length += 1) {
      const cidr = cidrOf(whole.family, at, length);
      if (cidr.first !== at || cidr.last >= to) continue;
      yield cidr;
      at = after(cidr.last);
      break;
    }
  }
}
