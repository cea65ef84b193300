import { readFileSync } from 'node:fs';
import { KosmosErrors, type KosmosError } from '@kosmos/kernel';
import { parse } from 'yaml';
import { z } from 'zod';
import { labError, messageOf } from './errors.ts';
import { format, hostOf, parseCidr, type Cidr } from './cidr.ts';

export interface NodeTopology {
  readonly name: string;
  /** On the cluster's underlay. */
  readonly address: string;
  /** A /24 of the cluster's; its first address is the pod bridge's. */
  readonly podCIDR: string;
}

export interface ClusterTopology {
  readonly name: string;
  readonly podCIDR: string;
  readonly serviceCIDR: string;
  /** Clusters of the same underlay share one bridge; between underlays there is a router at their first addresses. */
  readonly underlay: string;
  /** The control plane's address on the underlay; its API server listens there on port 6443. */
  readonly address: string;
  /** Of the API server on 127.0.0.1; 0 picks one. */
  readonly port: number;
  readonly nodes: readonly NodeTopology[];
}

/** What a lab consists of. The first cluster is the host cluster, which holds the Kosmos objects. */
export interface Topology {
  readonly clusters: readonly ClusterTopology[];
}

export const MAX_CLUSTERS = 50;
export const MAX_NODES = 200;
const FIRST_CONTROL_PLANE = 2;
const FIRST_NODE = 11;

const name = z
  .string()
  .regex(/^[a-z]([a-z0-9-]{0,13}[a-z0-9])?$/, 'a name is 1 to 15 lower-case letters, digits and dashes, and begins with a letter');
const cidr = (min: number, max: number) =>
  z.string().refine((text) => {
    const c = parseCidr(text);
    return c !== undefined && c.prefix >= min && c.prefix <= max;
  }, `expected an IPv4 network like 10.1.0.0/16, with a prefix length from ${min} to ${max} and no host bits set`);

const ClusterSchema = z.strictObject({
  name: name.optional(),
  podCIDR: cidr(8, 22).optional(),
  serviceCIDR: cidr(8, 28).optional(),
  underlay: cidr(8, 24).optional(),
  nodes: z.int().min(0).max(MAX_NODES).optional(),
  port: z.int().min(0).max(65_535).optional(),
});
const FileSchema = z.strictObject({ clusters: z.array(ClusterSchema).min(1).max(MAX_CLUSTERS) });

/** The content of a topology file; what is absent gets the default of the cluster's number. */
export type TopologyInput = z.input<typeof FileSchema>;

export function topologyOf(input: TopologyInput, where = 'the topology'): Topology {
  const checked = FileSchema.safeParse(input);
  if (!checked.success) {
    throw new KosmosErrors(
      checked.error.issues.map((i) =>
        labError('KOSMOS_E_LAB_TOPOLOGY', `${i.path.map(String).join('.') || '(top)'}: ${i.message}`, { where }),
      ),
    );
  }
  const problems: KosmosError[] = [];
  const clusters: ClusterTopology[] = [];
  for (const [i, c] of checked.data.clusters.entries()) {
    const n = i + 1;
    const name = c.name ?? `c${n}`;
    if (clusters.some((other) => other.name === name))
      problems.push(labError('KOSMOS_E_LAB_TOPOLOGY', `clusters.${i}.name: '${name}' is there twice`, { where }));
    const underlay = c.underlay ?? `10.${100 + n}.0.0/24`;
    const sharing = clusters.filter((other) => other.underlay === underlay);
    let cluster: ClusterTopology = {
      name,
      podCIDR: c.podCIDR ?? `10.${n}.0.0/16`,
      serviceCIDR: c.serviceCIDR ?? `10.${200 + n}.0.0/16`,
      underlay,
      address: hostOf(underlay, FIRST_CONTROL_PLANE + sharing.length),
      port: c.port ?? 0,
      nodes: [],
    };
    if (FIRST_CONTROL_PLANE + sharing.length >= FIRST_NODE) {
      problems.push(
        labError(
          'KOSMOS_E_LAB_TOPOLOGY',
          `clusters.${i}.underlay: ${underlay} has more than ${FIRST_NODE - FIRST_CONTROL_PLANE} clusters`,
          { where },
        ),
      );
    }
    for (let k = 0; k < (c.nodes ?? 2); k += 1) {
      const node = nextNode({ clusters: [...clusters, cluster] }, name);
      if (!node) {
        problems.push(
          labError('KOSMOS_E_LAB_TOPOLOGY', `clusters.${i}.nodes: ${c.nodes} nodes do not fit into ${cluster.podCIDR} and ${underlay}`, {
            where,
          }),
        );
        break;
      }
      cluster = { ...cluster, nodes: [...cluster.nodes, node] };
    }
    clusters.push(cluster);
  }
  if (problems.length > 0) throw new KosmosErrors(problems);
  return { clusters };
}

/** `clusters` equal clusters of `nodes` nodes each. */
export function plainTopology(clusters: number, nodes: number): Topology {
  return topologyOf({ clusters: Array.from({ length: clusters }, () => ({ nodes })) });
}

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

/** The node that would join `cluster` next: the lowest free number, name, address and podCIDR; undefined when none is left. */
export function nextNode(topology: Topology, clusterName: string): NodeTopology | undefined {
  const cluster = topology.clusters.find((c) => c.name === clusterName);
  if (!cluster) return undefined;
  const pods = parseCidr(cluster.podCIDR) as Cidr;
  const underlay = parseCidr(cluster.underlay) as Cidr;
  const taken = new Set(topology.clusters.filter((c) => c.underlay === cluster.underlay).flatMap((c) => c.nodes.map((n) => n.address)));
  const names = new Set(cluster.nodes.map((n) => n.name));
  const slices = 2 ** (24 - pods.prefix);
  let number = 1;
  while (names.has(`n${number}`)) number += 1;
  if (number >= slices) return undefined;
  const last = 2 ** (32 - underlay.prefix) - 2;
  for (let host = FIRST_NODE; host <= last; host += 1) {
    const address = format(underlay.base + host);
    // The third octet is the node's number, so that an address tells its node: n3 has 10.1.3.0/24.
    if (!taken.has(address)) return { name: `n${number}`, address, podCIDR: `${format(pods.base + number * 256)}/24` };
  }
  return undefined;
}
