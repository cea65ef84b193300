import type { NftChain, NftRule, NftTable } from '@kosmos/hostnet';
import { type Cidr, compareCidrs, contains, overlaps, parseCidr, shift } from '../plan/address.ts';
import type { Nat } from '../plan/types.ts';
import { NFT_TABLE } from './constants.ts';
import type { Problem, Tunnel } from './desired.ts';

const [RAW, MANGLE, DSTNAT, SRCNAT] = [-300, -150, -100, 100] as const;
/** Of the smallest packet that a segment travels in. */
const TCP_HEADERS = { 4: 40, 6: 60 } as const;
type Pair = readonly [from: string, to: string];

/**
 * The nft table for a plan. Translation is ahead of the CNI's (priority less 5), since the first NAT statement that takes a
 * packet decides. Nothing to have where there is no tunnel.
 */
export function natTable(
  nat: readonly Nat[],
  tunnels: readonly Pick<Tunnel, 'name' | 'port' | 'mtu' | 'address'>[],
  problems: Problem[],
): NftTable | undefined {
  if (tunnels.length === 0) return undefined;
  const names = tunnels.map((t) => t.name);
  const ports = [...new Set(tunnels.map((t) => t.port))].sort((a, b) => a - b);
  const here = nat.filter((n) => names.includes(n.dev));
  const devs = [...new Set(here.map((n) => n.dev))].sort();
  const of = <S extends Nat['stage']>(stage: S, dev?: string) =>
    here.filter((n): n is Extract<Nat, { stage: S }> => n.stage === stage && (dev === undefined || n.dev === dev));
  const translated = of('translate');

  const toReal: NftRule[] = maps(
    translated.map((t) => [t.seen, t.real]),
    problems,
  ).map((dnatPrefix) => ({ when: [], action: { dnatPrefix } }));
  const post: NftRule[] = devs.flatMap((dev) => [
    ...of('masquerade', dev).map((m): NftRule => ({
      when: [{ iif: [dev] }, { dnatted: true }, { originalDaddr: m.cidr }],
      action: 'masquerade',
    })),
    ...maps(
      of('translate', dev).map((t) => [t.real, t.seen]),
      problems,
    ).map((snatPrefix): NftRule => ({ when: [{ oif: [dev] }], action: { snatPrefix } })),
    // Sources mapped to themselves: the CNI's masquerade comes later and finds the packet done.
    ...maps(
      of('keep', dev).map((k) => [k.cidr, k.cidr]),
      problems,
    ).map((snatPrefix): NftRule => ({ when: [{ oif: [dev] }], action: { snatPrefix } })),
  ]);
  // A pod that asks for another pod of its cluster by the address that others see must get its answer through this node, so it
  // shows its own such address. For pods of other nodes the answer comes here anyway, and would not find back to that address.
  const pods = [...new Set(of('keep').map((k) => k.cidr))];
  const hairpin = [...new Map(translated.map((t) => [t.seen, t])).values()].flatMap((t) =>
    pods
      .filter((cidr) => meet(cidr, t.real))
      .map((cidr): NftRule => ({
        when: [{ originalDaddr: t.seen }, { saddr: cidr }, { daddr: cidr }],
        action: { snatPrefix: [[t.real, t.seen]] },
      })),
  );
  const rewrites = of('rewrite');
  // This node's own errors about what it only forwards are of no connection, so nothing translates them; in clusters with equal
  // networks a source that is not translated would be an address of the receiver's own.
  const errors = of('keep').flatMap((k) =>
    of('translate', k.dev).flatMap((t) => common(k.cidr, t).map(([real, seen]) => ({ dev: k.dev, real, seen }))),
  );
  const transit = of('notrack');

  const base = (name: string, hook: NonNullable<NftChain['hook']>, rules: readonly NftRule[]): NftChain[] =>
    rules.length > 0 ? [{ name, hook, rules }] : [];
  // Tunnel packets need no state, and each flow would take an entry of its own, since its source port is a hash.
  const outer: NftRule[] = [{ when: [{ udpDport: ports }], action: 'notrack' }];
  const raw: NftRule[] = [
    ...transit.map((n): NftRule => {
      const except = apart(n.except);
      return {
        when: [
          { iif: [n.dev] },
          ...(n.cidrs ? [{ daddrIn: apart(n.cidrs) }] : []),
          ...(except.length > 0 ? [{ daddrIn: except, not: true }] : []),
        ],
        action: 'notrack',
      };
    }),
    ...rewrites.map((r): NftRule => ({ when: [{ iif: [r.dev] }, { daddr: r.seen }], action: { rewriteDaddr: r.real } })),
  ];
  // Both ways by one side alone, since the other may be no Kosmos of ours: what goes out by the route's MTU, what comes in by the tunnel's.
  // What most packets are not is asked first.
  const mss: NftRule[] = [
    { when: [{ tcpSyn: true }, { oif: names }], action: 'clampMss' },
    ...tunnels.map((t): NftRule => ({
      when: [{ tcpSyn: true }, { iif: [t.name] }],
      action: { clampMssTo: t.mtu - TCP_HEADERS[t.address.includes(':') ? 6 : 4] },
    })),
  ];
  return {
    ...NFT_TABLE,
    chains: [
      ...base('raw', { type: 'filter', hook: 'prerouting', priority: RAW - 10 }, raw),
      ...base('pre', { type: 'nat', hook: 'prerouting', priority: DSTNAT - 5 }, toReal),
      ...base('out', { type: 'nat', hook: 'output', priority: DSTNAT - 5 }, toReal),
      ...base('post', { type: 'nat', hook: 'postrouting', priority: SRCNAT - 5 }, [...post, ...hairpin]),
      ...base(
        'unreal',
        { type: 'filter', hook: 'postrouting', priority: SRCNAT + 10 },
        [...rewrites, ...errors].map((r): NftRule => ({ when: [{ oif: [r.dev] }, { saddr: r.real }], action: { rewriteSaddr: r.seen } })),
      ),
      ...base('outer-in', { type: 'filter', hook: 'prerouting', priority: RAW - 10 }, outer),
      ...base('outer-out', { type: 'filter', hook: 'output', priority: RAW - 10 }, outer),
      ...base('mss', { type: 'filter', hook: 'forward', priority: MANGLE }, mss),
    ],
  };
}

/** What a translation makes of the network, or of its part that it translates. */
function common(cidr: string, { real, seen }: { readonly real: string; readonly seen: string }): Pair[] {
  const [one, from, to] = [parseCidr(cidr), parseCidr(real), parseCidr(seen)];
  if (!one || !from || !to || !overlaps(one, from)) return [];
  return contains(from, one) ? [[one.text, shift(one, from, to).text]] : [[real, seen]];
}

function meet(a: string, b: string): boolean {
  const [one, other] = [parseCidr(a), parseCidr(b)];
  return one !== undefined && other !== undefined && overlaps(one, other);
}

/** The networks without those that lie within others: nft refuses sets that overlap. */
function apart(cidrs: readonly string[]): string[] {
  const kept: Cidr[] = [];
  for (const cidr of cidrs.flatMap((text) => parseCidr(text) ?? []).sort(compareCidrs)) {
    const last = kept.at(-1);
    if (!last || !contains(last, cidr)) kept.push(cidr);
  }
  return kept.map(({ text }) => text);
}

/** Maps that nft takes: one family each, nothing twice, nothing that overlaps (the wider one stays). */
function maps(pairs: readonly Pair[], problems: Problem[]): Pair[][] {
  const kept: { cidr: Cidr; pair: Pair }[] = [];
  const parsed = pairs.flatMap((pair) => {
    const [cidr, to] = [parseCidr(pair[0]), parseCidr(pair[1])];
    if (cidr && to && cidr.family === to.family && cidr.length === to.length) return [{ cidr, pair: [cidr.text, to.text] as const }];
    problems.push({ item: `nat ${pair.join(' -> ')}`, message: 'one to one needs two prefixes of one family and length' });
    return [];
  });
  for (const next of parsed.sort((a, b) => compareCidrs(a.cidr, b.cidr))) {
    const over = kept.at(-1);
    if (!over || !contains(over.cidr, next.cidr)) kept.push(next);
    else if (next.pair[0] !== next.pair[1] && next.pair.join() !== over.pair.join()) {
      problems.push({ item: `nat ${next.pair.join(' -> ')}`, message: `lies within ${over.pair.join(' -> ')}, which is in force` });
    }
  }
  return ([4, 6] as const)
    .map((family) => kept.filter((k) => k.cidr.family === family).map((k) => k.pair))
    .filter((list) => list.length > 0);
}
