import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { request, type RequestOptions } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { eventually } from '@kosmos/testing';
import { type ApiServerOptions, type Clock, type RemoteCluster, startRemoteControllers } from '../../../src/index.ts';
import { Client } from '../client.ts';

/** A clock that stands until it is moved on. */
export class TestClock implements Clock {
  #now = Date.now();
  readonly #timers = new Set<{ at: number; fn: () => void }>();

  now(): number {
    return this.#now;
  }

  after(ms: number, fn: () => void): () => void {
    const timer = { at: this.#now + Math.max(0, ms), fn };
    this.#timers.add(timer);
    return () => this.#timers.delete(timer);
  }

  advance(seconds: number): void {
    this.#now += seconds * 1000;
    for (const timer of [...this.#timers].sort((a, b) => a.at - b.at)) {
      if (timer.at > this.#now || !this.#timers.delete(timer)) continue;
      timer.fn();
    }
  }
}

export type Obj = any;

/** A server with controllers, kubectl, and a stand-in for the kubelets: what is bound runs and is ready, what is deleted ends. */
export class Cluster {
  readonly client: Client;
  readonly #home = mkdtempSync(join(tmpdir(), 'kosmos-controllers-'));
  readonly #ended = new AbortController();
  #outside: (() => Promise<void>) | undefined;
  #address = 1;
  #heartbeats = 0;

  private constructor(client: Client) {
    this.client = client;
    writeFileSync(join(this.#home, 'kubeconfig'), client.server.kubeconfig());
  }

  /** `outside`: what kube-controller-manager does not have runs as it does beside a kube-apiserver. */
  static async start(options: ApiServerOptions & { kubelets?: boolean; outside?: boolean } = {}): Promise<Cluster> {
    const { kubelets = true, outside = false, ...rest } = options;
    const controllers = outside ? ['*', '-scheduler', '-host-path-provisioner'] : ['*'];
    const cluster = new Cluster(await Client.start({ controllers, ...rest }));
    if (kubelets) cluster.#follow('/api/v1/pods', (type, object) => void (type !== 'DELETED' && cluster.#play(object)));
    if (outside) {
      const [volumesDir, report] = [join(cluster.#home, 'volumes'), (error: unknown): void => console.error(error)];
      cluster.#outside = startRemoteControllers({ cluster: cluster.#remote(), volumesDir, report });
    }
    return cluster;
  }

  async stop(): Promise<void> {
    await this.#outside?.();
    this.#ended.abort();
    await this.client.stop();
    rmSync(this.#home, { recursive: true, force: true });
  }

  kubectl(args: string, input?: object): Promise<string> {
    return new Promise((resolve, reject) => {
      const env = { PATH: process.env['PATH'], HOME: this.#home, KUBECONFIG: join(this.#home, 'kubeconfig') };
      const child = execFile('kubectl', args.split(' '), { env, timeout: 30_000 }, (error, stdout, stderr) => {
        if (error) reject(new Error(`kubectl ${args}: ${stderr || stdout || error.message}`));
        else resolve(stdout + stderr);
      });
      child.stdin!.end(input ? JSON.stringify(input) : '');
    });
  }

  /** The object, or the list's items. */
  async get(path: string): Promise<Obj> {
    const { status, body, text } = await this.client.call('GET', path);
    expect(status, `${path}: ${text}`).to.equal(200);
    return body.items ?? body;
  }

  pods(selector = '', namespace = 'default'): Promise<Obj[]> {
    return this.get(`/api/v1/namespaces/${namespace}/pods${selector && `?labelSelector=${encodeURIComponent(selector)}`}`);
  }

  async create(path: string, body: object): Promise<Obj> {
    const answer = await this.client.call('POST', path, body);
    expect(answer.status, answer.text).to.equal(201);
    return answer.body;
  }

  async patch(path: string, body: object): Promise<Obj> {
    const answer = await this.client.call('PATCH', path, body, { 'content-type': 'application/merge-patch+json' });
    expect(answer.status, answer.text).to.equal(200);
    return answer.body;
  }

  /** Deletes at once, or with the options given. */
  async delete(path: string, options: object = {}): Promise<void> {
    const { status, text } = await this.client.call('DELETE', path, options);
    expect(status, text).to.equal(200);
  }

  /** A node that is ready, with room for pods. */
  async node(name: string, o: { labels?: object; allocatable?: object } = {}): Promise<void> {
    await this.create('/api/v1/nodes', { metadata: { name, labels: { 'kubernetes.io/hostname': name, ...o.labels } } });
    await this.nodeStatus(name, 'True', o.allocatable);
  }

  async nodeStatus(name: string, ready: string, allocatable: object = { cpu: '4', memory: '8Gi', pods: '110' }): Promise<void> {
    // Times of the API have whole seconds: each heartbeat is another one, however soon it comes.
    const lastHeartbeatTime = new Date(Date.UTC(2026, 0, 1) + 1000 * (this.#heartbeats += 1)).toISOString();
    const conditions = [{ type: 'Ready', status: ready, reason: 'KubeletReady', lastHeartbeatTime }];
    await this.patch(`/api/v1/nodes/${name}/status`, { status: { allocatable, capacity: allocatable, conditions } });
  }

  /** The messages of events with this reason. */
  async events(reason: string): Promise<string[]> {
    const events: Obj[] = await this.get('/api/v1/events');
    return events.filter((e) => e.reason === reason).map((e) => e.message);
  }

  until<T>(what: string, fn: () => Promise<T>): Promise<Exclude<T, undefined | false>> {
    return eventually(fn, { message: what, timeoutMs: 20_000, intervalMs: 20 });
  }

  #follow(path: string, event: (type: string, object: Obj) => void): void {
    const options: RequestOptions = { ca: this.client.server.ca, headers: this.#headers(), agent: false, signal: this.#ended.signal };
    const req = request(new URL(`${path}?watch=1`, this.client.server.url), options, (res) => {
      let text = '';
      res.setEncoding('utf8').on('data', (chunk: string) => {
        text += chunk;
        for (let i; (i = text.indexOf('\n')) >= 0; text = text.slice(i + 1)) {
          const { type, object } = JSON.parse(text.slice(0, i)) as { type: string; object: Obj };
          event(type, object);
        }
      });
      res.on('error', () => {});
    });
    req.on('error', () => {}).end();
  }

  #remote(): RemoteCluster {
    return {
      request: async (method, path, body) => {
        const answer = await this.client.call(method, path, body);
        if (answer.status >= 400) throw Object.assign(new Error(answer.body.message), answer.body);
        return answer.body;
      },
      watch: ({ group, version, plural }, changed) =>
        this.#follow(`${group ? `/apis/${group}` : '/api'}/${version}/${plural}`, (type, object) =>
          changed(type === 'DELETED' ? undefined : object, object.metadata.namespace ?? '', object.metadata.name),
        ),
    };
  }

  #headers(): Record<string, string> {
    return { authorization: `Bearer ${this.client.server.issueToken('kubelets', ['system:masters'])}` };
  }

  /** What a kubelet does with a pod; `test/hold` leaves it as it is, `test/end` lets it end as it says, at once. */
  async #play(pod: Obj): Promise<void> {
    const { name, namespace, annotations = {}, deletionTimestamp, uid } = pod.metadata;
    if (!pod.spec.nodeName || annotations['test/hold']) return;
    const path = `/api/v1/namespaces/${namespace}/pods/${name}`;
    if (deletionTimestamp) {
      if (pod.metadata.deletionGracePeriodSeconds > 0)
        await this.client.call('DELETE', path, { gracePeriodSeconds: 0, preconditions: { uid } }).catch(() => {});
      return;
    }
    if (pod.status.phase !== 'Pending') return;
    await this.setPod(namespace, name, annotations['test/end'] ?? 'Running').catch(() => {});
  }

  async setPod(
    namespace: string,
    name: string,
    phase: string,
    ready = phase === 'Running',
    exitCode = phase === 'Failed' ? 1 : 0,
  ): Promise<void> {
    const now = new Date().toISOString();
    const ip = `10.9.0.${this.#address++ % 250}`;
    const pod = await this.get(`/api/v1/namespaces/${namespace}/pods/${name}`);
    const kept = (pod.status.conditions ?? []).filter((c: Obj) => c.type !== 'Ready');
    const terminated = { exitCode, reason: 'x', startedAt: now, finishedAt: now };
    const containerStatuses = pod.spec.containers.map((c: Obj) => ({
      name: c.name,
      image: c.image,
      imageID: '',
      ready,
      restartCount: 0,
      state: phase === 'Running' ? { running: { startedAt: now } } : { terminated },
    }));
    await this.patch(`/api/v1/namespaces/${namespace}/pods/${name}/status`, {
      status: {
        phase,
        conditions: [...kept, { type: 'Ready', status: ready ? 'True' : 'False', lastTransitionTime: now }],
        containerStatuses,
        ...(pod.status.podIP ? {} : { podIP: ip, podIPs: [{ ip }] }),
      },
    });
  }
}

export const template = (app: string, spec: object = {}, metadata: object = {}): object => ({
  metadata: { labels: { app }, ...metadata },
  spec: { containers: [{ name: 'c', image: 'i' }], ...spec },
});

export const DEPLOYMENTS = '/apis/apps/v1/namespaces/default/deployments';
export const REPLICASETS = '/apis/apps/v1/namespaces/default/replicasets';
export const STATEFULSETS = '/apis/apps/v1/namespaces/default/statefulsets';
export const DAEMONSETS = '/apis/apps/v1/namespaces/default/daemonsets';
export const MAPS_OF = '/api/v1/namespaces/default/configmaps';
export const JOBS = '/apis/batch/v1/namespaces/default/jobs';
export const PODS = '/api/v1/namespaces/default/pods';
export const SERVICES = '/api/v1/namespaces/default/services';

export const deployment = (name: string, replicas: number, more: object = {}, podSpec: object = {}): object => ({
  metadata: { name },
  spec: { replicas, selector: { matchLabels: { app: name } }, template: template(name, podSpec), ...more },
});

export const ownedBy = (object: Obj, kind: string, apiVersion: string, more: object = {}): object => ({
  ownerReferences: [{ apiVersion, kind, name: object.metadata.name, uid: object.metadata.uid, ...more }],
});
