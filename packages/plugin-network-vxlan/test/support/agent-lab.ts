/**
 * Two nodes on one underlay in network namespaces, each with a pod, a pod bridge, host-gw routes as a CNI makes them and
 * the masquerade that common CNIs have.
 */
import { spawn } from 'node:child_process';
import { createHostNet, type HostNet } from '@kosmos/hostnet';
import type { NodePlan } from '../../src/plan/types.ts';

let labs = 0;

export interface LabNode {
  readonly net: HostNet;
  readonly netns: string;
  readonly pod: string;
  readonly podIp: string;
  readonly ip: string;
  readonly plan: NodePlan;
}
export interface AgentLab {
  readonly nodes: readonly [LabNode, LabNode];
  down(): Promise<void>;
}

const MACS = ['02:00:00:00:00:01', '02:00:00:00:00:02'] as const;

/** The plan of node `i` (0 or 1), with `far` more routes to the other one. */
export function planOf(i: 0 | 1, far = 0): NodePlan {
  const other = 1 - i;
  const dev = 'vx-bridge';
  const more = Array.from({ length: far }, (_, n) => ({
    cidr: `172.${16 + (n >> 14)}.${(n >> 6) & 255}.${(n & 63) * 4}/30`,
    gw: `220.${100 + (n >> 14)}.${(n >> 6) & 255}.${(n & 63) * 4 + 1}`,
    dev,
  }));
  return {
    node: `c${i}-n`,
    devices: [{ type: 'vxlan', name: dev, addr: `220.101.0.${i + 1}/8`, mac: MACS[i], bindDev: 'eth0', id: 54, port: 4876 }],
    routes: [{ cidr: `10.${other + 1}.0.0/24`, gw: `220.101.0.${other + 1}`, dev }, ...more],
    fdbs: [{ ip: `10.101.0.${other + 1}`, mac: MACS[other]!, dev }],
    arps: [{ ip: `220.101.0.${other + 1}`, mac: MACS[other]!, dev }, ...more.map(({ gw }) => ({ ip: gw, mac: MACS[other]!, dev }))],
    nat: [
      { stage: 'keep', cidr: `10.${i + 1}.0.0/24`, dev },
      { stage: 'masquerade', cidr: `10.96.${i}.0/24`, dev },
    ],
  };
}

/** `prefix` begins the names of its namespaces. */
export async function agentLab(prefix = `kt-${process.pid}-${(labs += 1)}`): Promise<AgentLab> {
  const root = createHostNet();
  const name = (end: string) => `${prefix}-${end}`;
  const all = ['net', 'n0', 'n1', 'p0', 'p1'].map(name);
  const down = async () => void (await root.applyAll(all.map((n) => ({ op: 'deleteNetns', name: n }))));
  try {
    await root.apply(all.map((n) => ({ op: 'addNetns', name: n })));
    const middle = createHostNet({ netns: name('net') });
    await middle.apply([
      { op: 'addLink', name: 'br0', kind: 'bridge' },
      { op: 'setLink', name: 'br0', state: 'up' },
    ]);
    const nodes = await Promise.all(
      ([0, 1] as const).map(async (i): Promise<LabNode> => {
        const net = createHostNet({ netns: name(`n${i}`) });
        const pod = createHostNet({ netns: name(`p${i}`) });
        await net.setSysctl({ family: 'ipv6', conf: 'default', name: 'addr_gen_mode' }, 1); // link-local addresses would come while a test looks
        await net.setSysctl({ family: 'ipv4', conf: 'all', name: 'rp_filter' }, 1);
        await net.setSysctl({ family: 'ipv4', conf: 'default', name: 'rp_filter' }, 1);
        await net.setSysctl({ family: 'ipv4', name: 'ip_forward' }, 1);
        await middle.apply([
          { op: 'addLink', name: `port${i}`, kind: 'veth', peer: { name: 'eth0', netns: name(`n${i}`) } },
          { op: 'setLink', name: `port${i}`, master: 'br0', state: 'up' },
        ]);
        await net.apply([
          { op: 'setLink', name: 'lo', state: 'up' },
          { op: 'setLink', name: 'eth0', state: 'up' },
          { op: 'replaceAddress', address: `10.101.0.${i + 1}/24`, dev: 'eth0' },
          { op: 'replaceRoute', dst: 'default', via: '10.101.0.254', dev: 'eth0' },
          { op: 'addLink', name: 'cni0', kind: 'bridge' },
          { op: 'setLink', name: 'cni0', state: 'up' },
          { op: 'replaceAddress', address: `10.${i + 1}.0.1/24`, dev: 'cni0' },
          { op: 'addLink', name: 'pod0', kind: 'veth', peer: { name: 'eth0', netns: name(`p${i}`) } },
          { op: 'setLink', name: 'pod0', master: 'cni0', state: 'up' },
        ]);
        await pod.apply([
          { op: 'setLink', name: 'lo', state: 'up' },
          { op: 'setLink', name: 'eth0', state: 'up' },
          { op: 'replaceAddress', address: `10.${i + 1}.0.10/24`, dev: 'eth0' },
          { op: 'replaceRoute', dst: 'default', via: `10.${i + 1}.0.1`, dev: 'eth0' },
        ]);
        const mine = `10.${i + 1}.0.0/24`;
        const rules = [{ when: [{ saddr: mine }, { daddr: mine, not: true }], action: 'masquerade' as const }];
        await net.nft({
          replace: [
            { family: 'ip', name: 'cni', chains: [{ name: 'post', hook: { type: 'nat', hook: 'postrouting', priority: 100 }, rules }] },
          ],
        });
        return { net, netns: name(`n${i}`), pod: name(`p${i}`), podIp: `10.${i + 1}.0.10`, ip: `10.101.0.${i + 1}`, plan: planOf(i) };
      }),
    );
    return { nodes: nodes as [LabNode, LabNode], down };
  } catch (error) {
    await down();
    throw error;
  }
}

/** Runs a program in a namespace; resolves with its output and exit code. */
export function inside(netns: string, argv: readonly string[], input = ''): Promise<{ code: number; text: string }> {
  return new Promise((resolve, reject) => {
    const child = spawn('nsenter', [`--net=/run/netns/${netns}`, ...argv], { stdio: 'pipe' });
    let text = '';
    child.stdout.setEncoding('utf8').on('data', (t: string) => (text += t));
    child.stderr.setEncoding('utf8').on('data', (t: string) => (text += t));
    child.once('error', reject);
    child.once('close', (code) => resolve({ code: code ?? 128, text }));
    child.stdin.on('error', () => {});
    child.stdin.end(input);
  });
}

/** All that uninstalling must leave as it was; `ip` without what changes by itself. */
export async function dump(netns: string): Promise<Record<string, string>> {
  const commands = [
    'ip -d link',
    'ip -4 address',
    'ip route show table all',
    'ip rule',
    'ip -6 rule',
    'ip neigh show nud permanent',
    'ip nexthop',
    'bridge fdb',
    'nft list ruleset',
    'iptables-legacy-save',
    'ip6tables-legacy-save',
  ];
  const found = await Promise.all(commands.map(async (c) => [c, (await inside(netns, c.split(' '))).text] as const));
  const sysctls = await inside(netns, [
    'sh',
    '-c',
    'grep -rs . /proc/sys/net/ipv4/ip_forward /proc/sys/net/ipv4/conf /proc/sys/net/ipv6/conf/all | sort',
  ]);
  const steady = (text: string) =>
    text
      .replace(/\w+_timer +\d+\.\d+ ?/g, '')
      .replace(/state (?:UNKNOWN|UP) /g, '')
      .replace(/^#.*$/gm, '')
      .replace(/packets \d+ bytes \d+/g, '')
      .replace(/\[\d+:\d+\]/g, '');
  return Object.fromEntries([...found, ['sysctls', sysctls.text] as const].map(([c, text]) => [c, steady(text)]));
}

/** Lines of one dump that the other lacks; empty when they say the same. `anew`: devices may have been made anew, with another index. */
export function differences(before: Record<string, string>, after: Record<string, string>, anew = false): string[] {
  const lines = (text: string) =>
    (anew ? text.replace(/^\d+: /gm, '').replace(/nhid \d+/g, 'nhid') : text).split('\n').map((l) => l.trim());
  return Object.keys(before).flatMap((command) => {
    const [a, b] = [lines(before[command]!), lines(after[command]!)];
    const lost = a.filter((l) => !b.includes(l)).map((l) => `${command}: - ${l}`);
    return [...lost, ...b.filter((l) => !a.includes(l)).map((l) => `${command}: + ${l}`)];
  });
}
