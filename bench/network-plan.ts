/** The planner alone, on the fleet that the Go original takes 223 s and 1.6 GB for: 20 clusters of 100 nodes, P2P, IPv4. */
import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { Cluster, ClusterNode } from '@kosmos/api';
import { quantile, type Result } from './result.ts';

/** Not in the package's exports: what is measured is inside the plugin. */
const planner = await import('../packages/plugin-network-vxlan/src/plan/planner.ts');
const { networkHooks } = await import('../packages/plugin-network-vxlan/src/contracts.ts');

const CLUSTERS = 20;
const NODES = 100;
const CHANGES = 200;
const ROUNDS = 100;
/** So many rounds pass until V8 has optimised what plans: what an agent does at its start is printed apart. */
const WARM_UP = 50;

export async function run(): Promise<Result[]> {
  const whole = JSON.parse(
    execFileSync(process.execPath, ['--conditions=@kosmos/source', '--expose-gc', fileURLToPath(import.meta.url), 'whole'], {
      encoding: 'utf8',
    }),
  ) as {
    ms: number;
    mb: number;
    routes: number;
  };
  const size = `${CLUSTERS} clusters x ${NODES} nodes, ${whole.routes} routes`;
  const { one, further, remote, own } = changes();
  return [
    { name: 'every plan, from objects', value: whole.ms, unit: 'ms', target: '<= 1000', note: `${size}; a fresh process` },
    {
      name: 'memory of every plan',
      value: whole.mb,
      unit: 'MB',
      target: '<= 150',
      note: 'resident size less that before, objects and planner included',
    },
    {
      name: "one node's plan, from objects",
      value: quantile(one.slice(WARM_UP), 0.5),
      unit: 'ms',
      target: '<= 10',
      note: `p50 of ${ROUNDS}, the ${CLUSTERS * NODES} objects read into a planner of its own each; after ${WARM_UP} that are not counted`,
    },
    { name: "one node's plan, from objects, at first", value: one[0]!, unit: 'ms', note: 'the same once, before anything was compiled' },
    {
      name: "a further cluster's plan, in a planner that has planned",
      value: quantile(further.slice(WARM_UP), 0.5),
      unit: 'ms',
      note: `p50 of ${ROUNDS}`,
    },
    { name: 'after a node of another cluster changed, p50', value: quantile(remote, 0.5), unit: 'ms', target: '<= 1' },
    { name: 'after a node of another cluster changed, p99', value: quantile(remote, 0.99), unit: 'ms' },
    { name: 'after a node of the same cluster changed, p50', value: quantile(own, 0.5), unit: 'ms', target: '<= 1' },
    { name: 'after a node of the same cluster changed, p99', value: quantile(own, 0.99), unit: 'ms' },
  ];
}

function changes(): { one: number[]; further: number[]; remote: number[]; own: number[] } {
  const one: number[] = [];
  const further: number[] = [];
  const given = objects();
  let plans = planner.createPlanner(networkHooks());
  for (let i = 0; i < WARM_UP + ROUNDS; i += 1) {
    one.push(
      timed(() => {
        plans = filled(given);
        plans.planOf('c03-n005');
      }),
    );
    further.push(timed(() => plans.planOf('c04-n005')));
  }
  const after = (cluster: number, nth: number) => {
    const times: number[] = [];
    for (let i = 0; i < CHANGES; i += 1) {
      const changed = node(cluster, nth, i % 2 === 0 ? `10.200.${i}.0/24` : undefined);
      times.push(
        timed(() => {
          plans.setNode(changed);
          plans.planOf('c03-n005');
        }),
      );
    }
    return times;
  };
  return { one, further, remote: after(7, 10), own: after(3, 10) };
}

function timed(fn: () => void): number {
  const start = performance.now();
  fn();
  return performance.now() - start;
}

function filled({ clusters, nodes }: ReturnType<typeof objects>): ReturnType<typeof planner.createPlanner> {
  const plans = planner.createPlanner(networkHooks());
  for (const object of clusters) plans.setCluster(object);
  for (const object of nodes) plans.setNode(object);
  return plans;
}

function objects(): { clusters: Cluster[]; nodes: ClusterNode[] } {
  const numbers = Array.from({ length: CLUSTERS }, (_, c) => c);
  return { clusters: numbers.map(cluster), nodes: numbers.flatMap((c) => Array.from({ length: NODES }, (_, n) => node(c, n))) };
}

const clusterName = (c: number) => `c${String(c).padStart(2, '0')}`;

function cluster(c: number): Cluster {
  return {
    metadata: { name: clusterName(c), uid: '', resourceVersion: '' },
    spec: { clusterLinkOptions: { enable: true, networkType: 'p2p', ipFamily: 'ipv4' } },
    status: { clusterLinkStatus: { podCIDRs: [`10.${c}.0.0/16`], serviceCIDRs: [`172.20.${c}.0/24`] } },
  };
}

function node(c: number, n: number, podCIDR = `10.${c}.${n}.0/24`): ClusterNode {
  const nodeName = `n${String(n).padStart(3, '0')}`;
  return {
    metadata: { name: `${clusterName(c)}-${nodeName}`, uid: '', resourceVersion: '' },
    spec: {
      clusterName: clusterName(c),
      nodeName,
      interfaceName: 'eth0',
      ip: `192.168.${c}.${n + 1}`,
      podCIDRs: [podCIDR],
      roles: n === 0 ? ['gateway'] : [],
    },
  };
}

/** In a process of its own, since memory that others used and freed would hide what this takes. */
function measureWhole(): { ms: number; mb: number; routes: number } {
  globalThis.gc?.();
  const before = process.memoryUsage().rss;
  const start = performance.now();
  const kept = [...filled(objects()).all()];
  const ms = performance.now() - start;
  return { ms, mb: (process.memoryUsage().rss - before) / 1e6, routes: kept.reduce((sum, plan) => sum + plan.routes.length, 0) };
}

if (process.argv[2] === 'whole') process.stdout.write(JSON.stringify(measureWhole()));
