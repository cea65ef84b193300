/** What every mode of the network is held to, with real packets. */
import type { Lab, LabCluster } from '@kosmos/lab';
import { cleanUp, eventually, needs } from '@kosmos/testing';
import { expect } from 'chai';
import { type Mode, podIPs, pods, PORT, seen, startMode, type Traffic, traffic, vipOf } from './modes.ts';

const READY_MS = 60_000;
const six = (ip: string) => ip.includes(':');

export function suite(mode: Mode): void {
  const name = `${mode.types.join(', ')}${mode.types.includes('gateway') ? ` by ${mode.gateways} gateway${mode.gateways > 1 ? 's' : ''}` : ''}`;
  describe(`${name}; ${mode.families}; ${mode.equal ? 'equal networks, global addresses' : 'networks apart'}${mode.forward ? `; FORWARD ${mode.forward}` : ''}`, function () {
    this.timeout(180_000);
    let lab: Lab;
    before(needs('root', 'ip', 'nft', 'ping'));
    before(async () => {
      lab = await startMode(mode);
      for (const { from, to } of pairs(lab)) {
        await eventually(() => ping(lab, from.target, to.seen), { message: `ping from ${from.target} to ${to.target}, ${to.seen}`, timeoutMs: READY_MS });
      }
    });
    after(cleanUp);

    it('pods on gateways and off them reach each other, both ways, each seen by its own address', async () => {
      await each(pairs(lab), async ({ from, to }) => {
        const what = `${from.target} to ${to.target}, ${to.seen}`;
        complete(await traffic(lab, from.target, to.seen), from.seen, what);
      });
    });

    it('a closed port is refused at once, and a packet of full size passes undivided', async () => {
      await each(pairs(lab), async ({ from, to }) => {
        const result = await traffic(lab, from.target, to.seen);
        expect(result.closed.what, `${from.target} to ${to.target}, ${to.seen}`).to.equal('ECONNREFUSED');
        expect(result.closed.ms).to.be.lessThan(1000);
        const size = six(to.seen) ? 1430 - 48 : 1450 - 28;
        expect((await sized(lab, from.target, to.seen, size)).passed, `${size} bytes from ${from.target} to ${to.seen}`).to.equal(true);
      });
    });

    it("nodes reach pods of other clusters, seen by the address of their own pod bridge", async () => {
      const all = clusterPairs(lab).flatMap(([a, b]) =>
        [a.nodes[0]!, a.nodes.at(-1)!].flatMap((node) => podIPs(lab, b, pods(b)[1]!).map((ip) => ({ a, b, node, ip }))),
      );
      await each(all, async ({ a, b, node, ip }) => {
        const bridge = node.podCIDRs.find((cidr) => six(cidr) === six(ip))!.replace(six(ip) ? /::\/64$/ : /\.0\/24$/, six(ip) ? '::1' : '.1');
        complete(await traffic(lab, `${a.name}/${node.name}`, seen(lab, b, ip)), seen(lab, a, bridge), `${a.name}/${node.name} to ${ip} of ${b.name}`);
      });
    });

    it('pods reach services of other clusters by their cluster address', async () => {
      const all = clusterPairs(lab).flatMap(([a, b]) =>
        pods(a).flatMap((pod) => [0, 1].flatMap((i) => podIPs(lab, b, pods(b)[i]!).map((ip) => ({ a, b, pod, vip: vipOf(b, i, six(ip)) })))),
      );
      await each(all, async ({ a, b, pod, vip }) => {
        complete(await traffic(lab, `${a.name}/${pod}`, seen(lab, b, vip), 80), undefined, `${a.name}/${pod} to service ${vip} of ${b.name}`);
      });
    });

    it('learns the size that each hop lets pass from that hop', async () => {
      const [a, b] = [lab.clusters[0]!, lab.clusters[1]!];
      const from = `${a.name}/${pods(a)[1]!}`;
      const to = podIPs(lab, b, pods(b)[1]!)[0]!;
      const [own, far] = [gatewaysOf(mode, 0, a), gatewaysOf(mode, 1, b)];
      const hops: Hop[] = [
        { what: 'the own node', mtu: six(to) ? 1430 : 1450, nodes: [] },
        ...(own.length > 0 ? [{ what: 'the own gateway', mtu: 1400, nodes: own, dev: six(to) ? 'vx-bridge-6' : 'vx-bridge' }] : []),
        ...(far.length > 0 ? [{ what: 'the far gateway', mtu: 1380, nodes: far, dev: six(to) ? 'vx-local-6' : 'vx-local' }] : []),
        { what: 'the far node', mtu: 1360, nodes: [`${b.name}/${b.nodes.at(-1)!.name}`], route: to },
      ];
      for (const hop of hops) await learns(lab, from, seen(lab, b, to), hop);
    });

    if (mode.equal) {
      it('pods reach pods of their own cluster, and themselves, by global addresses too', async () => {
        const [a] = lab.clusters as [LabCluster];
        const all = pods(a).flatMap((pod) => pods(a).flatMap((other) => podIPs(lab, a, other).map((ip) => ({ pod, other, ip }))));
        await each(all, async ({ pod, other, ip }) => {
          const result = await traffic(lab, `${a.name}/${pod}`, seen(lab, a, ip));
          complete(result, undefined, `${pod} to ${seen(lab, a, ip)}, which is ${other}`);
        });
        for (const ip of podIPs(lab, a, pods(a)[1]!)) {
          complete(await traffic(lab, `${a.name}/n1`, seen(lab, a, ip)), undefined, `the node to ${seen(lab, a, ip)}`);
        }
      });
    }

    if (mode.types.includes('gateway')) {
      it('gateways keep no state of what they forward', async () => {
        const i = mode.types.indexOf('gateway');
        const [a, b] = [lab.clusters[i]!, lab.clusters[i === 0 ? 1 : 0]!];
        const ip = podIPs(lab, b, pods(b)[1]!)[0]!;
        await traffic(lab, `${a.name}/${pods(a)[1]!}`, seen(lab, b, ip));
        for (const node of gatewaysOf(mode, i, a)) {
          const { stdout } = await lab.exec(node, ['cat', '/proc/net/nf_conntrack']);
          const kept = stdout.split('\n').filter((line) => line.includes(`dport=${PORT}`) && !line.includes(`src=${a.nodes[0]!.podCIDR.slice(0, 7)}`));
          expect(kept.filter((line) => line.includes(expand(seen(lab, b, ip)))), node).to.deep.equal([]);
        }
      });
    }
  });
}

/** As the kernel prints addresses there. */
const expand = (ip: string) => (six(ip) ? ip.split('::').join('') : `dst=${ip} `);

interface End {
  /** `c1/on-n1` */
  readonly target: string;
  readonly seen: string;
}

const clusterPairs = (lab: Lab) => lab.clusters.flatMap((a) => lab.clusters.filter((b) => b !== a && b.name !== a.name).map((b) => [a, b] as const));

/** Every pod with every pod of other clusters, in every family. */
function pairs(lab: Lab): { from: End; to: End }[] {
  return clusterPairs(lab).flatMap(([a, b]) =>
    pods(a).flatMap((from) =>
      pods(b).flatMap((to) =>
        podIPs(lab, b, to).map((ip) => {
          const own = podIPs(lab, a, from).find((other) => six(other) === six(ip))!;
          return { from: { target: `${a.name}/${from}`, seen: seen(lab, a, own) }, to: { target: `${b.name}/${to}`, seen: seen(lab, b, ip) } };
        }),
      ),
    ),
  );
}

function gatewaysOf(mode: Mode, i: number, cluster: LabCluster): string[] {
  return mode.types[i] === 'gateway' ? ['n1', 'n2'].slice(0, mode.gateways).map((n) => `${cluster.name}/${n}`) : [];
}

function complete(result: Traffic, source: string | undefined, what: string): void {
  expect([result.connections, result.errors], what).to.deep.equal([40, []]);
  expect(result.udp, `${what}: UDP`).to.be.a('string');
  if (source === undefined) return;
  expect([result.peers, result.udp], `${what}: source address`).to.deep.equal([[source], source]);
}

/** A few at a time, as the machine is small. */
async function each<T>(items: readonly T[], fn: (item: T) => Promise<void>): Promise<void> {
  const queue = [...items];
  const failures: unknown[] = [];
  const work = async () => {
    for (let item = queue.shift(); item !== undefined; item = queue.shift()) await fn(item).catch((error: unknown) => failures.push(error));
  };
  await Promise.all([work(), work(), work()]);
  if (failures.length > 0) throw failures[0];
}

const ping = async (lab: Lab, from: string, to: string) => (await lab.exec(from, ['ping', '-c1', '-W1', to], { timeoutMs: 5000 })).code === 0;

async function sized(lab: Lab, from: string, to: string, bytes: number): Promise<{ passed: boolean; mtu: number | undefined }> {
  const { code, stdout, stderr } = await lab.exec(from, ['ping', '-c2', '-i0.3', '-W1', '-M', 'do', '-s', String(bytes), to], { timeoutMs: 8000 });
  const mtu = /mtu ?= ?(\d+)/.exec(stdout + stderr)?.[1];
  return { passed: code === 0, mtu: mtu === undefined ? undefined : Number(mtu) };
}

interface Hop {
  readonly what: string;
  readonly mtu: number;
  /** Where the MTU is made smaller: of a tunnel device, while the agent is away, or of the route to a pod. */
  readonly nodes: readonly string[];
  readonly dev?: string;
  readonly route?: string;
}

async function learns(lab: Lab, from: string, to: string, { what, mtu, nodes, dev, route }: Hop): Promise<void> {
  const run = async (node: string, words: string) => {
    const { code, stderr } = await lab.exec(node, words.split(' '));
    if (code !== 0) throw new Error(`${node}: ${words}: ${stderr}`);
  };
  const before = new Map<string, string>();
  try {
    for (const node of nodes) {
      if (dev) {
        await lab.stopProcess(`${node}/agent`);
        before.set(node, (await lab.exec(node, ['cat', `/sys/class/net/${dev}/mtu`])).stdout.trim());
        await run(node, `ip link set ${dev} mtu ${mtu}`);
      } else await run(node, `ip route add ${route} dev cni0 mtu ${mtu}`);
    }
    await run(from, `ip route flush cache`);
    await run(from, `ip -6 route flush cache`);
    await eventually(async () => (await sized(lab, from, to, 1452)).mtu === mtu, { message: `${from} learns ${mtu} bytes from ${what}`, timeoutMs: 8000 });
  } finally {
    for (const node of nodes) {
      if (dev) {
        await run(node, `ip link set ${dev} mtu ${before.get(node)}`);
        await lab.startProcess(`${node}/agent`);
      } else await run(node, `ip route del ${route} dev cni0`);
    }
    await run(from, `ip route flush cache`);
    await run(from, `ip -6 route flush cache`);
  }
}
