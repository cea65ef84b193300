/** The first thing that one node's kernel holds otherwise than it should for packets that come by. Pure. */
import type { FdbEntry, Link, Neighbour, Nexthop, SeenRoute } from '@kosmos/hostnet';
import { sysctlPath } from '@kosmos/hostnet';
import { TABLE } from '../agent/constants.ts';
import { type Desired, familyOf, lower, type Tunnel } from '../agent/desired.ts';
import { fingerprint } from '../agent/memory.ts';
import { knownHops } from '../agent/nexthop-ids.ts';
import { contains, type Ip, parseCidr, parseIp } from '../plan/address.ts';
import type { NodePlan } from '../plan/types.ts';
import type { Observed } from './observe.ts';

export interface Wrong {
  readonly reason: string;
  readonly message: string;
  /** What to do where the agent does not do it; absent: let the agent mend it. */
  readonly fix?: string;
}

export interface HeldBy {
  readonly plan: NodePlan;
  readonly underlay: { readonly ip?: string | undefined; readonly ip6?: string | undefined };
  readonly observed: Observed;
}

/** What the node is to hold by its plan; undefined where its links are not known. */
export function wanted({ plan, underlay, observed: { links, entries } }: HeldBy) {
  return links && entries ? lower(plan, { links, underlay, hops: knownHops(entries.nexthops) }) : undefined;
}

/** The device that packets come in or go out by, all it stands on, and what every packet passes. */
export function wrongAt(held: HeldBy, dev: string): Wrong | undefined {
  const { plan, observed } = held;
  const lowered = wanted(held);
  if (!lowered) return undefined;
  const { desired, problems } = lowered;
  const tunnel = desired.tunnels.find(({ name }) => name === dev);
  if (!tunnel) {
    const why = problems.find(({ item }) => item === dev)?.message;
    if (why) return { reason: 'TunnelImpossible', message: `${dev} cannot be made: ${why}`, fix: 'do what the message asks for' };
    return plan.devices.some(({ name }) => name === dev) ? undefined : { reason: 'TunnelMissing', message: `${dev} is not planned there` };
  }
  return underlayWrong(tunnel, observed.links!) ?? tunnelWrong(tunnel, observed.links!) ?? passing(desired, tunnel, observed);
}

function underlayWrong({ dev, local }: Tunnel, links: readonly Link[]): Wrong | undefined {
  const bind = links.find(({ name }) => name === dev)!;
  const fix = `bring ${dev} back with ${local}`;
  if (!bind.up) return { reason: 'UnderlayDown', message: `the underlay interface ${dev} is down`, fix };
  const own = parseIp(local)?.text;
  const has = links.some(({ addresses }) => addresses.some(({ address }) => parseIp(address.slice(0, address.indexOf('/')))?.text === own));
  return has ? undefined : { reason: 'UnderlayDown', message: `no interface has ${local}, the node's address on the underlay`, fix };
}

function tunnelWrong(t: Tunnel, links: readonly Link[]): Wrong | undefined {
  const link = links.find(({ name }) => name === t.name);
  if (!link?.vxlan) return { reason: 'TunnelMissing', message: `there is no device ${t.name}` };
  if (!link.up) return { reason: 'TunnelDown', message: `${t.name} is down` };
  const { vxlan } = link;
  const differs = [
    ['VNI', vxlan.id, t.id],
    ['port', vxlan.port, t.port],
    ['local address', vxlan.local, t.local],
    ['MAC address', link.mac, t.mac],
    ['address', link.addresses.some(({ address }) => address === t.address) ? t.address : 'none of the plan', t.address],
  ].find(([, is, should]) => is !== should);
  if (differs) return { reason: 'TunnelDiffers', message: `${t.name} has ${differs[0]} ${differs[1]} instead of ${differs[2]}` };
  return link.mtu === t.mtu ? undefined : { reason: 'TunnelMtu', message: `${t.name} has MTU ${link.mtu} instead of ${t.mtu}` };
}

function passing(desired: Desired, tunnel: Tunnel, { sysctls, table, blocked }: Observed): Wrong | undefined {
  for (const { key, value } of desired.sysctls) {
    const is = sysctls?.get(sysctlPath(key));
    const concerns =
      key.family === (familyOf(tunnel.address) === 4 ? 'ipv4' : 'ipv6') && [undefined, 'all', tunnel.name, tunnel.dev].includes(key.conf);
    if (is === undefined || is === value || !concerns || key.name === 'accept_ra' || key.name === 'promote_secondaries') continue;
    // The kernel takes the higher of the link's and that of all; 0 lets everything pass.
    const all = sysctls!.get('net/ipv4/conf/all/rp_filter');
    if (key.name === 'rp_filter' && Math.max(is, all ?? 0) !== 1) continue;
    const message = `sysctl ${sysctlPath(key).replaceAll('/', '.')} is ${is} instead of ${value}`;
    return { reason: key.name === 'rp_filter' ? 'RpFilter' : 'Sysctl', message };
  }
  if (table?.is === 'missing' && desired.table)
    return { reason: 'NatMissing', message: 'there is no nft table inet kosmos, so addresses are not kept or translated' };
  if (table?.is === 'changed') return { reason: 'NatDiffers', message: 'the nft table inet kosmos is not as the agent left it' };
  if (table?.made !== undefined && desired.table && table.made !== fingerprint(desired.table))
    return { reason: 'NatDiffers', message: 'the nft table inet kosmos is one for an earlier plan' };
  const [first] = blocked ?? [];
  if (!first) return undefined;
  const mends = first.item.includes('FORWARD');
  return {
    reason: 'ForwardBlocked',
    message: `${first.item} drops what the tunnels bring`,
    ...(!mends && { fix: first.message }),
  };
}

/** What leads a packet out: rule, route, next hops, neighbours and forwarding entries. `cidr`: network of the route that is planned. */
export function wrongWay(held: HeldBy, dev: string, cidr: string, target: Ip): Wrong | undefined {
  const { observed, plan } = held;
  const desired = wanted(held)?.desired;
  const planned = plan.routes.find((route) => route.cidr === cidr && route.dev === dev);
  if (!desired || !planned) return undefined;
  const { rules, routes, nexthops, neighbours, fdb } = observed.entries!;
  const family = familyOf(cidr);
  if (!rules.some((rule) => rule.family === family && rule.table === TABLE))
    return { reason: 'RuleMissing', message: `no rule leads IPv${family} packets to table ${TABLE}` };
  const gws = [planned.gw, ...(planned.alternates ?? [])];
  const as = `planned via ${gws.join(', ')} dev ${dev}`;
  const narrower = closest(routes, target);
  if (!narrower || parseCidr(narrower.dst)!.length < parseCidr(cidr)!.length)
    return { reason: 'RouteMissing', message: `no route to ${cidr} in table ${TABLE} (${as})` };
  const ways = waysOf(narrower, nexthops);
  if (narrower.dst !== cidr || ways.length === 0 || ways.some((way) => way.dev !== dev || !gws.includes(way.via))) {
    const is = narrower.type ?? (ways.length === 0 ? 'nowhere' : ways.map((way) => `via ${way.via} dev ${way.dev}`).join(' and '));
    return { reason: 'RouteDiffers', message: `the route to ${narrower.dst} in table ${TABLE} leads ${is} (${as})` };
  }
  for (const { via } of ways) {
    const wrong = neighbourWrong(desired.neighbours, neighbours, via, dev) ?? fdbWrong(desired, fdb, via, dev);
    if (wrong) return wrong;
  }
  return undefined;
}

/** The next hops that packets to `target` go by now. */
export function inUse(entries: Observed['entries'], target: Ip): string[] | undefined {
  const route = entries && closest(entries.routes, target);
  return route && waysOf(route, entries.nexthops).map(({ via }) => via);
}

function closest(routes: readonly SeenRoute[], target: Ip): SeenRoute | undefined {
  return routes
    .flatMap((route) => {
      const cidr = parseCidr(route.dst);
      return cidr && contains(cidr, target) ? [{ route, length: cidr.length }] : [];
    })
    .sort((a, b) => b.length - a.length)[0]?.route;
}

function waysOf(route: SeenRoute, nexthops: readonly Nexthop[]): { readonly via: string; readonly dev: string }[] {
  if (route.nhid === undefined) return route.via && route.dev ? [{ via: route.via, dev: route.dev }] : [];
  const of = (id: number): { via: string; dev: string }[] => {
    const hop = nexthops.find((n) => n.id === id);
    if (!hop) return [];
    return 'group' in hop ? hop.group.flatMap(of) : [{ via: hop.via, dev: hop.dev }];
  };
  return of(route.nhid);
}

function neighbourWrong(planned: readonly Neighbour[], seen: readonly Neighbour[], via: string, dev: string): Wrong | undefined {
  const should = planned.find((n) => n.ip === via && n.dev === dev);
  const is = seen.find((n) => n.ip === via && n.dev === dev);
  if (!should || should.mac === is?.mac) return undefined;
  return is
    ? { reason: 'NeighbourDiffers', message: `the neighbour ${via} on ${dev} has ${is.mac} instead of ${should.mac}` }
    : { reason: 'NeighbourMissing', message: `no neighbour ${via} on ${dev} (planned with ${should.mac})` };
}

function fdbWrong({ neighbours, fdb }: Desired, seen: readonly FdbEntry[], via: string, dev: string): Wrong | undefined {
  const mac = neighbours.find((n) => n.ip === via && n.dev === dev)?.mac;
  const should = fdb.find((f) => f.mac === mac && f.dev === dev);
  const is = seen.find((f) => f.mac === mac && f.dev === dev);
  if (!should || should.dst === is?.dst) return undefined;
  return is
    ? { reason: 'FdbDiffers', message: `the forwarding entry for ${should.mac} on ${dev} leads to ${is.dst} instead of ${should.dst}` }
    : { reason: 'FdbMissing', message: `no forwarding entry for ${should.mac} on ${dev} (planned to ${should.dst})` };
}
