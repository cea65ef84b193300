import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { createHostNet, type NftRule } from '@kosmos/hostnet';
import { familyOf } from '../cidr.ts';
import { labError, messageOf } from '../errors.ts';
import { inNetns, POD_BRIDGE, toolEnv } from '../isolate.ts';
import { underlayOf, type ClusterTopology, type Topology } from '../topology.ts';

/** The mark of what kube-proxy will masquerade; it lets such packets pass. */
const PROXY_MARK = '0x4000/0x4000';

/**
 * Drops what a node forwards, as hosts with Docker or a firewall do, except for what the CNI there lets pass: within the
 * cluster's pod network, into it from the cluster's nodes, out of it by the node's own links, answers, and what kube-proxy marked.
 */
export async function dropForwarded(netns: string, topology: Topology, cluster: ClusterTopology): Promise<void> {
  const { forward } = cluster.cni;
  const nodes = underlayOf(topology, cluster.underlay).cidrs;
  if (forward === 'accept') return;
  if (forward === 'nft') return dropByNft(netns, cluster, nodes);
  for (const cidr of cluster.podCIDRs) {
    const tool = `${familyOf(cidr) === 'IPv4' ? 'iptables' : 'ip6tables'}-${forward === 'iptables-legacy' ? 'legacy' : 'nft'}`;
    const accepted = [
      ['-m', 'conntrack', '--ctstate', 'RELATED,ESTABLISHED'],
      ['-s', cidr, '-d', cidr],
      ...sameFamily(nodes, cidr).map((from) => ['-s', from, '-d', cidr]),
      ['-i', POD_BRIDGE, '-o', 'eth+'],
      ['-m', 'mark', '--mark', PROXY_MARK],
    ];
    await run(netns, [tool, '-w', '-P', 'FORWARD', 'DROP']);
    for (const match of accepted) await run(netns, [tool, '-w', '-A', 'FORWARD', ...match, '-j', 'ACCEPT']);
  }
}

async function dropByNft(netns: string, cluster: ClusterTopology, nodes: readonly string[]): Promise<void> {
  const accept = (when: NftRule['when']): NftRule => ({ when, action: 'accept' });
  const rules = [
    accept([{ established: true }]),
    ...cluster.podCIDRs.flatMap((cidr) => [cidr, ...sameFamily(nodes, cidr)].map((from) => accept([{ saddr: from }, { daddr: cidr }]))),
    accept([{ iif: [POD_BRIDGE] }, { oif: ['eth0'] }]),
    accept([{ dnatted: true }]),
  ];
  const hook = { type: 'filter', hook: 'forward', priority: 0, policy: 'drop' } as const;
  await createHostNet({ netns }).nft({ replace: [{ family: 'inet', name: 'firewall', chains: [{ name: 'forward', hook, rules }] }] });
}

const sameFamily = (cidrs: readonly string[], cidr: string) => cidrs.filter((other) => familyOf(other) === familyOf(cidr));

async function run(netns: string, argv: readonly string[]): Promise<void> {
  const [file, ...args] = inNetns(netns, argv) as [string, ...string[]];
  try {
    await promisify(execFile)(file, args, { env: toolEnv(), timeout: 10_000 });
  } catch (cause) {
    throw labError('KOSMOS_E_LAB_SYSTEM', `${argv.join(' ')}, in ${netns}, failed: ${messageOf(cause)}`, {
      hint: `cni.forward of the topology file needs ${argv[0]} (Debian: apt-get install iptables)`,
      cause,
    });
  }
}
