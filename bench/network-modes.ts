/**
 * What the modes of the network cost next to a VXLAN made by hand on the same path, between the same pods: P2P, gateway, and
 * gateway with global addresses. Throughput and connections per second, in turns.
 */
import { eventually } from '@kosmos/testing';
import { type Mode, podIPs, pods, seen, startMode } from '../test/support/modes.ts';
import type { Rig } from '../test/support/rig.ts';
import { quantile, type Result } from './result.ts';

const ROUNDS = 5;
const SECONDS = 2;
const CONNECTIONS = 2000;

const MODES: readonly { readonly name: string; readonly mode: Mode; readonly target: string }[] = [
  { name: 'P2P', mode: { types: ['p2p', 'p2p'], gateways: 1, families: 'ipv4' }, target: '>= 0.95' },
  { name: 'gateway', mode: { types: ['gateway', 'gateway'], gateways: 1, families: 'ipv4' }, target: '>= 0.9' },
  {
    name: 'gateway with global addresses',
    mode: { types: ['gateway', 'gateway'], gateways: 1, families: 'ipv4', equal: true },
    target: '>= 0.9',
  },
];

export async function run(): Promise<Result[]> {
  const results: Result[] = [];
  for (const { name, mode, target } of MODES) {
    // The hand-made one is the same rig without a plan: clusters whose networks are apart, since it translates nothing.
    const kosmos = await startMode(mode);
    const hand = await startMode({ ...mode, equal: false });
    try {
      await byHand(hand, mode.types[0] === 'gateway');
      const ways = [
        { rig: kosmos, gbit: [] as number[], cps: [] as number[] },
        { rig: hand, gbit: [] as number[], cps: [] as number[] },
      ];
      for (const { rig } of ways) await serve(rig);
      for (let round = 0; round < ROUNDS; round += 1) {
        for (const way of round % 2 === 0 ? ways : ways.toReversed()) {
          way.gbit.push(await throughput(way.rig));
          way.cps.push(await connections(way.rig));
        }
      }
      const [ours, theirs] = ways.map((w) => ({ gbit: quantile(w.gbit, 0.5), cps: quantile(w.cps, 0.5) })) as [Figures, Figures];
      const note = `median of ${ROUNDS} runs, in turns`;
      results.push(
        { name: `${name}: pod to pod TCP`, value: ours.gbit, unit: 'Gbit/s', note },
        { name: `${name}: the same path by hand`, value: theirs.gbit, unit: 'Gbit/s' },
        { name: `${name}: throughput to by hand`, value: ours.gbit / theirs.gbit, unit: 'ratio', target },
        { name: `${name}: connections`, value: ours.cps, unit: '1/s', note: `${CONNECTIONS} one after the other, ${note}` },
        { name: `${name}: connections to by hand`, value: ours.cps / theirs.cps, unit: 'ratio', target },
      );
    } finally {
      await Promise.all([kosmos.down(), hand.down()]);
    }
  }
  return results;
}

interface Figures {
  readonly gbit: number;
  readonly cps: number;
}

/** Takes Kosmos away and types the tunnels in, as an administrator would: main table, no rule, no nft of ours; the CNI stays, but does not masquerade to the other cluster. */
async function byHand(rig: Rig, gateway: boolean): Promise<void> {
  const [a, b] = rig.clusters as [Rig['clusters'][number], Rig['clusters'][number]];
  for (const cluster of rig.clusters) for (const node of cluster.nodes) await rig.remove(`${cluster.name}/${node.name}`);
  const mac = (n: number) => `02:00:00:00:01:0${n}`;
  let number = 0;
  const link = async (x: string, y: string, xIp: string, yIp: string, vni: number, xTo: string, yTo: string) => {
    const dev = `hand${vni}`;
    const ends = [
      { node: x, ip: xIp, peer: yIp, own: (number += 1), other: number + 1, to: xTo },
      { node: y, ip: yIp, peer: xIp, own: number + 1, other: number, to: yTo },
    ];
    number += 1;
    for (const { node, ip, peer, own, other, to } of ends) {
      const overlay = (n: number) => `221.0.${vni}.${n}`;
      for (const words of [
        `ip link add ${dev} type vxlan id ${vni} dstport ${4700 + vni} local ${ip} dev eth0 nolearning`,
        `ip link set ${dev} address ${mac(own)} mtu 1450 up`,
        `ip address add ${overlay(own)}/24 dev ${dev}`,
        `ip neighbour add ${overlay(other)} lladdr ${mac(other)} dev ${dev} nud permanent`,
        `bridge fdb add ${mac(other)} dev ${dev} dst ${peer} self permanent`,
        ...to.split(',').map((cidr) => `ip route replace ${cidr} via ${overlay(other)} dev ${dev} onlink`),
        `nft insert rule ip cni post oifname ${dev} accept`,
        `sysctl -qw net.ipv4.conf.${dev}.rp_filter=2`,
      ]) {
        const ran = await rig.exec(node, words.split(' '));
        if (ran.code !== 0) throw new Error(`${node}: ${words}: ${ran.stderr}`);
      }
    }
  };
  const [aGate, aInner, bGate, bInner] = [a.nodes[0]!, a.nodes.at(-1)!, b.nodes[0]!, b.nodes.at(-1)!];
  if (!gateway)
    return link(`${a.name}/${aInner.name}`, `${b.name}/${bInner.name}`, aInner.address, bInner.address, 11, bInner.podCIDR, aInner.podCIDR);
  await link(`${a.name}/${aInner.name}`, `${a.name}/${aGate.name}`, aInner.address, aGate.address, 12, b.podCIDR, aInner.podCIDR);
  await link(`${a.name}/${aGate.name}`, `${b.name}/${bGate.name}`, aGate.address, bGate.address, 13, b.podCIDR, a.podCIDR);
  await link(`${b.name}/${bInner.name}`, `${b.name}/${bGate.name}`, bInner.address, bGate.address, 14, a.podCIDR, bInner.podCIDR);
}

const client = (rig: Rig) => `${rig.clusters[0]!.name}/${pods(rig.clusters[0]!)[1]!}`;
const server = (rig: Rig) => `${rig.clusters[1]!.name}/${pods(rig.clusters[1]!)[1]!}`;
const target = (rig: Rig) => seen(rig, rig.clusters[1]!, podIPs(rig.clusters[1]!, pods(rig.clusters[1]!)[1]!)[0]!);

async function serve(rig: Rig): Promise<void> {
  rig.serve(server(rig), ['iperf3', '-s']);
  rig.serve(server(rig), [process.execPath, '-e', "require('net').createServer((s) => s.end('x').on('error', () => {})).listen(7100)"]);
  await eventually(async () => (await connections(rig, 1)) > 0, { message: 'the server answers', timeoutMs: 30_000 });
}

async function throughput(rig: Rig): Promise<number> {
  const ran = await eventually(
    async () => {
      const done = await rig.exec(client(rig), ['iperf3', '-c', target(rig), '-t', String(SECONDS), '-J']);
      return done.code === 0 && done;
    },
    { message: 'iperf3', timeoutMs: 20_000 },
  );
  return (JSON.parse(ran.stdout) as { end: { sum_received: { bits_per_second: number } } }).end.sum_received.bits_per_second / 1e9;
}

async function connections(rig: Rig, count = CONNECTIONS): Promise<number> {
  const script = `const { connect } = require('net'); let left = ${count}; const from = performance.now();
    const next = () => { if (left-- === 0) { console.log(${count} / ((performance.now() - from) / 1000)); process.exit(); }
    connect({ host: '${target(rig)}', port: 7100 }).on('error', () => process.exit(1)).resume().on('close', next); }; next(); setTimeout(() => process.exit(1), 20000);`;
  return Number((await rig.exec(client(rig), [process.execPath, '-e', script])).stdout || 0);
}
