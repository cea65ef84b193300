/**
 * Clusters as bare network namespaces, planned by the planner with every plugin and held to their plans by the agent's own
 * code, in this process: what a lab's data plane is, without its API servers and agents, so that many modes can be tried.
 */
import { spawn } from 'node:child_process';
import type { Cluster, ClusterNode } from '@kosmos/api';
import { type Change, createHostNet } from '@kosmos/hostnet';
import type { ClusterTopology, Topology } from '@kosmos/lab';
import { kernelState } from '../../packages/plugin-network-vxlan/src/agent/kernel-state.ts';
import type { NetworkHooks } from '@kosmos/plugin-network-vxlan/contracts';
import { filled, type Planner } from './planner.ts';

export interface Ran {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

let rigs = 0;
const six = (text: string) => text.includes(':');
const length = (cidr: string) => cidr.slice(cidr.indexOf('/'));

export class Rig {
  readonly topology: Topology;
  readonly #prefix = `kr${process.pid % 100_000}x${(rigs += 1)}`;
  readonly #root = createHostNet();
  readonly #netns: string[] = [];
  readonly #states = new Map<
    string,
    { readonly state: ReturnType<typeof kernelState>; readonly underlay: { ip?: string; ip6?: string } }
  >();
  readonly #servers: (() => void)[] = [];
  #planner: Planner | undefined;

  constructor(topology: Topology) {
    this.topology = topology;
  }

  get clusters(): readonly ClusterTopology[] {
    return this.topology.clusters;
  }

  get planner(): Planner {
    return this.#planner!;
  }

  /** Underlays, routers, nodes with what a CNI makes, and a pod `on-<node>` on each. */
  async up(): Promise<void> {
    const { underlays, routers, clusters } = this.topology;
    const hosts = [
      ...routers.map((r) => ({ name: r.name, links: r.links })),
      ...clusters.flatMap((c) => c.nodes.map((n) => ({ name: `${c.name}/${n.name}`, links: n.links }))),
    ];
    const pods = clusters.flatMap((c) => c.nodes.map((n) => `${c.name}/on-${n.name}`));
    this.#netns.push(...['net', ...hosts.map((h) => h.name), ...pods].map((name) => this.netns(name)));
    await this.#root.apply(this.#netns.map((name) => ({ op: 'addNetns', name })));
    const middle = createHostNet({ netns: this.netns('net') });
    await middle.apply(
      underlays.flatMap(({ name }): Change[] => [
        { op: 'addLink', name, kind: 'bridge' },
        { op: 'setLink', name, state: 'up' },
      ]),
    );
    let port = 0;
    for (const { name, links } of hosts) {
      const netns = this.netns(name);
      await this.#forward(netns);
      await middle.apply(
        links.flatMap(({ underlay }, i): Change[] => [
          { op: 'addLink', name: `p${(port += 1)}`, kind: 'veth', peer: { name: `eth${i}`, netns } },
          { op: 'setLink', name: `p${port}`, master: underlay, state: 'up' },
        ]),
      );
      const cidrs = (underlay: string) => underlays.find((u) => u.name === underlay)!.cidrs;
      await createHostNet({ netns }).apply([
        { op: 'setLink', name: 'lo', state: 'up' },
        ...links.flatMap(({ underlay, addresses }, i): Change[] => [
          { op: 'setLink', name: `eth${i}`, state: 'up' },
          ...addresses.map((a, k): Change => ({ op: 'replaceAddress', address: `${a}${length(cidrs(underlay)[k]!)}`, dev: `eth${i}` })),
        ]),
      ]);
    }
    await Promise.all(routers.map((router) => this.#allow(router)));
    await Promise.all(clusters.flatMap((c) => c.nodes.map((n) => this.#node(c, n))));
  }

  /** Plans the fleet and lets every node hold its plan; throws what could not be had. */
  async hold(hooks: NetworkHooks, clusters: readonly Cluster[], nodes: readonly ClusterNode[]): Promise<void> {
    this.#planner = filled(hooks, { clusters, nodes });
    await Promise.all(nodes.map(({ spec }) => this.mend(`${spec!.clusterName}/${spec!.nodeName}`)));
  }

  async mend(node: string): Promise<void> {
    const { state, underlay } = this.#states.get(node)!;
    const plan = this.planner.planOf(node.replace('/', '-'))!;
    const { problems, refused } = await state.hold(plan, underlay);
    if (problems.length + refused.length > 0) throw new Error(`${node}: ${JSON.stringify([...problems, ...refused])}`);
  }

  /** Takes away all that Kosmos made on a node. */
  async remove(node: string): Promise<void> {
    await this.#states.get(node)!.state.hold({ node: '', devices: [], routes: [], fdbs: [], arps: [], nat: [] }, {});
  }

  netns(name: string): string {
    return `${this.#prefix}-${name.replace('/', '-')}`;
  }

  /** In the network of a node (`c1/n1`) or pod (`c1/on-n1`). */
  exec(target: string, argv: readonly string[], { input = '' }: { readonly input?: string } = {}): Promise<Ran> {
    return new Promise((resolve, reject) => {
      const child = spawn('nsenter', [`--net=/run/netns/${this.netns(target)}`, ...argv], { stdio: 'pipe' });
      let [stdout, stderr] = ['', ''];
      child.stdout.setEncoding('utf8').on('data', (t: string) => (stdout += t));
      child.stderr.setEncoding('utf8').on('data', (t: string) => (stderr += t));
      child.once('error', reject);
      child.once('close', (code) => resolve({ code: code ?? 128, stdout, stderr }));
      child.stdin.on('error', () => {});
      child.stdin.end(input);
    });
  }

  /** Runs until `down`. */
  serve(target: string, argv: readonly string[]): void {
    const child = spawn('nsenter', [`--net=/run/netns/${this.netns(target)}`, ...argv], { stdio: 'ignore' });
    this.#servers.push(() => child.kill('SIGKILL'));
  }

  async down(): Promise<void> {
    for (const stop of this.#servers) stop();
    await this.#root.applyAll(this.#netns.map((name) => ({ op: 'deleteNetns', name })));
  }

  async #forward(netns: string): Promise<void> {
    const net = createHostNet({ netns });
    await net.setSysctl({ family: 'ipv4', name: 'ip_forward' }, 1);
    await net.setSysctl({ family: 'ipv6', conf: 'all', name: 'forwarding' }, 1);
    await net.setSysctl({ family: 'ipv6', conf: 'default', name: 'accept_dad' }, 0);
    for (const conf of ['all', 'default']) await net.setSysctl({ family: 'ipv4', conf, name: 'rp_filter' }, 1);
  }

  /**
   * As hosts with Docker or a firewall do: what a node forwards is dropped, but for its CNI's and kube-proxy's. CNIs accept
   * what comes to their pods from wherever it comes, so that nodes reach all pods; here only from nodes of the cluster, or
   * tunnels would need nobody to let them through.
   */
  async #dropForwarded({ cni, podCIDRs, underlay }: ClusterTopology, node: string): Promise<void> {
    if (cni.forward === 'accept') return;
    const nodes = (cidr: string) => this.topology.underlays.find((u) => u.name === underlay)!.cidrs.find((c) => six(c) === six(cidr))!;
    const commands =
      cni.forward === 'nft'
        ? [
            'nft add table inet firewall',
            'nft add chain inet firewall forward { type filter hook forward priority 0 ; policy drop ; }',
            'nft add rule inet firewall forward ct state established,related accept',
            ...podCIDRs.flatMap((cidr) =>
              [cidr, nodes(cidr)].map((from) => {
                const ip = six(cidr) ? 'ip6' : 'ip';
                return `nft add rule inet firewall forward ${ip} saddr ${from} ${ip} daddr ${cidr} accept`;
              }),
            ),
            'nft add rule inet firewall forward iifname cni0 oifname eth0 accept',
            'nft add rule inet firewall forward ct status dnat accept',
          ]
        : podCIDRs.flatMap((cidr) => {
            const tool = `${six(cidr) ? 'ip6tables' : 'iptables'}-${cni.forward === 'iptables-legacy' ? 'legacy' : 'nft'} -w`;
            const accept = [
              '-m conntrack --ctstate RELATED,ESTABLISHED',
              `-s ${cidr} -d ${cidr}`,
              `-s ${nodes(cidr)} -d ${cidr}`,
              '-i cni0 -o eth0',
              '-m conntrack --ctstate DNAT',
            ];
            return [`${tool} -P FORWARD DROP`, ...accept.map((match) => `${tool} -A FORWARD ${match} -j ACCEPT`)];
          });
    for (const command of commands) {
      const { code, stderr } = await this.exec(node, command.split(' '));
      if (code !== 0) throw new Error(`${command}: ${stderr}`);
    }
  }

  /** With `allow` only these nodes see each other. */
  async #allow({ name, allow }: Topology['routers'][number]): Promise<void> {
    if (!allow) return;
    const addresses = allow.flatMap((node) =>
      this.clusters.flatMap((c) => c.nodes.filter((n) => `${c.name}/${n.name}` === node).flatMap((n) => n.addresses)),
    );
    const whole = (a: string) => `${a}/${six(a) ? 128 : 32}`;
    const rules = addresses.flatMap((a) =>
      addresses.flatMap((b) =>
        six(a) === six(b) ? [{ when: [{ saddr: whole(a) }, { daddr: whole(b) }], action: 'accept' as const }] : [],
      ),
    );
    const hook = { type: 'filter', hook: 'forward', priority: 0, policy: 'drop' } as const;
    await createHostNet({ netns: this.netns(name) }).nft({
      replace: [{ family: 'inet', name: 'router', chains: [{ name: 'forward', hook, rules }] }],
    });
  }

  async #node(cluster: ClusterTopology, node: ClusterTopology['nodes'][number]): Promise<void> {
    const name = `${cluster.name}/${node.name}`;
    const net = createHostNet({ netns: this.netns(name) });
    const pod = createHostNet({ netns: this.netns(`${cluster.name}/on-${node.name}`) });
    const host = (cidr: string, n: number) => (six(cidr) ? cidr.replace(/::\/\d+$/, `::${n}`) : cidr.replace(/\.0\/\d+$/, `.${n}`));
    const router = this.topology.routers.flatMap((r) => r.links).find((l) => l.underlay === node.links[0]!.underlay)!;
    const others = cluster.nodes.filter((n) => n !== node);
    await net.apply([
      ...router.addresses.map((via): Change => ({ op: 'replaceRoute', dst: six(via) ? '::/0' : '0.0.0.0/0', via })),
      { op: 'addLink', name: 'cni0', kind: 'bridge' },
      { op: 'setLink', name: 'cni0', state: 'up' },
      ...node.podCIDRs.map((cidr): Change => ({ op: 'replaceAddress', address: `${host(cidr, 1)}${length(cidr)}`, dev: 'cni0' })),
      { op: 'addLink', name: 'pod0', kind: 'veth', peer: { name: 'eth0', netns: this.netns(`${cluster.name}/on-${node.name}`) } },
      { op: 'setLink', name: 'pod0', master: 'cni0', state: 'up' },
      ...others.flatMap((o) => o.podCIDRs.map((dst, i): Change => ({ op: 'replaceRoute', dst, via: o.addresses[i]! }))),
    ]);
    await pod.setSysctl({ family: 'ipv6', conf: 'eth0', name: 'accept_dad' }, 0);
    await pod.apply([
      { op: 'setLink', name: 'lo', state: 'up' },
      { op: 'setLink', name: 'eth0', state: 'up' },
      ...node.podCIDRs.map((cidr): Change => ({ op: 'replaceAddress', address: `${host(cidr, 2)}${length(cidr)}`, dev: 'eth0' })),
      ...node.podCIDRs.map((cidr): Change => ({ op: 'replaceRoute', dst: six(cidr) ? '::/0' : '0.0.0.0/0', via: host(cidr, 1) })),
    ]);
    await net.nft({
      replace: node.podCIDRs.map((cidr, i) => ({
        family: six(cidr) ? ('ip6' as const) : ('ip' as const),
        name: 'cni',
        chains: [
          {
            name: 'post',
            hook: { type: 'nat' as const, hook: 'postrouting' as const, priority: 100 },
            rules: [{ when: [{ saddr: cidr }, { daddr: cluster.podCIDRs[i]!, not: true }], action: 'masquerade' as const }],
          },
        ],
      })),
    });
    const [ip, ip6] = [node.addresses.find((a) => !six(a)), node.addresses.find(six)];
    await this.#dropForwarded(cluster, name);
    this.#states.set(name, { state: kernelState(net, { foreignChains: true }), underlay: { ...(ip && { ip }), ...(ip6 && { ip6 }) } });
  }
}
