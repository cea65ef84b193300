/** How fast a change reaches another node's kernel, and what an agent costs while nothing happens; in a lab of two clusters. */
import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { ClusterNodeKind } from '@kosmos/api';
import { type Lab, startLab } from '@kosmos/lab';
import { eventually } from '@kosmos/testing';
import { timesReady } from '../test/support/network.ts';
import { quantile, type Result } from './result.ts';

const CHANGES = 50;
/** Between changes, long enough for an agent to have looked at what it wrote. */
const APART_MS = 1000;

export async function run(): Promise<Result[]> {
  const lab = await startLab({ name: 'bench', config: 'examples/p2p/kosmos.config.ts' });
  try {
    await eventually(async () => (await routes(lab)).includes('10.2.2.0/24'), { message: 'the network is ready', timeoutMs: 20_000 });
    return [...(await latency(lab)), ...(await startUp(lab)), ...(await idle(lab))];
  } finally {
    await lab.down();
  }
}

const routes = async (lab: Lab) => (await lab.exec('c1/n1', ['ip', 'route', 'show', 'table', '200'])).stdout;

/** A ClusterNode is written with another podCIDR each time; `ip monitor` tells when the route is in the kernel of c1/n1. */
async function latency(lab: Lab): Promise<Result[]> {
  const host = lab.client('c1');
  await lab.stopProcess('manager'); // it would put the inventory right at once
  const [file, ...args] = lab.command('c1/n1', ['ip', 'monitor', 'route']) as [string, ...string[]];
  const monitor = spawn(file, args, { stdio: ['ignore', 'pipe', 'ignore'] });
  const seen = new Map<string, number>();
  createInterface({ input: monitor.stdout }).on('line', (line) => {
    const added = /^(\d+\.\d+\.\d+\.0\/24) /.exec(line)?.[1];
    if (added && !seen.has(added)) seen.set(added, performance.now());
  });
  const before = await lab.client('c1').get(ClusterNodeKind, 'c2-n2');
  const writesBefore = await versions(lab);
  const changes = async (net: number, apartMs: number) => {
    const times: number[] = [];
    for (let i = 0; i < CHANGES; i += 1) {
      const podCIDR = `10.${net}.${i}.0/24`;
      const written = performance.now();
      await host.patch(ClusterNodeKind, 'c2-n2', { spec: { podCIDRs: [podCIDR] } });
      await eventually(() => seen.has(podCIDR), { message: `a route to ${podCIDR}`, intervalMs: 1 });
      times.push((seen.get(podCIDR) as number) - written);
      await sleep(apartMs);
    }
    return times;
  };
  try {
    const [apart, dense] = [await changes(77, APART_MS), await changes(78, 0)];
    const others = Object.entries(await versions(lab)).filter(
      ([name, version]) => name !== 'c2-n2' && writesBefore[name] !== version,
    ).length;
    return [
      ...quantiles(apart, `${CHANGES} changes, ${APART_MS} ms apart; the write's own time included`),
      ...quantiles(dense, `${CHANGES} changes, each as soon as the one before is there, while the agent still checks that one`),
      { name: 'ClusterNodes of other nodes written meanwhile', value: others, unit: 'objects', target: '= 0' },
    ];
  } finally {
    monitor.kill();
    await host.patch(ClusterNodeKind, 'c2-n2', { spec: { podCIDRs: before?.spec?.podCIDRs } });
    await lab.startProcess('manager');
  }
}

function quantiles(times: readonly number[], note: string): Result[] {
  return [0.5, 0.99].map((share) => ({
    name: `ClusterNode written to route in another kernel, p${share * 100}`,
    value: quantile(times, share),
    unit: 'ms',
    note,
  }));
}

async function versions(lab: Lab): Promise<Record<string, string>> {
  const nodes = await lab.client('c1').list(ClusterNodeKind);
  return Object.fromEntries(nodes.map((n) => [n.metadata.name, n.metadata.resourceVersion]));
}

async function startUp(lab: Lab): Promise<Result[]> {
  const times: number[] = [];
  for (let i = 0; i < 5; i += 1) {
    await lab.stopProcess('c1/n1/agent');
    const since = performance.now();
    const before = timesReady(lab, 'c1/n1/agent');
    await lab.startProcess('c1/n1/agent');
    await eventually(() => timesReady(lab, 'c1/n1/agent') > before, { message: 'the agent is ready', intervalMs: 2 });
    times.push(performance.now() - since);
  }
  return [{ name: 'agent: process started to ready', value: quantile(times, 0.5), unit: 'ms', note: 'median of 5, from sources' }];
}

async function idle(lab: Lab): Promise<Result[]> {
  const agents = (await lab.status()).processes.filter((p) => p.name.endsWith('/agent'));
  return [
    {
      name: 'agent: resident memory, idle',
      value: quantile(
        agents.map((a) => (a.rss ?? 0) / 2 ** 20),
        0.5,
      ),
      unit: 'MiB',
    },
  ];
}
