import { readFileSync } from 'node:fs';
import { KosmosErrors, type KosmosError } from '@kosmos/kernel';
import { parse } from 'yaml';
import { z } from 'zod';
import { familyOf, parseCidr, type Family } from './cidr.ts';
import { labError, messageOf } from './errors.ts';
import {
  controlPlaneLink,
  inFamilies,
  MAX_CLUSTERS,
  MAX_NODES,
  nextNode,
  routerLink,
  type ClusterTopology,
  type Topology,
  type UnderlayTopology,
} from './topology.ts';

const DEFAULT_MTU = 1500;

const name = z
  .string()
  .regex(/^[a-z]([a-z0-9-]{0,13}[a-z0-9])?$/, 'a name is 1 to 15 lower-case letters, digits and dashes, and begins with a letter');
const underlayName = name.max(12, 'the name of an underlay has at most 12 characters');

type Bounds = readonly [min: number, max: number];

function whatIsWrong(text: string, bounds: Readonly<Record<Family, Bounds>>): string | undefined {
  const cidrs = text.split(',');
  const parsed = cidrs.map((c) => parseCidr(c.trim()));
  for (const [i, c] of parsed.entries()) {
    const [min, max] = bounds[familyOf(cidrs[i] ?? '')];
    const example = familyOf(cidrs[i] ?? '') === 'IPv4' ? 'IPv4 network like 10.1.0.0/16' : 'IPv6 network like fd00:1::/48';
    if (!c || c.prefix < min || c.prefix > max)
      return `expected an ${example}, with a prefix length from ${min} to ${max} and no host bits set`;
  }
  if (parsed.length > 2 || (parsed.length === 2 && parsed[0]?.family === parsed[1]?.family))
    return 'expected at most one network of each family';
  return undefined;
}

/** One network, or one of each family with a comma between them, as kubeadm has it. */
const networks = (IPv4: Bounds, IPv6: Bounds) =>
  z.string().superRefine((text, ctx) => {
    const message = whatIsWrong(text, { IPv4, IPv6 });
    if (message) ctx.addIssue({ code: 'custom', message });
  });
const underlayNetworks = networks([8, 24], [16, 120]);

const UnderlaySchema = z.strictObject({
  name: underlayName,
  cidr: underlayNetworks,
  mtu: z.int().min(1280).max(9216).optional(),
});
const RouterSchema = z.strictObject({
  name,
  underlays: z.array(z.string()).min(2),
  masquerade: z.array(z.string()).optional(),
  allow: z.array(z.string()).optional(),
});
const NodeSchema = z.strictObject({ name: name.optional(), underlays: z.array(z.string()).optional() });
const CniSchema = z.strictObject({
  masquerade: z.boolean().optional(),
  rpFilter: z.literal([0, 1, 2]).optional(),
  forward: z.enum(['accept', 'iptables-legacy', 'iptables-nft', 'nft']).optional(),
});
const ClusterSchema = z.strictObject({
  name: name.optional(),
  families: z.enum(['ipv4', 'ipv6', 'dual']).optional(),
  podCIDR: networks([8, 22], [16, 62]).optional(),
  serviceCIDR: networks([8, 28], [108, 124]).optional(),
  underlay: z.union([z.string().regex(/^[^/]+$/), underlayNetworks]).optional(),
  nodes: z
    .union([z.int().min(0).max(MAX_NODES), z.array(NodeSchema).max(MAX_NODES)], 'expected a number from 0 to 200, or a list of nodes')
    .optional(),
  port: z.int().min(0).max(65_535).optional(),
  cni: CniSchema.optional(),
});
const FileSchema = z.strictObject({
  underlays: z.array(UnderlaySchema).optional(),
  routers: z.array(RouterSchema).optional(),
  clusters: z.array(ClusterSchema).min(1).max(MAX_CLUSTERS),
});

/** The content of a topology file; what is absent gets the default of the cluster's number. */
export type TopologyInput = z.input<typeof FileSchema>;
type Problem = (path: string, message: string) => void;

export function topologyOf(input: TopologyInput, where = 'the topology'): Topology {
  const problems: KosmosError[] = [];
  const problem: Problem = (path, message) => problems.push(labError('KOSMOS_E_LAB_TOPOLOGY', `${path}: ${message}`, { where }));
  const checked = FileSchema.safeParse(input);
  if (!checked.success) {
    for (const issue of checked.error.issues) problem(issue.path.map(String).join('.') || '(top)', issue.message);
    throw new KosmosErrors(problems);
  }
  const file = checked.data;
  let topology: Topology = { underlays: underlaysOf(file, problem), routers: [], clusters: [] };
  // Without routers of its own a lab has one that joins everything.
  for (const [i, r] of (file.routers ?? [{ name: 'router', underlays: topology.underlays.map((u) => u.name) }]).entries()) {
    const known = knownOf(topology, r.underlays, `routers.${i}.underlays`, problem);
    const masquerade = knownOf(topology, r.masquerade ?? [], `routers.${i}.masquerade`, problem);
    const links = known.map((underlay) => routerLink(topology, underlay));
    topology = { ...topology, routers: [...topology.routers, { name: r.name, links, masquerade, ...(r.allow && { allow: r.allow }) }] };
  }
  for (const i of file.clusters.keys()) topology = withCluster(topology, file, i, problem);
  checkNames(topology, file, problem);
  if (problems.length > 0) throw new KosmosErrors(problems);
  return topology;
}

/** Those that the file declares, and one for each CIDR that clusters name instead of one of them. */
function underlaysOf(file: z.output<typeof FileSchema>, problem: Problem): UnderlayTopology[] {
  const underlays: UnderlayTopology[] = (file.underlays ?? []).map((u) => ({
    name: u.name,
    cidrs: list(u.cidr),
    mtu: u.mtu ?? DEFAULT_MTU,
  }));
  for (const [i, c] of file.clusters.entries()) {
    const wanted = c.underlay ?? defaultsOf(c, i).underlay;
    if (!wanted.includes('/')) {
      if (!underlays.some((u) => u.name === wanted)) problem(`clusters.${i}.underlay`, unknown(wanted, underlays));
      continue;
    }
    if (underlays.some((u) => u.cidrs.join() === list(wanted).join())) continue;
    let number = 1;
    while (underlays.some((u) => u.name === `u${number}`)) number += 1;
    underlays.push({ name: `u${number}`, cidrs: list(wanted), mtu: DEFAULT_MTU });
  }
  return underlays;
}

function withCluster(topology: Topology, file: z.output<typeof FileSchema>, i: number, problem: Problem): Topology {
  const c = file.clusters[i] as z.output<typeof ClusterSchema>;
  const at = `clusters.${i}`;
  const defaults = defaultsOf(c, i);
  const { families } = defaults;
  const wanted = c.underlay ?? defaults.underlay;
  const underlay = topology.underlays.find((u) => u.name === wanted || u.cidrs.join() === list(wanted).join());
  if (!underlay) return topology; // said already
  const inOrder = (field: 'podCIDR' | 'serviceCIDR') => {
    const cidrs = list(c[field] ?? defaults[field]);
    const sorted = families.flatMap((family) => cidrs.find((cidr) => familyOf(cidr) === family) ?? []);
    if (sorted.length < families.length || cidrs.length > families.length)
      problem(`${at}.${field}`, `${cidrs.join()} does not have one network for each family of the cluster: ${families.join(', ')}`);
    return sorted;
  };
  const podCIDRs = inOrder('podCIDR');
  const serviceCIDRs = inOrder('serviceCIDR');
  const link = controlPlaneLink(topology, underlay.name);
  if (!link) problem(`${at}.underlay`, `${underlay.cidrs.join()} has no room for the control plane of another cluster`);
  const addresses = link ? inFamilies(topology, families, link) : [];
  if (link && addresses.length < families.length)
    problem(`${at}.underlay`, `${underlay.cidrs.join()} has no network for each family of the cluster: ${families.join(', ')}`);
  if (!link || [podCIDRs, serviceCIDRs, addresses].some((each) => each.length < families.length)) return topology;
  const cluster: ClusterTopology = {
    name: c.name ?? `c${i + 1}`,
    families,
    podCIDR: podCIDRs[0] as string,
    podCIDRs,
    serviceCIDR: serviceCIDRs[0] as string,
    serviceCIDRs,
    underlay: underlay.name,
    address: addresses[0] as string,
    addresses,
    link,
    port: c.port ?? 0,
    cni: { masquerade: c.cni?.masquerade ?? true, rpFilter: c.cni?.rpFilter ?? 1, forward: c.cni?.forward ?? 'accept' },
    nodes: [],
  };
  return withNodes({ ...topology, clusters: [...topology.clusters, cluster] }, c.nodes ?? 2, at, problem);
}

function withNodes(topology: Topology, nodes: number | readonly z.output<typeof NodeSchema>[], at: string, problem: Problem): Topology {
  let result = topology;
  const { name: cluster, podCIDR, underlay } = topology.clusters.at(-1) as ClusterTopology;
  for (const [k, node] of (typeof nodes === 'number'
    ? Array.from({ length: nodes }, () => ({}) as z.output<typeof NodeSchema>)
    : nodes
  ).entries()) {
    const path = typeof nodes === 'number' ? `${at}.nodes` : `${at}.nodes.${k}`;
    const others = knownOf(topology, node.underlays ?? [], `${path}.underlays`, problem);
    const made = nextNode(result, cluster, { name: node.name, others });
    if (!made) {
      const twice = result.clusters.at(-1)?.nodes.some((n) => n.name === node.name);
      const count = typeof nodes === 'number' ? nodes : nodes.length;
      problem(
        path,
        twice ? `'${node.name}' is there twice` : `${count} nodes do not fit into ${podCIDR} and ${[underlay, ...others].join(', ')}`,
      );
      break;
    }
    const grown = { ...(result.clusters.at(-1) as ClusterTopology), nodes: [...(result.clusters.at(-1)?.nodes ?? []), made] };
    result = { ...result, clusters: [...result.clusters.slice(0, -1), grown] };
  }
  return result;
}

/** Clusters, underlays and routers are named by one word on the command line. */
function checkNames(topology: Topology, file: z.output<typeof FileSchema>, problem: Problem): void {
  const seen = new Set<string>();
  const all = [
    ...topology.underlays.map((u, i) => [`underlays.${i}.name`, u.name] as const),
    ...topology.routers.map((r, i) => [`routers.${i}.name`, r.name] as const),
    ...topology.clusters.map((c, i) => [`clusters.${i}.name`, c.name] as const),
  ];
  for (const [path, text] of all) {
    if (seen.has(text)) problem(path, `'${text}' is there twice`);
    seen.add(text);
  }
  const nodes = topology.clusters.flatMap((c) => c.nodes.map((n) => `${c.name}/${n.name}`));
  for (const [i, r] of (file.routers ?? []).entries())
    for (const node of r.allow ?? [])
      if (!nodes.includes(node)) problem(`routers.${i}.allow`, `there is no node '${node}'; there are: ${nodes.join(', ')}`);
  for (const [i, c] of topology.clusters.entries())
    if (c.nodes.some((n) => n.name === 'cp')) problem(`clusters.${i}.nodes`, `'cp' is the control plane's name`);
}

function knownOf(topology: Topology, names: readonly string[], path: string, problem: Problem): string[] {
  return names.filter((wanted) => {
    const known = topology.underlays.some((u) => u.name === wanted);
    if (!known) problem(path, unknown(wanted, topology.underlays));
    return known;
  });
}

const unknown = (wanted: string, underlays: readonly UnderlayTopology[]) =>
  `there is no underlay '${wanted}'; ${underlays.length > 0 ? `there are: ${underlays.map((u) => u.name).join(', ')}` : 'underlays declares none'}`;

const list = (cidrs: string): string[] => cidrs.split(',').map((c) => c.trim());

/** Cluster number 3 has 10.3.0.0/16 and fd10:3::/48: its number is to be read in its addresses. */
function defaultsOf(c: z.output<typeof ClusterSchema>, i: number) {
  const n = i + 1;
  const given = c.podCIDR ?? c.serviceCIDR;
  const families = familiesOf(c.families, given);
  const of = (four: string, six: string) => families.map((f) => (f === 'IPv4' ? four : six)).join();
  return {
    families,
    podCIDR: of(`10.${n}.0.0/16`, `fd10:${n}::/48`),
    serviceCIDR: of(`10.${200 + n}.0.0/16`, `fd20:${n}::/112`),
    underlay: of(`10.${100 + n}.0.0/24`, `fd00:${100 + n}::/64`),
  };
}

/** Of two families the one that is given first is the primary. */
function familiesOf(wanted: 'ipv4' | 'ipv6' | 'dual' | undefined, given: string | undefined): readonly Family[] {
  const first = given === undefined ? 'IPv4' : familyOf(given.split(',')[0] ?? '');
  if (wanted === 'ipv4') return ['IPv4'];
  if (wanted === 'ipv6') return ['IPv6'];
  if (wanted === 'dual') return first === 'IPv6' ? ['IPv6', 'IPv4'] : ['IPv4', 'IPv6'];
  return given === undefined ? ['IPv4'] : list(given).map(familyOf);
}

/** `clusters` equal clusters of `nodes` nodes each. */
export function plainTopology(clusters: number, nodes: number): Topology {
  return topologyOf({ clusters: Array.from({ length: clusters }, () => ({ nodes })) });
}

/** Reads a topology file, YAML or JSON. */
export function readTopology(file: string): Topology {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (cause) {
    throw labError('KOSMOS_E_LAB_TOPOLOGY', `the topology file cannot be read: ${messageOf(cause)}`, { where: file, cause });
  }
  let input: unknown;
  try {
    input = parse(text);
  } catch (cause) {
    throw labError('KOSMOS_E_LAB_TOPOLOGY', `the topology file is not YAML: ${messageOf(cause)}`, { where: file, cause });
  }
  return topologyOf(input as TopologyInput, file);
}
