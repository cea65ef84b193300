/**
 * What the embedded API server does a second, how soon it serves and what it takes; it runs in a process of its own, as it is
 * installed: compiled, without the sources.
 */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { Agent, request } from 'node:https';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { parse } from 'yaml';
import { quantile, type Result } from './result.ts';

const CONNECTIONS = 24;
const PODS = '/api/v1/namespaces/default/pods';

interface Served {
  readonly child: ChildProcess;
  readonly host: string;
  readonly port: number;
  readonly ca: string;
  readonly token: string;
  /** From the start of the process until it said where its kubeconfig is, which it does when it serves. */
  readonly startMs: number;
}

let command = '';
/** What Node compiled is kept here, as a user's is below ~/.cache. */
let compiled = '';

export async function run(): Promise<Result[]> {
  const folder = mkdtempSync(join(tmpdir(), 'bench-apiserver-'));
  try {
    command = install(folder);
    compiled = join(folder, 'compiled');
    return [...(await start()), ...(await creates()), ...(await lists()), ...(await watchers()), ...(await memory())];
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** Builds the package and puts into `folder` what its tarball has, beside its dependencies; gives the path of its command. */
function install(folder: string): string {
  execFileSync(process.execPath, ['tools/build.ts'], { stdio: 'inherit' });
  const { name, files, bin, dependencies } = JSON.parse(readFileSync('packages/apiserver/package.json', 'utf8')) as {
    name: string;
    files: string[];
    bin: Record<string, string>;
    dependencies: Record<string, string>;
  };
  const modules = join(folder, 'node_modules');
  for (const file of ['package.json', ...files]) cpSync(join('packages/apiserver', file), join(modules, name, file), { recursive: true });
  for (const dependency of Object.keys(dependencies)) {
    mkdirSync(dirname(join(modules, dependency)), { recursive: true });
    symlinkSync(resolve('node_modules', dependency), join(modules, dependency));
  }
  return join(modules, name, Object.values(bin)[0]!);
}

async function serve(...args: string[]): Promise<Served> {
  const since = performance.now();
  const env = { ...process.env, NODE_COMPILE_CACHE: compiled };
  const child = spawn(process.execPath, [command, ...args], { stdio: ['ignore', 'pipe', 'inherit'], env });
  const [line] = (await once(child.stdout, 'data')) as [Buffer];
  const startMs = performance.now() - since;
  const { clusters, users } = parse(readFileSync(line.toString().trim(), 'utf8')) as {
    clusters: [{ cluster: { server: string; 'certificate-authority-data': string } }];
    users: [{ user: { token: string } }];
  };
  const { server, 'certificate-authority-data': ca } = clusters[0].cluster;
  const { hostname, port } = new URL(server);
  return { child, host: hostname, port: Number(port), ca: Buffer.from(ca, 'base64').toString(), token: users[0].user.token, startMs };
}

async function stop({ child }: Served): Promise<void> {
  const ended = once(child, 'exit');
  child.kill();
  await ended;
}

/** Resident memory in MiB. proc(5): the second field of statm is in pages, of 4 KiB here. */
const rss = ({ child }: Served) => (Number(readFileSync(`/proc/${child.pid}/statm`, 'utf8').split(' ')[1]) * 4096) / 2 ** 20;

function client(at: Served, maxSockets = CONNECTIONS) {
  const agent = new Agent({ ca: at.ca, keepAlive: true, maxSockets });
  const ask = (method: string, path: string, body?: string) =>
    new Promise<number>((resolve, reject) => {
      const { host, port } = at;
      const headers = {
        authorization: `Bearer ${at.token}`,
        ...(body && { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) }),
      };
      const req = request({ host, port, agent, method, path, headers }, (res) => {
        let bytes = 0;
        res.on('data', (chunk: Buffer) => (bytes += chunk.length));
        res.on('end', () => ((res.statusCode ?? 500) < 300 ? resolve(bytes) : reject(new Error(`${method} ${path}: ${res.statusCode}`))));
      });
      req.on('error', reject);
      req.end(body);
    });
  return { ask, close: () => agent.destroy() };
}

/** A pod of the size that one has in a cluster, about 2.6 kB as it is kept. */
function pod(name: string): string {
  const env = Array.from({ length: 1 }, (_, i) => ({ name: `SETTING_NUMBER_${i}`, value: `a value of some length, number ${i}` }));
  return JSON.stringify({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      name,
      labels: { app: 'bench', 'app.kubernetes.io/part-of': 'a-larger-whole' },
      annotations: { 'example.com/note': 'x'.repeat(20) },
    },
    spec: {
      nodeName: 'n1',
      automountServiceAccountToken: false,
      containers: [
        {
          name: 'main',
          image: 'registry.example.com/team/service:1.2.3',
          env,
          ports: [{ containerPort: 8080 }],
          resources: { requests: { cpu: '100m', memory: '128Mi' }, limits: { memory: '256Mi' } },
          readinessProbe: { httpGet: { path: '/ready', port: 8080 } },
        },
      ],
    },
  });
}

/** Creates pods `from` to `to`, as fast as the connections take them. Gives how many a second, and how many ms each took. */
async function fill(at: Served, from: number, to: number): Promise<{ perSecond: number; times: number[] }> {
  const { ask, close } = client(at);
  const times: number[] = [];
  let next = from;
  const since = performance.now();
  await Promise.all(
    Array.from({ length: CONNECTIONS }, async () => {
      while (next < to) {
        const body = pod(`pod-${(next++).toString().padStart(6, '0')}`);
        const asked = performance.now();
        await ask('POST', PODS, body);
        times.push(performance.now() - asked);
      }
    }),
  );
  const ms = performance.now() - since;
  close();
  return { perSecond: ((to - from) / ms) * 1000, times };
}

async function start(): Promise<Result[]> {
  const times: number[] = [];
  for (let i = 0; i < 10; i += 1) {
    const server = await serve();
    times.push(server.startMs);
    await stop(server);
  }
  const [first = Number.NaN, ...later] = times;
  return [
    {
      name: 'process started to serving',
      value: quantile(later, 0.5),
      unit: 'ms',
      target: '<= 400',
      note: `as installed, median of ${later.length} starts, CA and keys made each time`,
    },
    { name: 'process started to serving, the first time', value: first, unit: 'ms', note: 'before Node kept what it compiled' },
  ];
}

async function creates(): Promise<Result[]> {
  const data = mkdtempSync(join(tmpdir(), 'bench-apiserver-'));
  try {
    const results: Result[] = [];
    for (const { name, target, args } of [
      { name: 'in memory', target: '>= 2500', args: [] },
      { name: 'with --data', target: '>= 1500', args: ['--data', data] },
    ]) {
      const server = await serve(...args);
      await fill(server, 0, 2000);
      const { perSecond, times } = await fill(server, 2000, 12_000);
      results.push(
        {
          name: `pods created a second, ${name}`,
          value: perSecond,
          unit: 'pods/s',
          target,
          note: `${CONNECTIONS} connections, 10,000 pods after 2,000 that warm it`,
        },
        { name: `a pod created, ${name}, p50`, value: quantile(times, 0.5), unit: 'ms', note: 'from the request to the last byte' },
        { name: `a pod created, ${name}, p99`, value: quantile(times, 0.99), unit: 'ms' },
      );
      await stop(server);
    }
    return results;
  } finally {
    rmSync(data, { recursive: true });
  }
}

async function lists(): Promise<Result[]> {
  const server = await serve();
  await fill(server, 0, 5000);
  const { ask, close } = client(server, 1);
  const times: number[] = [];
  let bytes = 0;
  for (let i = 0; i < 10; i += 1) {
    const since = performance.now();
    bytes = await ask('GET', PODS);
    times.push(performance.now() - since);
  }
  close();
  await stop(server);
  return [
    {
      name: '5,000 pods listed',
      value: quantile(times, 0.5),
      unit: 'ms',
      target: '<= 100',
      note: `${(bytes / 1e6).toFixed(1)} MB to the last byte, median of 10`,
    },
  ];
}

const WATCHERS = 1000;
/** The first, which are not counted, compile what writes and what reads. */
const WARM = 100;
const EVENTS = 500;
const PER_SECOND = 100;

/** Watches on HTTP/2 streams, as client-go has them: all of a client's on one connection; read in a process of its own. */
async function watchers(): Promise<Result[]> {
  const server = await serve();
  const { ask, close } = client(server, 4);
  const { host, port, ca, token } = server;
  const reader = spawn(
    process.execPath,
    ['bench/apiserver-watchers.ts', JSON.stringify({ host, port, ca, token, watchers: WATCHERS, warm: WARM, events: EVENTS })],
    {
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    },
  );
  const ended = once(reader, 'exit');
  await once(reader, 'message');
  const measured = once(reader, 'message') as Promise<[{ p50: number; p99: number }]>;
  const since = performance.now();
  for (let i = 0; i < WARM + EVENTS; i += 1) {
    const wait = since + (i * 1000) / PER_SECOND - performance.now();
    if (wait > 0) await new Promise((resolve) => setTimeout(resolve, wait));
    const body = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: `event-${i}` }, data: { at: String(Date.now()) } };
    void ask('POST', '/api/v1/namespaces/default/configmaps', JSON.stringify(body));
  }
  const [{ p50, p99 }] = await measured;
  await ended;
  close();
  await stop(server);
  const note = `${WATCHERS} watches of one resource, ${PER_SECOND} events/s after ${WARM} that warm it; from before the write until it is read`;
  return [
    { name: 'event delivered to a watcher, p50', value: p50, unit: 'ms', note },
    { name: 'event delivered to a watcher, p99', value: p99, unit: 'ms', target: '<= 50' },
  ];
}

async function memory(): Promise<Result[]> {
  const server = await serve();
  const empty = rss(server);
  await fill(server, 0, 20_000);
  await new Promise((resolve) => setTimeout(resolve, 2000));
  const full = rss(server);
  await stop(server);
  return [
    { name: 'resident memory, no objects', value: empty, unit: 'MiB' },
    { name: 'resident memory, 20,000 pods', value: full, unit: 'MiB', target: '<= 200', note: '2 s after the last was created' },
  ];
}
