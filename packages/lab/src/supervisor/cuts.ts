import { createHostNet } from '@kosmos/hostnet';
import { familyOf } from '../cidr.ts';
import { labError } from '../errors.ts';
import { netnsOf } from '../isolate.ts';
import type { LinkTopology, Topology } from '../topology.ts';
import { portOf } from './wires.ts';

/** What does not reach each other: clusters, `<cluster>/<node>`, `<cluster>/cp`, routers, underlays. */
export interface Cut {
  readonly a: string;
  readonly b: string;
  /** Percent of the packets that are lost, 1 to 100. */
  readonly loss: number;
}

interface Side {
  readonly ends: readonly { readonly port: string; readonly underlay: string; readonly addresses: readonly string[] }[];
  /** The side is an underlay itself. */
  readonly underlay?: string;
}

/** Cuts and losses, as rules of the bridges that the underlays are: no host's own rules and links change. */
export class Cuts {
  #all: readonly Cut[] = [];

  get all(): readonly Cut[] {
    return this.#all;
  }

  async add(topology: Topology, cut: Cut): Promise<void> {
    const { a, b } = cut;
    const next = [...this.#without(a, b), cut];
    await write(topology, next);
    this.#all = next;
  }

  /** Heals what is between two, or everything. */
  async heal(topology: Topology, between?: { readonly a: string; readonly b: string }): Promise<void> {
    const next = between ? this.#without(between.a, between.b) : [];
    if (between && next.length === this.#all.length) {
      throw labError('KOSMOS_E_LAB_TARGET', `there is no cut between ${between.a} and ${between.b}`, {
        hint: this.#all.length > 0 ? `cut are: ${this.#all.map((c) => `${c.a} ${c.b}`).join(', ')}` : 'nothing is cut',
      });
    }
    await write(topology, next);
    this.#all = next;
  }

  /** For a topology that has changed; cuts of what is gone are forgotten. */
  async follow(topology: Topology): Promise<void> {
    if (this.#all.length === 0) return;
    this.#all = this.#all.filter((c) => find(topology, c.a) && find(topology, c.b));
    await write(topology, this.#all);
  }

  #without(a: string, b: string): readonly Cut[] {
    return this.#all.filter((c) => !(c.a === a && c.b === b) && !(c.a === b && c.b === a));
  }
}

async function write(topology: Topology, cuts: readonly Cut[]): Promise<void> {
  await createHostNet({ netns: netnsOf.net }).nftScript(cutsText(topology, cuts));
}

/** The table of a lab's cuts, in nft's language. Names and addresses are those of the topology, which were checked. */
export function cutsText(topology: Topology, cuts: readonly Cut[]): string {
  const rules = cuts.flatMap((cut) => {
    const [a, b] = [sideOf(topology, cut.a), sideOf(topology, cut.b)];
    const lost = cut.loss === 100 ? 'drop' : `numgen random mod 100 < ${cut.loss} drop`;
    return matches(a, b).map((match) => `  ${match} ${lost}\n`);
  });
  const chain = ` chain forward {\n  type filter hook forward priority 0; policy accept;\n${rules.join('')} }\n`;
  return `table bridge lab\ndelete table bridge lab\n${rules.length > 0 ? `table bridge lab {\n${chain}}\n` : ''}`;
}

/** Each packet between two sides matches one of these, where it passes a port of `a`. */
function matches(a: Side, b: Side): string[] {
  if (a.underlay !== undefined || b.underlay !== undefined) {
    const [on, side] = a.underlay === undefined ? [b.underlay, a] : [a.underlay, b];
    const ports = side.ends.filter((e) => e.underlay === on).map((e) => e.port);
    return ports.length === 0 ? [] : [`iifname ${set(ports)}`, `oifname ${set(ports)}`];
  }
  return a.ends.flatMap(({ port, underlay }) => {
    const beside = b.ends.filter((e) => e.underlay === underlay).map((e) => e.port);
    const beyond = b.ends.filter((e) => e.underlay !== underlay).flatMap((e) => e.addresses);
    const routed = (['IPv4', 'IPv6'] as const).flatMap((family) => {
      const addresses = beyond.filter((x) => familyOf(x) === family);
      const ip = family === 'IPv4' ? 'ip' : 'ip6';
      return addresses.length === 0
        ? []
        : [`iifname "${port}" ${ip} daddr ${set(addresses, '')}`, `oifname "${port}" ${ip} saddr ${set(addresses, '')}`];
    });
    const direct = beside.length === 0 ? [] : [`iifname "${port}" oifname ${set(beside)}`, `iifname ${set(beside)} oifname "${port}"`];
    return [...direct, ...routed];
  });
}

const set = (items: readonly string[], quote = '"') => `{ ${[...new Set(items)].map((i) => `${quote}${i}${quote}`).join(', ')} }`;

function sideOf(topology: Topology, name: string): Side {
  const found = find(topology, name);
  if (found) return found;
  const { clusters, routers, underlays } = topology;
  const there = [
    ...clusters.flatMap((c) => [c.name, `${c.name}/cp`, ...c.nodes.map((n) => `${c.name}/${n.name}`)]),
    ...routers.map((r) => r.name),
    ...underlays.map((u) => u.name),
  ];
  throw labError('KOSMOS_E_LAB_TARGET', `there is no cluster, node, router or underlay '${name}'`, {
    hint: `there are: ${there.join(', ')}`,
  });
}

function find(topology: Topology, name: string): Side | undefined {
  const side = (...hosts: readonly (readonly [netns: string, links: readonly LinkTopology[]])[]): Side => ({
    ends: hosts.flatMap(([netns, links]) => links.map((l, i) => ({ ...l, port: portOf(netns, i) }))),
  });
  const [first, second] = name.split('/');
  const cluster = topology.clusters.find((c) => c.name === first);
  if (cluster) {
    const controlPlane = [netnsOf.controlPlane(cluster.name), [cluster.link]] as const;
    if (second === 'cp') return side(controlPlane);
    const nodes = cluster.nodes.filter((n) => second === undefined || n.name === second);
    const hosts = nodes.map((n) => [netnsOf.node(cluster.name, n.name), n.links] as const);
    if (second === undefined) return side(controlPlane, ...hosts);
    return hosts.length > 0 ? side(...hosts) : undefined;
  }
  const router = topology.routers.find((r) => r.name === name);
  if (router) return side([netnsOf.router(router.name), router.links]);
  const underlay = topology.underlays.find((u) => u.name === name);
  return underlay && { ends: [], underlay: underlay.name };
}
