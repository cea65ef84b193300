import type { FdbEntry, Link, Neighbour, Nexthop, NftTable, Route, Rule, SysctlKey } from '@kosmos/hostnet';
import { contains, parseCidr, parseIp } from '../plan/address.ts';
import type { Device, NodePlan } from '../plan/types.ts';
import { OVERHEAD, OWN_DEVICES, PROTOCOL, RULE_PRIORITY, TABLE } from './constants.ts';
import { natTable } from './nat.ts';
import { hopKey, nexthopIds, nexthopOf, type Usable } from './nexthop-ids.ts';

/** A tunnel device as the kernel is to have it. */
export interface Tunnel {
  readonly name: string;
  readonly id: number;
  readonly port: number;
  /** Underlay address of this node. */
  readonly local: string;
  readonly dev: string;
  readonly mac: string;
  readonly mtu: number;
  readonly address: string;
}

export interface Sysctl {
  readonly key: SysctlKey;
  readonly value: number;
  /** Another's, so its value from before is put back when it is not wanted any more. */
  readonly restore: boolean;
  /** Only where it has this value; absent: whatever it has. */
  readonly from?: number;
}

/** All that the agent is to have in the kernel. */
export interface Desired {
  readonly tunnels: readonly Tunnel[];
  readonly rules: readonly Rule[];
  readonly fdb: readonly FdbEntry[];
  readonly neighbours: readonly Neighbour[];
  /** Groups behind their members. */
  readonly nexthops: readonly Nexthop[];
  readonly routes: readonly (Route & Required<Pick<Route, 'nhid' | 'dev' | 'table' | 'protocol'>>)[];
  readonly table: NftTable | undefined;
  readonly sysctls: readonly Sysctl[];
}

/** Something of the plan that cannot be had; the rest is. */
export interface Problem {
  readonly item: string;
  readonly message: string;
}

/** The kernel has no IPv6 on a link with less. */
const MIN_MTU_6 = 1280;

/** What a plan leaves to be known on the node. */
export interface Facts {
  readonly links: readonly Link[];
  /** The node's own underlay addresses, by which its peers know it. */
  readonly underlay: { readonly ip?: string | undefined; readonly ip6?: string | undefined };
  /** Ids that hops have already, see `knownHops`. */
  readonly hops: ReadonlyMap<string, number>;
  /** Default: all are. */
  readonly usable?: Usable;
}

/** What a plan means for this node's kernel. Pure. */
export function lower(
  plan: NodePlan,
  facts: Facts,
): { readonly desired: Desired; readonly problems: readonly Problem[]; readonly hops: ReadonlyMap<string, number> } {
  const problems: Problem[] = [];
  const tunnels = plan.devices.flatMap((device) => tunnelOf(device, facts, problems) ?? []);
  const there = new Set(tunnels.map((t) => t.name));
  const on = <T extends { readonly dev: string }>(items: readonly T[]) => items.filter((item) => there.has(item.dev));
  const routes = on(plan.routes);
  const ids = nexthopIds(routes, facts.hops);
  const source = sources(plan, facts.links);
  const families = [...new Set(tunnels.map((t) => familyOf(t.address)))].sort();
  return {
    problems,
    hops: ids,
    desired: {
      tunnels,
      rules: families.map((family) => ({ family, priority: RULE_PRIORITY, table: TABLE, protocol: PROTOCOL })),
      fdb: on(plan.fdbs).map(({ ip, mac, dev }) => ({ mac, dst: ip, dev })),
      neighbours: on(plan.arps),
      nexthops: [...ids.keys()].map((hop) => ({ ...nexthopOf(hop, ids, facts.usable), protocol: PROTOCOL })),
      routes: routes.map((r) => {
        const src = source[familyOf(r.cidr)];
        return {
          dst: r.cidr,
          nhid: ids.get(hopKey(r))!,
          dev: r.dev,
          table: TABLE,
          protocol: PROTOCOL,
          ...(src !== undefined && { src }),
        };
      }),
      table: natTable(plan.nat, tunnels, problems),
      sysctls: tunnels.length === 0 ? [] : sysctlsOf(tunnels),
    },
  };
}

export const familyOf = (text: string): 4 | 6 => (text.includes(':') ? 6 : 4);

function tunnelOf(device: Device, facts: Facts, problems: Problem[]): Tunnel | undefined {
  const refuse = (message: string) => void problems.push({ item: device.name, message });
  const family = familyOf(device.addr);
  const local = localOf(device, facts);
  const bind = bindOf(device, facts);
  if (!OWN_DEVICES.has(device.name)) return refuse(`the agent makes ${[...OWN_DEVICES].join(', ')} only`);
  if (!bind)
    return refuse(`the underlay interface '${device.bindDev}' is not there; this node has ${facts.links.map((l) => l.name).join(', ')}`);
  if (!local) return refuse(`the ClusterNode has no ${family === 4 ? 'ip' : 'ip6'}, which the tunnel starts from`);
  const there = facts.links.find((l) => l.name === device.name);
  if (there && there.kind !== 'vxlan')
    return refuse(`there is a link of this name already, of kind '${there.kind ?? 'physical'}'; rename or delete it`);
  const most = bind.mtu - OVERHEAD[familyOf(local)];
  if (device.mtu !== undefined && device.mtu > most) {
    problems.push({ item: device.name, message: `MTU ${device.mtu} does not fit ${bind.name} with MTU ${bind.mtu}; ${most} is used` });
  }
  const mtu = Math.min(device.mtu ?? most, most);
  if (family === 6 && mtu < MIN_MTU_6)
    return refuse(`IPv6 needs an MTU of ${MIN_MTU_6} at least, and ${mtu} is left on ${bind.name} with MTU ${bind.mtu}`);
  return {
    name: device.name,
    id: device.id,
    port: device.port,
    local,
    dev: bind.name,
    mac: device.mac,
    mtu,
    address: device.addr,
  };
}

type Where = Pick<Facts, 'links' | 'underlay'>;

/** As the kernel writes it, whatever way the ClusterNode does. */
const localOf = ({ addr }: Device, { underlay }: Where) => parseIp((familyOf(addr) === 4 ? underlay.ip : underlay.ip6) ?? '')?.text;

/** An interface that was renamed is known by its address, until the plan has its new name. */
function bindOf(device: Device, where: Where): Link | undefined {
  const local = localOf(device, where);
  return where.links.find((l) => l.name === device.bindDev) ?? where.links.find((l) => local !== undefined && holds(l, local));
}

/**
 * All that `lower` and `diff` know of the links: while it says the same, they come out the same. The ends of pods come and go
 * all the time and are not in it.
 */
export function footing(plan: NodePlan, where: Where): unknown {
  return [
    where.underlay,
    where.links.filter(({ name }) => OWN_DEVICES.has(name)),
    plan.devices.map((device) => {
      const bind = bindOf(device, where);
      return bind ? [bind.name, bind.mtu] : where.links.map(({ name }) => name);
    }),
    sources(plan, where.links),
  ];
}

const holds = ({ name, addresses }: Link, ip: string) =>
  !OWN_DEVICES.has(name) && addresses.some(({ address }) => parseIp(address.slice(0, address.indexOf('/')))?.text === ip);

/**
 * The source of what this host itself sends to far pods: its own address inside its own pod CIDRs (the pod bridge's), which
 * far nodes have a route to. Of the plan the pod CIDRs are those that keep or translate their sources.
 */
function sources(plan: NodePlan, links: readonly Link[]): { 4?: string; 6?: string } {
  const own = plan.nat.flatMap((n) => parseCidr(n.stage === 'keep' ? n.cidr : n.stage === 'translate' ? n.real : '') ?? []);
  const found: { 4?: string; 6?: string } = {};
  if (own.length === 0) return found;
  for (const link of links) {
    if (OWN_DEVICES.has(link.name)) continue;
    for (const { address, scope, tentative } of link.addresses) {
      const ip = parseIp(address.slice(0, address.indexOf('/')));
      if (ip && scope === 'global' && !tentative && own.some((cidr) => contains(cidr, ip))) found[ip.family] ??= ip.text;
    }
  }
  return found;
}

/**
 * rp_filter 2 (loose): replies may come by another way than requests. The kernel takes the higher of `all` and the link's.
 * A host that forwards IPv6 stops listening to routers, where accept_ra is not 2, and would lose its default route.
 */
function sysctlsOf(tunnels: readonly Tunnel[]): Sysctl[] {
  const four = tunnels.filter((t) => familyOf(t.address) === 4);
  const six = tunnels.filter((t) => familyOf(t.address) === 6);
  const rpFilter = (conf: string, restore: boolean): Sysctl => ({ key: { family: 'ipv4', conf, name: 'rp_filter' }, value: 2, restore });
  return [
    ...(four.length > 0 ? [{ key: { family: 'ipv4', name: 'ip_forward' }, value: 1, restore: true } as const] : []),
    ...[...new Set(four.map((t) => t.dev))].map((dev) => rpFilter(dev, true)),
    ...four.map((t) => rpFilter(t.name, false)),
    ...four.map(({ name }): Sysctl => ({ key: { family: 'ipv4', conf: name, name: 'promote_secondaries' }, value: 1, restore: false })),
    ...[...new Set(six.map((t) => t.dev))].map((conf): Sysctl => ({
      key: { family: 'ipv6', conf, name: 'accept_ra' },
      value: 2,
      restore: true,
      from: 1,
    })),
    ...(six.length > 0 ? [{ key: { family: 'ipv6', conf: 'all', name: 'forwarding' }, value: 1, restore: true } as const] : []),
    ...six.map(({ name }): Sysctl => ({ key: { family: 'ipv6', conf: name, name: 'disable_ipv6' }, value: 0, restore: false })),
  ];
}
