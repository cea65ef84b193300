import type { Bits, Cidr, IpVersion } from './address.ts';

/** A set of addresses, asked whether a network touches it. */
export interface Intervals {
  overlaps(cidr: Cidr): boolean;
}

/** Index of the first item that does not compare below. */
export function lowerBound<T>(items: readonly T[], compare: (item: T) => number): number {
  let [low, high] = [0, items.length];
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (compare(items[middle]!) < 0) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** Merges the networks into disjoint sorted intervals, so that a look-up is a binary search. */
export function intervals(cidrs: Iterable<Cidr>): Intervals {
  const byFamily = new Map<IpVersion, Cidr[]>();
  for (const cidr of cidrs) {
    const known = byFamily.get(cidr.family);
    if (known) known.push(cidr);
    else byFamily.set(cidr.family, [cidr]);
  }
  const merged = new Map([...byFamily].map(([family, list]) => [family, merge(list)]));
  return {
    overlaps(cidr) {
      const set = merged.get(cidr.family);
      if (!set) return false;
      const at = lowerBound(set.lasts, (last) => (last < cidr.first ? -1 : 0));
      return at < set.firsts.length && set.firsts[at]! <= cidr.last;
    },
  };
}

function merge(cidrs: Cidr[]): { firsts: Bits[]; lasts: Bits[] } {
  cidrs.sort((a, b) => (a.first === b.first ? a.length - b.length : a.first < b.first ? -1 : 1));
  const firsts: Bits[] = [];
  const lasts: Bits[] = [];
  for (const { first, last } of cidrs) {
    const top = lasts.length - 1;
    // Networks nest or are apart: one that starts inside the last interval ends inside it too.
    if (top >= 0 && first <= lasts[top]!) continue;
    firsts.push(first);
    lasts.push(last);
  }
  return { firsts, lasts };
}
