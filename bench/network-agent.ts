/**
 * What the agent's tunnel costs next to one made by hand in the same namespaces, and how long the agent takes to put routes in
 * place. Two nodes on one wire, a pod behind each.
 */
import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { createHostNet, type HostNet } from '@kosmos/hostnet';
import { eventually } from '@kosmos/testing';
import { quantile, type Result } from './result.ts';

/** Not in the package's exports: what is measured is inside the plugin. */
const { kernelState } = await import('../packages/plugin-network-vxlan/src/agent/kernel-state.ts');
const { removeAll } = await import('../packages/plugin-network-vxlan/src/agent/uninstall.ts');

type Plan = Parameters<ReturnType<typeof kernelState>['hold']>[0];
type End = 0 | 1;
const ENDS = [0, 1] as const;

const ROUNDS = 9;
const SECONDS = 2;
const PINGS = 10_000;
const LOOKS = 5;

const namespace = (kind: 'node' | 'pod', end: End) => `kb-${process.pid}-${kind}${end}`;
const ALL = ENDS.flatMap((end) => [namespace('node', end), namespace('pod', end)]);
const nodeIp = (end: End) => `10.101.0.${end + 1}`;
const podIp = (end: End) => `10.${end + 1}.0.10`;
const overlay = (end: End) => `220.101.0.${end + 1}`;
const mac = (n: number) => `02:00:00:${[n >> 16, (n >> 8) & 255, n & 255].map((b) => b.toString(16).padStart(2, '0')).join(':')}`;
const other = (end: End): End => (end === 0 ? 1 : 0);

export async function run(): Promise<Result[]> {
  for (const [tool, from] of Object.entries({ iperf3: 'iperf3', ping: 'iputils-ping', ip: 'iproute2', nft: 'nftables' })) {
    if (spawnSync(tool, ['-V']).error) fail(`bench: ${tool} is missing; install it: apt-get install ${from}`);
  }
  if (process.getuid?.() !== 0) fail('bench: network namespaces need root; run it as root');
  const root = createHostNet();
  try {
    const nodes = await setUp(root);
    return [...(await tunnels(nodes)), ...onNode(2_000), ...onNode(25_000)];
  } finally {
    await root.applyAll(ALL.map((name) => ({ op: 'deleteNetns', name })));
  }
}

function fail(message: string): never {
  console.error(message);
  process.exit(1);
}

async function setUp(root: HostNet): Promise<[HostNet, HostNet]> {
  await root.apply(ALL.map((name) => ({ op: 'addNetns', name })));
  const nets = ENDS.map((end) => createHostNet({ netns: namespace('node', end) })) as [HostNet, HostNet];
  await nets[0].apply([{ op: 'addLink', name: 'eth0', kind: 'veth', peer: { name: 'eth0', netns: namespace('node', 1) } }]);
  for (const end of ENDS) {
    const net = nets[end];
    await net.setSysctl({ family: 'ipv4', name: 'ip_forward' }, 1);
    await net.apply([
      { op: 'setLink', name: 'eth0', state: 'up' },
      { op: 'replaceAddress', address: `${nodeIp(end)}/24`, dev: 'eth0' },
      { op: 'addLink', name: 'pod0', kind: 'veth', peer: { name: 'eth0', netns: namespace('pod', end) } },
      { op: 'setLink', name: 'pod0', state: 'up' },
      { op: 'replaceAddress', address: `10.${end + 1}.0.1/24`, dev: 'pod0' },
    ]);
    // The MTU that the tunnel leaves, as a CNI would set it: neither tunnel is measured fragmenting.
    await createHostNet({ netns: namespace('pod', end) }).apply([
      { op: 'setLink', name: 'eth0', state: 'up', mtu: 1450 },
      { op: 'replaceAddress', address: `${podIp(end)}/24`, dev: 'eth0' },
      { op: 'replaceRoute', dst: 'default', via: `10.${end + 1}.0.1`, dev: 'eth0' },
    ]);
  }
  return nets;
}

/** A node's plan as a fleet of `far` more nodes would make it: a route, a next hop, a neighbour and a forwarding entry for each. */
function planOf(end: End, far = 0): Plan {
  const dev = 'vx-bridge';
  const peer = other(end);
  const more = Array.from({ length: far }, (_, n) => ({
    cidr: `${11 + (n >> 14)}.${(n >> 6) & 255}.${(n & 63) * 4}.0/24`,
    gw: `220.${110 + (n >> 14)}.${(n >> 6) & 255}.${(n & 63) * 4 + 1}`,
    ip: `172.${20 + (n >> 14)}.${(n >> 6) & 255}.${(n & 63) * 4 + 1}`,
    mac: mac(n + 16),
  }));
  const hops = [{ cidr: `10.${peer + 1}.0.0/24`, gw: overlay(peer), ip: nodeIp(peer), mac: mac(peer + 1) }, ...more];
  return {
    node: `c${end}-n`,
    devices: [{ type: 'vxlan', name: dev, addr: `${overlay(end)}/8`, mac: mac(end + 1), bindDev: 'eth0', id: 54, port: 4876 }],
    routes: hops.map(({ cidr, gw }) => ({ cidr, gw, dev })),
    fdbs: hops.map(({ ip, mac: of }) => ({ ip, mac: of, dev })),
    arps: hops.map(({ gw, mac: of }) => ({ ip: gw, mac: of, dev })),
    nat: [
      { stage: 'keep', cidr: `10.${end + 1}.0.0/24`, dev },
      { stage: 'masquerade', cidr: `10.96.${end}.0/24`, dev },
    ],
  };
}

async function byKosmos(nodes: readonly [HostNet, HostNet]): Promise<() => Promise<void>> {
  await Promise.all(ENDS.map((end) => kernelState(nodes[end]).hold(planOf(end), { ip: nodeIp(end) })));
  return async () => void (await Promise.all(nodes.map((net) => removeAll(net))));
}

/** The same tunnel as an administrator would type it: main table, no rule, no nexthop object, no nft. */
async function byHand(): Promise<() => Promise<void>> {
  for (const end of ENDS) {
    const peer = other(end);
    ip(end, `link add hand type vxlan id 54 dstport 4876 local ${nodeIp(end)} dev eth0 nolearning`);
    ip(end, `link set hand address ${mac(end + 1)} mtu 1450 up`);
    ip(end, `address add ${overlay(end)}/8 dev hand`);
    ip(end, `neighbour add ${overlay(peer)} lladdr ${mac(peer + 1)} dev hand nud permanent`);
    ip(end, `route add 10.${peer + 1}.0.0/24 via ${overlay(peer)} dev hand onlink`);
    tool('bridge', end, `fdb add ${mac(peer + 1)} dev hand dst ${nodeIp(peer)} self permanent`);
  }
  return async () => ENDS.forEach((end) => ip(end, 'link delete hand'));
}

const ip = (end: End, words: string) => tool('ip', end, words);
function tool(name: 'ip' | 'bridge', end: End, words: string): void {
  const { status, stderr } = spawnSync(name, ['-n', namespace('node', end), ...words.split(' ')], { encoding: 'utf8' });
  if (status !== 0) throw new Error(`${name} ${words}: ${stderr}`);
}

/** What most CNIs have on every node, and the lab's nodes too: it makes the kernel track connections, which costs whoever tunnels. */
async function masquerade(nodes: readonly HostNet[]): Promise<() => Promise<void>> {
  const table = { family: 'ip', name: 'cni' } as const;
  const rules = [{ when: [{ saddr: '10.0.0.0/8' }, { daddr: '10.0.0.0/8', not: true }], action: 'masquerade' as const }];
  const chains = [{ name: 'post', hook: { type: 'nat', hook: 'postrouting', priority: 100 }, rules }] as const;
  await Promise.all(nodes.map((net) => net.nft({ replace: [{ ...table, chains }] })));
  return async () => void (await Promise.all(nodes.map((net) => net.nft({ delete: [table] }))));
}

interface Way {
  readonly name: string;
  /** Resolves with what takes it down. */
  readonly make: () => Promise<() => Promise<void>>;
  readonly gbit: number[];
  readonly us: number[];
}

/** In turns, and each goes first as often as the others, so that whatever else the machine does meets all. */
async function tunnels(nodes: readonly [HostNet, HostNet]): Promise<Result[]> {
  const way = (name: string, make: Way['make']): Way => ({ name, make, gbit: [], us: [] });
  const onCni = (make: Way['make']) => async () => {
    const removes = [await masquerade(nodes), await make()];
    return async () => void (await Promise.all(removes.map((remove) => remove())));
  };
  const kosmos = way(
    'by Kosmos',
    onCni(() => byKosmos(nodes)),
  );
  const hand = way('VXLAN by hand', onCni(byHand));
  const bare = way('VXLAN by hand, nodes without a CNI', byHand);
  const ways = [kosmos, hand, bare];
  const server = spawn('nsenter', inPod(1, ['iperf3', '-s']), { stdio: 'ignore' });
  try {
    for (let round = 0; round < ROUNDS; round += 1) {
      for (let turn = 0; turn < ways.length; turn += 1) {
        const { make, gbit, us } = ways[(round + turn) % ways.length]!;
        const remove = await make();
        await eventually(async () => (await inside(0, ['ping', '-c', '1', '-W', '1', podIp(1)])).code === 0, { message: 'pod to pod' });
        gbit.push(await throughput(server));
        us.push(await roundTrip());
        await remove();
      }
    }
  } finally {
    server.kill();
  }
  const median = (values: readonly number[]) => quantile(values, 0.5);
  const spread = (values: readonly number[]) => `${Math.min(...values).toPrecision(3)} to ${Math.max(...values).toPrecision(3)}`;
  const result = (what: 'gbit' | 'us', name: string, unit: string, note: string) =>
    ways.map((w): Result => ({ name: `${name}, ${w.name}`, value: median(w[what]), unit, note: `${note} (${spread(w[what])})` }));
  const ratio = (name: string, value: number, target?: string): Result => ({ name, value, unit: 'ratio', ...(target && { target }) });
  return [
    ...result('gbit', 'pod to pod TCP', 'Gbit/s', `median of ${ROUNDS} runs of ${SECONDS} s, in turns`),
    ratio('throughput, Kosmos to by hand', median(kosmos.gbit) / median(hand.gbit), '>= 0.95'),
    ratio('throughput, Kosmos to by hand on nodes without a CNI', median(kosmos.gbit) / median(bare.gbit)),
    ...result('us', 'pod to pod round trip', 'us', `median of ${ROUNDS} runs of ${PINGS} pings, one after the other`),
    ratio('round trip, by hand to Kosmos', median(hand.us) / median(kosmos.us), '>= 0.95'),
    ratio('round trip, by hand on nodes without a CNI to Kosmos', median(bare.us) / median(kosmos.us)),
  ];
}

async function throughput(server: ChildProcess): Promise<number> {
  const ran = await eventually(
    async () => {
      if (server.exitCode !== null) throw new Error(`iperf3 -s ended with ${server.exitCode}`);
      const done = await inside(0, ['iperf3', '-c', podIp(1), '-t', String(SECONDS), '-J']);
      return done.code === 0 && done;
    },
    { message: 'iperf3', timeoutMs: 15_000 },
  );
  const report = JSON.parse(ran.text) as { end: { sum_received: { bits_per_second: number } } };
  return report.end.sum_received.bits_per_second / 1e9;
}

/** In microseconds: from one request to the next, which goes out as soon as the answer is there. ping's own times are whole microseconds. */
async function roundTrip(): Promise<number> {
  const { text } = await inside(0, ['ping', '-f', '-q', '-c', String(PINGS), podIp(1)]);
  const [, received, ms] = /, (\d+) received.* time (\d+)ms/.exec(text) ?? [];
  if (Number(received) !== PINGS) throw new Error(`pings were lost: ${text}`);
  return (Number(ms) * 1000) / PINGS;
}

const inPod = (end: End, argv: readonly string[]) => [`--net=/run/netns/${namespace('pod', end)}`, ...argv];
function inside(end: End, argv: readonly string[]): Promise<{ code: number | null; text: string }> {
  return new Promise((resolve, reject) => {
    const child = spawn('nsenter', inPod(end, argv), { stdio: ['ignore', 'pipe', 'ignore'] });
    let text = '';
    child.stdout.setEncoding('utf8').on('data', (t: string) => (text += t));
    child.once('error', reject);
    child.once('close', (code) => resolve({ code, text }));
  });
}

/** In a process of its own inside the node's namespace, as an agent has it. */
function onNode(routes: number): Result[] {
  const argv = [process.execPath, '--conditions=@kosmos/source', fileURLToPath(import.meta.url), String(routes)];
  const out = execFileSync('nsenter', [`--net=/run/netns/${namespace('node', 0)}`, ...argv], { encoding: 'utf8' });
  return JSON.parse(out) as Result[];
}

/** From an empty kernel, again with a new agent's eyes, which finds nothing to do, and one route more. */
async function applying(routes: number): Promise<Result[]> {
  /** When the last of all changes was in the kernel. */
  let inKernel = 0;
  const { applyAll, ...rest } = createHostNet();
  const net: HostNet = {
    ...rest,
    async applyAll(...args) {
      const refused = await applyAll(...args);
      inKernel = performance.now();
      return refused;
    },
  };
  const plan = planOf(0, routes - 1);
  const state = kernelState(net);
  const look = async (of = state) => {
    const from = performance.now();
    const { written, problems, refused } = await of.hold(plan, { ip: nodeIp(0) });
    if (problems.length + refused.length > 0) throw new Error(`not applied: ${JSON.stringify([...problems, ...refused].slice(0, 3))}`);
    return { ms: performance.now() - from, written };
  };
  const typed = byBatch(plan);
  try {
    const begin = performance.now();
    const first = await look();
    const applied = inKernel - begin;
    const again = await look(kernelState(net));
    const full: number[] = [];
    for (let i = 0; i < LOOKS; i += 1) full.push((await look()).ms);
    const more = { cidr: '10.99.9.0/24', gw: plan.routes[0]!.gw, dev: plan.routes[0]!.dev };
    const from = performance.now();
    const written = await state.change({ ...plan, routes: [...plan.routes, more] }, { ip: nodeIp(0) });
    const changed = performance.now() - from;
    if (written === 0) throw new Error('the change was not written at once');
    const target = (value: string) => (routes >= 25_000 ? { target: value } : {});
    if (again.written !== 0) throw new Error(`${again.written} changes were written though nothing changed`);
    const of = `${routes.toLocaleString('en')} routes`;
    return [
      {
        name: `${of} into an empty kernel`,
        value: applied,
        unit: 'ms',
        ...target('<= 1500'),
        note: `${first.written} changes, next hops, neighbours and fdb included, until the last is in the kernel`,
      },
      { name: `${of} into an empty kernel, and a look that finds them all`, value: first.ms, unit: 'ms' },
      {
        name: `${of}, the same lines given to ip -batch and bridge -batch by hand`,
        value: typed,
        unit: 'ms',
        note: 'four files, one after the other, and no look',
      },
      { name: `${of}, the agent to by hand`, value: applied / typed, unit: 'ratio' },
      { name: `${of}, one more: until it is in the kernel`, value: changed, unit: 'ms', ...target('<= 50') },
      {
        name: `${of}, a full look`,
        value: quantile(full, 0.5),
        unit: 'ms',
        ...target('<= 300'),
        note: `the agent that applied them reads, compares and writes nothing; median of ${LOOKS}`,
      },
      { name: `${of}, nothing to do`, value: again.ms, unit: 'ms', note: 'a new agent reads, compares and writes nothing' },
    ];
  } finally {
    await removeAll(net);
  }
}

/** What an administrator would do with the plan. Returns how long the tools take for it, in ms. */
function byBatch({ devices, routes, arps, fdbs }: Plan): number {
  const run = (file: string, words: readonly string[], input = '') => {
    const { status, stderr } = spawnSync(file, words, { input, encoding: 'utf8' });
    if (status !== 0) throw new Error(`${file} ${words.join(' ')}: ${stderr}`);
  };
  const { name, id, port, addr, mac: own } = devices[0]!;
  run('ip', `link add ${name} address ${own} type vxlan id ${id} dstport ${port} local ${nodeIp(0)} dev eth0 nolearning`.split(' '));
  run('ip', ['address', 'add', addr, 'dev', name]);
  run('ip', ['link', 'set', name, 'up']);
  const lines = (of: readonly string[]) => `${of.join('\n')}\n`;
  const hops = new Map(arps.map(({ ip: via }, n) => [via, n + 1]));
  const batches = [
    ['ip', lines(arps.map((a) => `neighbour add ${a.ip} lladdr ${a.mac} dev ${a.dev} nud permanent`))],
    ['bridge', lines(fdbs.map((f) => `fdb add ${f.mac} dev ${f.dev} dst ${f.ip} self permanent`))],
    ['ip', lines([...hops].map(([via, n]) => `nexthop add id ${n} via ${via} dev ${name} onlink`))],
    ['ip', lines(routes.map((r) => `route add ${r.cidr} nhid ${hops.get(r.gw)} table 200`))],
  ] as const;
  const from = performance.now();
  for (const [file, input] of batches) run(file, ['-batch', '-'], input);
  const ms = performance.now() - from;
  run('ip', ['link', 'delete', name]);
  return ms;
}

if (/^\d+$/.test(process.argv[2] ?? '')) process.stdout.write(JSON.stringify(await applying(Number(process.argv[2]))));
