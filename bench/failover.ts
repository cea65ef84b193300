/** What each failure costs traffic that goes through gateways: packets lost at 1,000 a second, and the longest gap of a TCP connection. */
import { ANNOTATIONS, ClusterKind } from '@kosmos/api';
import type { Lab } from '@kosmos/lab';
import { cleanUp, eventually } from '@kosmos/testing';
import { Flow, type Loss, podIP, reaches, timesReady } from '../test/support/network.ts';
import { gateways, startSpares, usedBy } from '../test/support/spares.ts';
import { quantile, type Result } from './result.ts';

const RUNS = 20;
/** Of what is to cost no packet. */
const QUIET_RUNS = 5;
const INTERVAL_MS = 1;

interface Happening {
  readonly name: string;
  readonly runs: number;
  /** Targets: of lost datagrams, and of the longest gaps in ms. */
  readonly lost?: string;
  readonly udp?: string;
  readonly tcp?: string;
  /** Returns what brings everything back. */
  begin(lab: Lab): Promise<() => Promise<void>>;
}

const GATEWAY = { runs: RUNS, udp: '<= 1500', tcp: '<= 3000' };
const NOTHING = { runs: QUIET_RUNS, lost: '= 0' };

/** The gateway of c2 that c1's gateway sends to. */
async function farGateway(lab: Lab): Promise<{ own: string; far: string }> {
  const own = (await usedBy(lab, 'c1/n3', 'c1'))!;
  return { own, far: (await usedBy(lab, `c1/${own}`, 'c2'))! };
}

const HAPPENINGS: readonly Happening[] = [
  {
    name: 'the far gateway node dies',
    ...GATEWAY,
    async begin(lab) {
      const { far } = await farGateway(lab);
      await lab.killNode('c2', far);
      return () => lab.startNode('c2', far);
    },
  },
  {
    name: 'the own gateway node dies',
    ...GATEWAY,
    async begin(lab) {
      const { own } = await farGateway(lab);
      await lab.killNode('c1', own);
      return () => lab.startNode('c1', own);
    },
  },
  {
    name: "the far gateway's link goes down",
    ...GATEWAY,
    async begin(lab) {
      const { far } = await farGateway(lab);
      const link = (state: string) => lab.exec(`c2/${far}`, ['ip', 'link', 'set', 'eth0', state]);
      const { stdout } = await lab.exec(`c2/${far}`, ['ip', '-o', 'route', 'show', 'default']);
      await link('down');
      return async () => {
        await link('up');
        // With its link a host loses its default route, which its network manager would put back.
        await lab.exec(`c2/${far}`, ['ip', 'route', 'replace', ...stdout.trim().split(/\s+/)]);
      };
    },
  },
  {
    name: 'the path between two gateways is cut',
    ...GATEWAY,
    async begin(lab) {
      const { own, far } = await farGateway(lab);
      await lab.cut(`c1/${own}`, `c2/${far}`);
      return () => lab.heal();
    },
  },
  {
    name: 'the far gateway is moved',
    ...NOTHING,
    async begin(lab) {
      const { far } = await farGateway(lab);
      const other = far === 'n1' ? 'n2' : 'n1';
      const wish = (node: string | null) =>
        lab.client('c1').patch(ClusterKind, 'c2', { metadata: { annotations: { [ANNOTATIONS.preferredGateway]: node } } });
      await wish(`c2-${other}`);
      await eventually(async () => (await farGateway(lab)).far === other, { message: `${other} is used` });
      return async () => void (await wish(null));
    },
  },
  {
    name: "the far gateway's agent is killed",
    ...NOTHING,
    async begin(lab) {
      const { far } = await farGateway(lab);
      await lab.kill(`c2/${far}/agent`);
      return async () => {};
    },
  },
  {
    name: 'manager and API server stop',
    ...NOTHING,
    async begin(lab) {
      await Promise.all([lab.stopProcess('manager'), lab.stopProcess('c1/apiserver')]);
      return async () => {
        await lab.startProcess('c1/apiserver');
        await lab.startProcess('manager');
      };
    },
  },
];

export async function run(): Promise<Result[]> {
  try {
    const lab = await startSpares();
    const results: Result[] = [];
    for (const happening of HAPPENINGS) results.push(...(await cost(lab, happening)));
    return results;
  } finally {
    await cleanUp();
  }
}

async function cost(lab: Lab, { name, runs, lost, udp, tcp, begin }: Happening): Promise<Result[]> {
  const losses: Loss[] = [];
  for (let run = 0; run < runs; run += 1) {
    await settled(lab);
    const flow = await Flow.start(lab, 'c1/probe', podIP(lab, 'c2/probe'), INTERVAL_MS);
    const back = await begin(lab);
    await reaches(lab, 'c1/probe', podIP(lab, 'c2/probe'), 20_000);
    losses.push(await flow.stop());
    await back();
    await restartAgents(lab);
  }
  const figure = (what: string, values: readonly number[], unit: string, target?: string): Result => ({
    name: `${name}: ${what}, p99`,
    value: quantile(values, 0.99),
    unit,
    ...(target && { target }),
    note: `p50 ${quantile(values, 0.5)}, worst ${Math.max(...values)} of ${runs}`,
  });
  const broken = losses.filter((loss) => loss.tcp.broken !== undefined).length;
  return [
    figure(
      `datagrams lost of those sent ${1000 / INTERVAL_MS} a second`,
      losses.map((l) => l.sent - l.received),
      'datagrams',
      lost,
    ),
    figure(
      'longest time without a datagram',
      losses.map((l) => l.longestGapMs),
      'ms',
      udp,
    ),
    figure(
      'longest gap of a TCP connection',
      losses.map((l) => l.tcp.longestGapMs),
      'ms',
      tcp,
    ),
    { name: `${name}: TCP connections broken`, value: broken, unit: `of ${runs}`, target: '= 0' },
  ];
}

/** What dies again and again is trusted ever later; agents that are new remember no death. */
async function restartAgents(lab: Lab): Promise<void> {
  const agents = lab.clusters.flatMap((c) => c.nodes.map((n) => `${c.name}/${n.name}/agent`));
  const before = agents.map((agent) => timesReady(lab, agent));
  await Promise.all(agents.map((agent) => lab.kill(agent)));
  await eventually(() => agents.every((agent, i) => timesReady(lab, agent) > before[i]!), { message: 'agents are ready again' });
}

/** All gateways are elected and in the same order as they are used, on either side. */
async function settled(lab: Lab): Promise<void> {
  await eventually(
    async () => {
      const [[one], [two]] = await Promise.all([gateways(lab, 'c1'), gateways(lab, 'c2')]);
      return (
        (await usedBy(lab, 'c1/n3', 'c1')) === one &&
        (await usedBy(lab, `c1/${one}`, 'c2')) === two &&
        (await usedBy(lab, 'c2/n3', 'c2')) === two
      );
    },
    { message: 'both clusters use their first gateway', timeoutMs: 120_000, intervalMs: 250 },
  );
  await reaches(lab, 'c1/probe', podIP(lab, 'c2/probe'), 20_000);
}
