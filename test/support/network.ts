/** What the end-to-end tests ask of a lab with Kosmos in it: pods to send from and to, packets counted, what a node's kernel holds. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import type { Kind, KObject } from '@kosmos/kernel';
import type { Lab } from '@kosmos/lab';
import { eventually, startTestLab } from '@kosmos/testing';

export const CONFIG = resolve('examples/p2p/kosmos.config.ts');
const PROBE_PORT = 9000;
/** Sends back what it gets; `Flow` sends to it. */
export const PROBE = [process.execPath, resolve('test/support/flow-probe.mjs'), 'server', String(PROBE_PORT)];
/**
 * When a test gives up on what is mended or follows by itself. On a machine with nothing else to do that takes less than 2 s; the
 * figures are the benchmarks' business, and a busy machine is no failure.
 */
export const WHOLE_AGAIN_MS = 10_000;

interface Pod extends KObject {
  readonly spec: { readonly nodeName?: string };
  readonly status?: { readonly podIP?: string; readonly conditions?: readonly { readonly type: string; readonly status: string }[] };
}
const Pods: Kind<Pod> = { group: '', version: 'v1', kind: 'Pod', plural: 'pods', namespaced: true };

/** Two clusters joined by Kosmos; each has a pod `probe` on n1 that sends back what it gets, and a pod `echo` on n2. */
export async function startNetwork(): Promise<Lab> {
  const lab = await startTestLab({ config: CONFIG });
  await Promise.all(lab.clusters.flatMap(({ name }) => [runPod(lab, name, 'probe', 'n1', PROBE), runPod(lab, name, 'echo', 'n2')]));
  // Each node has routes of its own, which may be there sooner or later.
  const pods = ['c1/probe', 'c1/echo', 'c2/probe', 'c2/echo'];
  const between = pods.flatMap((from) => pods.filter((to) => to.slice(0, 2) !== from.slice(0, 2)).map((to) => [from, to] as const));
  await Promise.all(between.map(([from, to]) => reaches(lab, from, podIP(lab, to), WHOLE_AGAIN_MS * 6)));
  return lab;
}

export async function runPod(lab: Lab, cluster: string, name: string, nodeName: string, command?: readonly string[]): Promise<void> {
  const client = lab.client(cluster);
  const container = command ? { name, image: 'lab/host', command } : { name, image: 'lab/echo' };
  await client.apply(
    Pods,
    { metadata: { name, namespace: 'default' }, spec: { nodeName, containers: [container] } },
    { fieldManager: 'test' },
  );
  await eventually(
    async () => {
      const { status } = (await client.get(Pods, name, { namespace: 'default' })) ?? {};
      return status?.conditions?.some((c) => c.type === 'Ready' && c.status === 'True');
    },
    { message: `pod ${cluster}/${name} is Ready`, timeoutMs: 20_000 },
  );
}

export const podIP = (lab: Lab, pod: string): string => lab.pod(pod).ip;

export async function ping(lab: Lab, from: string, to: string): Promise<boolean> {
  return (await lab.exec(from, ['ping', '-c1', '-W1', to], { timeoutMs: 5000 })).code === 0;
}

export async function reaches(lab: Lab, from: string, to: string, timeoutMs = 20_000): Promise<void> {
  await eventually(() => ping(lab, from, to), { message: `ping from ${from} to ${to}`, timeoutMs });
}

/** What the server at `url` answered to a GET from a pod, as JSON. */
export async function httpGet(lab: Lab, from: string, url: string): Promise<Record<string, unknown>> {
  const script = `fetch(process.argv[1]).then(async (r) => process.stdout.write(await r.text()))`;
  const { stdout, stderr } = await lab.exec(from, [process.execPath, '-e', script, url], { timeoutMs: 10_000 });
  if (stdout === '') throw new Error(`GET ${url} from ${from}: ${stderr}`);
  return JSON.parse(stdout) as Record<string, unknown>;
}

/** How often a process of the lab has started and was ready, as its log says. */
export const timesReady = (lab: Lab, process: string): number =>
  readFileSync(lab.logFile(process), 'utf8').split('"msg":"ready"').length - 1;

/** Of datagrams, and of one TCP connection beside them. */
export interface Loss {
  readonly sent: number;
  readonly received: number;
  readonly longestGapMs: number;
  /** `broken`: the code of the error that ended it. */
  readonly tcp: { readonly longestGapMs: number; readonly broken?: string };
}

/** Datagrams and a TCP stream from one pod to another's `probe`, all of which comes back, until `stop`. */
export class Flow {
  readonly #child: ChildProcess;
  #printed = '';

  private constructor(child: ChildProcess) {
    this.#child = child;
    child.stdout?.setEncoding('utf8').on('data', (text: string) => (this.#printed += text));
  }

  /** Sends every `intervalMs`. Resolves when the first of both have come back. */
  static async start(lab: Lab, from: string, to: string, intervalMs = 5): Promise<Flow> {
    const [file, ...args] = lab.command(from, [...PROBE.slice(0, 2), 'client', to, String(PROBE_PORT), String(intervalMs)]) as [
      string,
      ...string[],
    ];
    const flow = new Flow(spawn(file, args, { stdio: ['pipe', 'pipe', 'inherit'] }));
    await eventually(() => flow.#printed.includes('flowing'), { message: `datagrams from ${from} to ${to}` });
    return flow;
  }

  async stop(): Promise<Loss> {
    this.#child.stdin?.end();
    await once(this.#child, 'close');
    return JSON.parse(this.#printed.replace('flowing', '')) as Loss;
  }
}

const DUMPS: Readonly<Record<string, readonly string[]>> = {
  links: ['ip', '-d', 'link', 'show'],
  addresses: ['ip', 'address', 'show'],
  routes: ['ip', 'route', 'show', 'table', 'all'],
  'routes 6': ['ip', '-6', 'route', 'show', 'table', 'all'],
  rules: ['ip', 'rule', 'show'],
  'rules 6': ['ip', '-6', 'rule', 'show'],
  neighbours: ['ip', 'neighbour', 'show', 'nud', 'permanent'],
  nexthops: ['ip', 'nexthop', 'show'],
  fdb: ['bridge', 'fdb', 'show'],
  nft: ['nft', 'list', 'ruleset'],
  sysctls: ['sysctl', '-a', '--pattern', 'rp_filter|forwarding|ip_forward|fib_multipath|accept_local|arp_|promote_sec'],
};

/** What a node's kernel holds, as its tools print it; `only` chooses some of it. */
export async function kernelState(lab: Lab, node: string, only: readonly string[] = Object.keys(DUMPS)): Promise<Record<string, string>> {
  const all = await Promise.all(only.map(async (name) => [name, (await lab.exec(node, DUMPS[name] as readonly string[])).stdout] as const));
  return Object.fromEntries(all.map(([name, text]) => [name, stable(text)]));
}

/** The state of a node whose links are not new any more: for a second or two IPv6 looks whether their addresses are taken. */
export function settledState(lab: Lab, node: string): Promise<Record<string, string>> {
  return eventually(
    async () => {
      const state = await kernelState(lab, node);
      return !JSON.stringify(state).includes('tentative') && expectSame(await kernelState(lab, node), state) && state;
    },
    { message: `${node} has settled`, intervalMs: 500 },
  );
}

/** Without what changes by itself: timers, numbers of links, and the order in which the kernel lists entries. */
function stable(text: string): string {
  return text
    .split('\n')
    .map((line) =>
      line
        .replace(/^\d+: /, '')
        .replace(/\b(expires|used|valid_lft|preferred_lft|\w+_timer) +\S+/g, '')
        .trimEnd(),
    )
    .filter((line) => line !== '')
    .sort()
    .join('\n');
}

/** Throws what is in one state and not in the other. */
export function expectSame(now: Readonly<Record<string, string>>, before: Readonly<Record<string, string>>): true {
  const lines = (state: Readonly<Record<string, string>>) =>
    Object.entries(state).flatMap(([name, text]) => text.split('\n').map((line) => `${name}: ${line}`));
  const [then, today] = [new Set(lines(before)), new Set(lines(now))];
  const different = [...then]
    .filter((l) => !today.has(l))
    .map((l) => `- ${l}`)
    .concat([...today].filter((l) => !then.has(l)).map((l) => `+ ${l}`));
  if (different.length > 0) throw new Error(`it differs:\n${different.join('\n')}`);
  return true;
}
