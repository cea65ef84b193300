/** What every mode of the network is held to, with real packets. */
import type { ClusterTopology } from '@kosmos/lab';
import { eventually, needs } from '@kosmos/testing';
import { expect } from 'chai';
import { gatewayNames, type Mode, podIPs, pods, PORT, seen, startMode, type Traffic, traffic, vipOf } from './modes.ts';
import type { Rig } from './rig.ts';

const six = (ip: string) => ip.includes(':');

interface Flow {
  /** `c1/on-n1` */
  readonly from: string;
  /** As the sender's cluster sees it. */
  readonly to: string;
  /** The address that the receiver is to see; undefined: any. */
  readonly source?: string;
}

export function suite(mode: Mode): void {
  const gateways = mode.types.includes('gateway') ? ` by ${mode.gateways} gateway${mode.gateways > 1 ? 's' : ''}` : '';
  describe(`${mode.types.join(', ')}${gateways}; ${mode.families}; ${mode.equal ? 'equal networks, global addresses' : 'networks apart'}${mode.forward ? `; FORWARD dropped by ${mode.forward}` : ''}`, function () {
    this.timeout(180_000);
    let rig: Rig;
    before(needs('root', 'ip', 'bridge', 'nft', 'nsenter', 'ping', ...(mode.forward?.startsWith('iptables') ? [mode.forward] : [])));
    before(async () => {
      rig = await startMode(mode);
      for (const cluster of rig.clusters) {
        for (const pod of pods(cluster)) {
          const answers = async () => (await rig.exec(`${cluster.name}/${pod}`, ['sh', '-c', `grep -q :1B58 /proc/net/tcp6`])).code === 0;
          await eventually(answers, { message: `${cluster.name}/${pod} serves`, timeoutMs: 60_000 });
        }
      }
    });
    after(() => rig?.down());

    it('pods on gateways and off them reach each other both ways, each seen by its own address, and are refused at once by closed ports', async () => {
      await all(rig, podFlows(rig), PORT, ({ closed }, what) => {
        expect(closed!.what, `${what}: closed port`).to.equal('ECONNREFUSED');
        expect(closed!.ms, `${what}: closed port`).to.be.lessThan(1000);
      });
    });

    it('a packet of full size passes undivided', async () => {
      for (const { from, to } of podFlows(rig)) {
        const size = six(to) ? 1430 - 48 : 1450 - 28;
        expect((await sized(rig, from, to, size)).passed, `${size} bytes from ${from} to ${to}`).to.equal(true);
      }
    });

    it('nodes reach pods of other clusters, seen by the address of their own pod bridge', async () => {
      const flows = clusterPairs(rig).flatMap(([a, b]) =>
        [a.nodes[0]!, a.nodes.at(-1)!].flatMap((node) =>
          podIPs(b, pods(b)[1]!).map((ip): Flow => {
            const cidr = node.podCIDRs.find((c) => six(c) === six(ip))!;
            const bridge = six(ip) ? cidr.replace('::/64', '::1') : cidr.replace('.0/24', '.1');
            return { from: `${a.name}/${node.name}`, to: seen(rig, b, ip), source: seen(rig, a, bridge) };
          }),
        ),
      );
      await all(rig, flows, PORT);
    });

    it('pods reach services of other clusters by their cluster address', async () => {
      const flows = clusterPairs(rig).flatMap(([a, b]) =>
        pods(a).flatMap((pod) =>
          pods(b).flatMap((target, i) =>
            podIPs(b, target).map((ip): Flow => ({ from: `${a.name}/${pod}`, to: seen(rig, b, vipOf(b, i, six(ip))) })),
          ),
        ),
      );
      await all(rig, flows, 80);
    });

    it('learns the size that each hop lets pass from that hop', async () => {
      const [a, b] = [rig.clusters[0]!, rig.clusters[1]!];
      for (const to of podIPs(b, pods(b)[1]!)) {
        const dev = (name: string) => (six(to) ? `${name}-6` : name);
        const of = (i: number, cluster: ClusterTopology) =>
          mode.types[i] === 'gateway' ? gatewayNames(mode).map((n) => `${cluster.name}/${n}`) : [];
        await learns(rig, `${a.name}/${pods(a)[1]!}`, seen(rig, b, to), [
          { what: 'the own node', mtu: six(to) ? 1430 : 1450, nodes: [] },
          { what: 'the own gateway', mtu: 1400, nodes: of(0, a), dev: dev('vx-bridge') },
          { what: 'the far gateway', mtu: 1380, nodes: of(1, b), dev: dev('vx-local') },
          { what: 'the far node', mtu: 1360, nodes: [`${b.name}/${b.nodes.at(-1)!.name}`], route: to },
        ]);
      }
    });

    if (mode.equal) {
      it('pods and nodes reach pods of their own cluster by global addresses too', async () => {
        const a = rig.clusters[0]!;
        // A pod that asks for itself needs a CNI that lets frames back to where they came from, as for services.
        const froms = [...pods(a), 'n1', a.nodes.at(-1)!.name];
        const flows = froms.flatMap((from) =>
          pods(a).flatMap((to) =>
            from === to ? [] : podIPs(a, to).map((ip): Flow => ({ from: `${a.name}/${from}`, to: seen(rig, a, ip) })),
          ),
        );
        await all(rig, flows, PORT);
      });
    }

    if (mode.types[0] === 'gateway') {
      it('gateways keep no state of what they forward', async () => {
        const [a, b] = [rig.clusters[0]!, rig.clusters[1]!];
        const [ip] = podIPs(b, pods(b)[1]!) as [string];
        const from = `${a.name}/${pods(a)[1]!}`;
        const flow = rig.exec(from, ['ping', '-c3', '-i0.2', seen(rig, b, ip)]);
        expect((await flow).code).to.equal(0);
        const kept = async (node: string) => (await rig.exec(node, ['grep', '-c', 'icmp', '/proc/net/nf_conntrack'])).stdout.trim();
        expect(await kept(`${a.name}/${a.nodes.at(-1)!.name}`), "on the pod's own node").to.not.equal('0');
        for (const n of gatewayNames(mode)) await rig.exec(`${a.name}/${n}`, ['true']);
        for (const n of gatewayNames(mode)) {
          const { stdout } = await rig.exec(`${a.name}/${n}`, ['cat', '/proc/net/nf_conntrack']);
          const source = podIPs(a, pods(a)[1]!)[0]!;
          expect(
            stdout.split('\n').filter((l) => l.includes(`src=${full(seen(rig, a, source))} dst=${full(seen(rig, b, ip))} `)),
          ).to.deep.equal([]);
        }
      });
    }
  });
}

/** As /proc prints it. */
function full(ip: string): string {
  if (!six(ip)) return ip;
  const [head, tail] = ip.split('::').map((half) => (half === '' ? [] : half.split(':'))) as [string[], string[]];
  return [...head, ...Array.from({ length: 8 - head.length - tail.length }, () => '0'), ...tail].map((g) => g.padStart(4, '0')).join(':');
}

const clusterPairs = (rig: Rig) => rig.clusters.flatMap((a) => rig.clusters.filter((b) => b !== a).map((b) => [a, b] as const));

/** Every pod with every pod of other clusters, in every family. */
function podFlows(rig: Rig): Flow[] {
  return clusterPairs(rig).flatMap(([a, b]) =>
    pods(a).flatMap((from) =>
      pods(b).flatMap((to) =>
        podIPs(b, to).map((ip): Flow => {
          const own = podIPs(a, from).find((other) => six(other) === six(ip))!;
          return { from: `${a.name}/${from}`, to: seen(rig, b, ip), source: seen(rig, a, own) };
        }),
      ),
    ),
  );
}

/** Sends all of it; the flows of one sender one after the other. Throws everything that is wrong. */
async function all(
  rig: Rig,
  flows: readonly Flow[],
  port: number,
  also: (result: Traffic, what: string) => void = () => {},
): Promise<void> {
  const wrong: string[] = [];
  const bySender = Map.groupBy(flows, ({ from }) => from);
  await Promise.all(
    [...bySender].map(async ([from, of]) => {
      const results = await traffic(
        rig,
        from,
        of.map(({ to }) => to),
        port,
      );
      for (const [i, { to, source }] of of.entries()) {
        const what = `${from} to ${to} port ${port}`;
        try {
          complete(results[i]!, source, what);
          also(results[i]!, what);
        } catch (error) {
          wrong.push(`${what}: ${(error as Error).message}; ${JSON.stringify(results[i])}`);
        }
      }
    }),
  );
  if (wrong.length > 0) throw new Error(wrong.join('\n'));
}

function complete({ connections, errors, peers, udp }: Traffic, source: string | undefined, what: string): void {
  expect([connections, errors], what).to.deep.equal([40, []]);
  expect(udp, `${what}: UDP`).to.be.a('string');
  if (source !== undefined) expect([peers, udp], `${what}: source address`).to.deep.equal([[source], source]);
}

async function sized(rig: Rig, from: string, to: string, bytes: number): Promise<{ passed: boolean; mtu: number | undefined }> {
  const { code, stdout, stderr } = await rig.exec(from, ['ping', '-c2', '-i0.2', '-W1', '-M', 'do', '-s', String(bytes), to]);
  const mtu = /mtu ?= ?(\d+)/.exec(stdout + stderr)?.[1];
  return { passed: code === 0, mtu: mtu === undefined ? undefined : Number(mtu) };
}

interface Hop {
  readonly what: string;
  readonly mtu: number;
  /** Where the MTU is made smaller: of a tunnel device, or of the route to a pod. */
  readonly nodes: readonly string[];
  readonly dev?: string;
  readonly route?: string;
}

async function learns(rig: Rig, from: string, to: string, hops: readonly Hop[]): Promise<void> {
  const run = async (node: string, words: string) => {
    const { code, stderr } = await rig.exec(node, words.split(' '));
    if (code !== 0) throw new Error(`${node}: ${words}: ${stderr}`);
  };
  for (const { what, mtu, nodes, dev, route } of hops) {
    if (dev && nodes.length === 0) continue;
    for (const node of nodes) await run(node, dev ? `ip link set ${dev} mtu ${mtu}` : `ip route add ${route} dev cni0 mtu ${mtu}`);
    for (const family of ['-4', '-6']) await run(from, `ip ${family} route flush cache`);
    // What the own node lets pass, or a little more where it is the own node that is to tell.
    const size = (six(to) ? 1430 - 48 : 1450 - 28) + (nodes.length === 0 ? 20 : 0);
    await eventually(
      async () => {
        const said = await sized(rig, from, to, size);
        if (said.mtu !== mtu) throw new Error(`it was told ${said.mtu}`);
        return true;
      },
      { message: `${from} learns ${mtu} bytes from ${what}`, timeoutMs: 15_000 },
    );
    for (const node of nodes) {
      if (dev) await rig.mend(node);
      else await run(node, `ip route del ${route} dev cni0`);
    }
  }
  for (const family of ['-4', '-6']) await run(from, `ip ${family} route flush cache`);
}
