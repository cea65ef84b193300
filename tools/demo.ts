/**
 * `npm run demo [-- --exit]`: the main job on real packets. Starts a lab of two clusters with Kosmos in it, runs a pod in
 * each, shows that they reach each other, and how to go on. Ctrl-C (or --exit) takes everything down.
 */
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { relative } from 'node:path';
import { ClusterNodeKind } from '@kosmos/api';
import { type Kind, type KObject, type KosmosError } from '@kosmos/kernel';
import { formatErrors } from '@kosmos/kernel/runtime';
import { type Lab, startLab } from '@kosmos/lab';
import { eventually } from '@kosmos/testing';
import { table } from './table.ts';

interface Pod extends KObject {
  readonly spec: { readonly nodeName?: string };
  readonly status?: { readonly podIP?: string; readonly conditions?: readonly { readonly type: string; readonly status: string }[] };
}
const Pods: Kind<Pod> = { group: '', version: 'v1', kind: 'Pod', plural: 'pods', namespaced: true };

const CONFIG = 'examples/p2p/kosmos.config.ts';
const started = performance.now();
const seconds = (ms: number) => `${(ms / 1000).toFixed(1)} s`;
const say = (text = '') => console.log(text);
const stepDone = (what: string, ms: number) => say(`  ${seconds(ms).padStart(6)}  ${what}`);
const interrupted = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => interrupted.abort());

let lab: Lab | undefined;
try {
  say('Two clusters of two nodes each, on this machine:');
  lab = await startLab({ name: `demo-${randomBytes(2).toString('hex')}`, config: CONFIG, onStep: stepDone, signal: interrupted.signal });
  const client = await step('pod client in c1 is ready', () => runPod('c1', 'client', 'lab/pause'));
  const server = await step('pod server in c2 is ready', () => runPod('c2', 'server', 'lab/echo'));
  const serverIP = server.status?.podIP ?? '';
  await step('every node has its routes to the other cluster', routed);
  await step('the pods reach each other', () => reach(serverIP));
  await show(client, server);
  say(`\nReady after ${seconds(performance.now() - started)}.`);
  if (!process.argv.includes('--exit')) {
    howToGoOn(serverIP);
    const awake = setInterval(() => {}, 60_000); // nothing else keeps this process: the lab is another
    if (!interrupted.signal.aborted) await once(interrupted.signal, 'abort');
    clearInterval(awake);
  }
} catch (error) {
  if (!interrupted.signal.aborted) {
    console.error(formatErrors(error as KosmosError, { colour: process.stderr.isTTY }));
    process.exitCode = 1;
  }
} finally {
  const since = performance.now();
  await lab?.down();
  if (lab) say(`\nTaken down in ${seconds(performance.now() - since)}; nothing is left.`);
}

async function step<T>(what: string, run: () => Promise<T>): Promise<T> {
  const since = performance.now();
  const value = await run();
  stepDone(what, performance.now() - since);
  return value;
}

async function runPod(cluster: string, name: string, image: string): Promise<Pod> {
  const client = (lab as Lab).client(cluster);
  const pod = { metadata: { name, namespace: 'default' }, spec: { containers: [{ name, image }] } };
  await client.apply(Pods, pod, { fieldManager: 'demo', signal: interrupted.signal });
  return wait(`pod ${name} in ${cluster} is Ready`, async () => {
    const found = await client.get(Pods, name, { namespace: 'default' });
    return found?.status?.conditions?.some((c) => c.type === 'Ready' && c.status === 'True') && found;
  });
}

async function routed(): Promise<void> {
  const { clusters } = lab as Lab;
  for (const cluster of clusters) {
    const others = clusters.filter((c) => c.name !== cluster.name).flatMap((c) => c.nodes.map((n) => n.podCIDR));
    for (const node of cluster.nodes) {
      await wait(`routes to ${others.join(', ')} on ${cluster.name}/${node.name}`, async () => {
        const { stdout } = await (lab as Lab).exec(`${cluster.name}/${node.name}`, ['ip', 'route', 'show', 'table', '200']);
        return others.every((podCIDR) => stdout.includes(podCIDR));
      });
    }
  }
}

async function reach(ip: string): Promise<void> {
  await wait(`ping from c1/client to ${ip}`, async () => (await inClient('ping', '-c1', '-W1', ip)).code === 0);
}

function wait<T>(message: string, fn: () => Promise<T>) {
  return eventually(
    async () => {
      interrupted.signal.throwIfAborted();
      return fn();
    },
    { timeoutMs: 30_000, message },
  );
}

function inClient(...argv: string[]) {
  return (lab as Lab).exec('c1/client', argv, { timeoutMs: 10_000 });
}

async function show(client: Pod, server: Pod): Promise<void> {
  const running = lab as Lab;
  const [clientIP, serverIP] = [client.status?.podIP ?? '', server.status?.podIP ?? ''];
  const nodes = await running.client(running.host.name).list(ClusterNodeKind);
  say('\nNodes (kubectl get clusternodes):');
  say(
    table(
      ['NAME', 'INTERFACE', 'IP', 'PODS'],
      nodes.map((n) => [n.metadata.name, n.spec?.interfaceName, n.spec?.ip, n.spec?.podCIDRs?.join(',')]),
    ),
  );
  say('\nPods:');
  const rows = [
    ['c1', client],
    ['c2', server],
  ] as const;
  say(
    table(
      ['CLUSTER', 'POD', 'IP', 'NODE'],
      rows.map(([cluster, pod]) => [cluster, pod.metadata.name, pod.status?.podIP, pod.spec.nodeName]),
    ),
  );
  const node = `c1/${client.spec.nodeName}`;
  say(`\nRoutes of node ${node} to the other cluster (ip route show table 200):`);
  say(indent((await running.exec(node, ['ip', 'route', 'show', 'table', '200'])).stdout));
  say(`\nPing from pod client (c1, ${clientIP}) to pod server (c2, ${serverIP}):`);
  say(indent((await inClient('ping', '-c3', '-i0.2', serverIP)).stdout));
  say(`\nHTTP from the same pod: GET http://${serverIP}:8080/`);
  const answer = JSON.parse(
    (await inClient(process.execPath, '-e', `fetch('http://${serverIP}:8080/').then(async (r) => console.log(await r.text()))`)).stdout,
  ) as Record<string, string>;
  say(indent(JSON.stringify(answer)));
  if (answer.peer !== clientIP) throw new Error(`the server saw ${answer.peer}, not the client's own PodIP ${clientIP}`);
  say(`  The server saw the client's own PodIP, ${clientIP}: nothing on the way translated it.`);
}

function howToGoOn(serverIP: string): void {
  const running = lab as Lab;
  const kubeconfig = (cluster: string) => running.clusters.find((c) => c.name === cluster)?.kubeconfig ?? '';
  const config = relative(process.cwd(), CONFIG);
  say('\nTo go on, in another terminal:');
  say(`  export KUBECONFIG=${kubeconfig('c1')}       # cluster c1, which holds the Kosmos objects too`);
  say('  kubectl get clusters,clusternodes,nodeconfigs');
  say('  kubectl get pods -o wide');
  say(`  kubectl --kubeconfig ${kubeconfig('c2')} get pods -o wide`);
  say(`  npx kosmos lab exec ${running.name}/c1/client -- ping -c 3 ${serverIP}`);
  say(`  npx kosmos lab status ${running.name}`);
  say(`  npx kosmos plan --config ${config} --node c1-n1`);
  say('\nCtrl-C takes everything down.');
}

function indent(text: string): string {
  return text.trimEnd().replaceAll(/^/gm, '  ');
}
