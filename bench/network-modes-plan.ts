/** The planner with every plugin: gateway mode, which the Go original takes 0.79 s for at 20 clusters of 100 nodes, and a fleet of 250 clusters. */
import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { Cluster, ClusterNode } from '@kosmos/api';
import { dualstack } from '@kosmos/plugin-dualstack';
import { gateway } from '@kosmos/plugin-gateway';
import { globalip } from '@kosmos/plugin-globalip';
import { filled, hooksOf } from '../test/support/planner.ts';
import { quantile, type Result } from './result.ts';

const NODES = 100;
const CHANGES = 200;
type Type = 'gateway' | 'p2p';

interface Measured {
  readonly ms: number;
  readonly mb: number;
  readonly routes: number;
  /** One node's plan from objects, and the memory that it takes: what an agent has. */
  readonly one: { readonly ms: number; readonly mb: number };
  readonly remote: readonly number[];
  readonly own: readonly number[];
  readonly bytes: number;
}

export async function run(): Promise<Result[]> {
  return [...results(20, 'gateway'), ...results(250, 'gateway'), ...results(250, 'p2p')];
}

function results(clusters: number, type: Type): Result[] {
  const { ms, mb, routes, one, remote, own, bytes } = inProcess(clusters, type);
  const size = `${clusters} x ${NODES}, ${type}`;
  const targets: Record<string, string> = clusters === 20 ? { whole: '<= 100' } : { change: '<= 2' };
  const target = (name: string) => (targets[name] === undefined ? {} : { target: targets[name] });
  return [
    { name: `${size}: every plan, from objects`, value: ms, unit: 'ms', ...target('whole'), note: `${routes} routes; a fresh process` },
    { name: `${size}: memory of every plan`, value: mb, unit: 'MB', note: 'objects and planner included' },
    { name: `${size}: one node's plan, from objects`, value: one.ms, unit: 'ms', note: 'in the same process before' },
    {
      name: `${size}: memory of one node's plan`,
      value: one.mb,
      unit: 'MB',
      note: 'on the heap; what the planner keeps of the objects included',
    },
    { name: `${size}: after a node of another cluster changed, p50`, value: quantile(remote, 0.5), unit: 'ms', ...target('change') },
    { name: `${size}: after a node of the same cluster changed, p50`, value: quantile(own, 0.5), unit: 'ms', ...target('change') },
    { name: `${size}: an agent reads for a change`, value: bytes, unit: 'bytes', note: 'the ClusterNode as JSON, once' },
  ];
}

/** In a process of its own, since memory that others used and freed would hide what this takes. */
function inProcess(clusters: number, type: Type): Measured {
  const argv = [
    '--conditions=@kosmos/source',
    '--expose-gc',
    '--max-old-space-size=6144',
    fileURLToPath(import.meta.url),
    String(clusters),
    type,
  ];
  return JSON.parse(execFileSync(process.execPath, argv, { encoding: 'utf8', maxBuffer: 2 ** 26 })) as Measured;
}

const clusterName = (c: number) => `c${String(c).padStart(3, '0')}`;
const nodeName = (n: number) => `n${String(n).padStart(3, '0')}`;

function cluster(c: number, networkType: Type): Cluster {
  return {
    metadata: { name: clusterName(c), uid: '', resourceVersion: '' },
    spec: { clusterLinkOptions: { enable: true, networkType, ipFamily: 'ipv4' } },
    status: { clusterLinkStatus: { podCIDRs: [`10.${c}.0.0/16`], serviceCIDRs: [`172.${16 + (c >> 6)}.${(c & 63) * 4}.0/24`] } },
  };
}

function node(c: number, n: number, podCIDR = `10.${c}.${n}.0/24`): ClusterNode {
  return {
    metadata: { name: `${clusterName(c)}-${nodeName(n)}`, uid: '', resourceVersion: '' },
    spec: {
      clusterName: clusterName(c),
      nodeName: nodeName(n),
      interfaceName: 'eth0',
      ip: `192.${100 + (c >> 7)}.${c & 127}.${n + 1}`,
      podCIDRs: [podCIDR],
      roles: n === 0 ? ['gateway'] : [],
    },
  };
}

async function measure(clusters: number, type: Type): Promise<Measured> {
  const hooks = await hooksOf([gateway(), globalip(), dualstack()]);
  const numbers = Array.from({ length: clusters }, (_, c) => c);
  const fleet = {
    clusters: numbers.map((c) => cluster(c, type)),
    nodes: numbers.flatMap((c) => Array.from({ length: NODES }, (_, n) => node(c, n))),
  };
  const timed = (fn: () => void) => {
    const start = performance.now();
    fn();
    return performance.now() - start;
  };
  const memory = (of: 'rss' | 'heapUsed' = 'rss') => {
    globalThis.gc?.();
    return process.memoryUsage()[of] / 1e6;
  };
  const before = memory();
  let plans = filled(hooks, { clusters: [], nodes: [] });
  let routes = 0;
  const ms = timed(() => {
    plans = filled(hooks, fleet);
    for (const plan of plans.all()) routes += plan.routes.length;
  });
  const mb = memory() - before;
  const after = (c: number) =>
    Array.from({ length: CHANGES }, (_, i) => {
      const changed = node(c, 10, i % 2 === 0 ? `10.${c}.${100 + (i % 100)}.0/24` : undefined);
      return timed(() => {
        plans.setNode(changed);
        plans.planOf(`${clusterName(3)}-${nodeName(0)}`);
      });
    });
  const [remote, own] = [after(7), after(3)];
  plans = filled(hooks, { clusters: [], nodes: [] });
  const empty = memory('heapUsed');
  const one = timed(() => {
    plans = filled(hooks, fleet);
    plans.planOf(`${clusterName(3)}-${nodeName(5)}`);
  });
  return { ms, mb, routes, one: { ms: one, mb: memory('heapUsed') - empty }, remote, own, bytes: JSON.stringify(node(7, 10)).length };
}

const [, , size, type] = process.argv;
if (size !== undefined && /^\d+$/.test(size)) process.stdout.write(JSON.stringify(await measure(Number(size), type as Type)));
