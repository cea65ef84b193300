import { readFileSync } from 'node:fs';
import { expect } from 'chai';
import type { KObject, Kind } from '@kosmos/kernel';
import { cleanUp, eventually, needs, startTestLab, tempLabHome } from '@kosmos/testing';
import { topologyOf, type Lab } from '../../src/index.ts';
import { EndpointSlices, Services, type Endpoint } from '../../src/services.ts';
import { isReady, Pods } from '../../src/kube.ts';
import { podManifest } from './support.ts';

/** Asks a URL `count` times, each by a connection of its own; prints the answers, or what went wrong, as JSON lines. */
const ASK = `
  const [url, count, localPort] = process.argv.slice(1);
  for (let i = 0; i < Number(count); i += 1) {
    await new Promise((done) => {
      const req = require('node:http').get(url, { agent: false, timeout: 1500 }, (res) => {
        let text = '';
        res.on('data', (chunk) => (text += chunk)).on('end', () => (console.log(text.trim()), done()));
      });
      req.on('timeout', () => req.destroy(Object.assign(new Error(), { code: 'TIMEOUT' })));
      req.on('error', (e) => (console.log(JSON.stringify({ error: e.code })), done()));
    });
  }
`;
/** A UDP server that answers with its pod's name. */
const UDP_SERVER = `
  const socket = require('node:dgram').createSocket('udp6');
  socket.on('message', (_, from) => socket.send(process.env.HOSTNAME, from.port, from.address));
  socket.bind(5353, '::');
`;
const nodeOf = (pod: string) => (pod.endsWith('-a') ? 'n1' : 'n2');
/** Sends datagrams from one port, so that they are one flow; prints each answer. */
const UDP_CLIENT = `
  const [address, family] = process.argv.slice(1);
  const socket = require('node:dgram').createSocket(family);
  socket.on('message', (text) => console.log(text.toString()));
  socket.bind(40000, () => {
    const timer = setInterval(() => socket.send('?', 53, address, () => {}), 100);
    setTimeout(() => (clearInterval(timer), socket.close()), 600);
  });
`;

const inDefault = (object: object) => ({ ...object, metadata: { ...(object as KObject).metadata, namespace: 'default' } });

interface Answer {
  readonly pod?: string;
  readonly peer?: string;
  readonly error?: string;
}

describe('services of a lab', function () {
  this.timeout(60_000);
  let lab: Lab;
  /** Addresses of the pods, by name. */
  const ips = new Map<string, string[]>();

  before(needs('lab', 'conntrack'));
  before(async () => {
    tempLabHome();
    lab = await startTestLab({ topology: topologyOf({ clusters: [{ families: 'dual', nodes: 2 }] }) });
    const pods = [
      ['echo-a', 'n1', { image: 'lab/echo' }],
      ['echo-b', 'n2', { image: 'lab/echo' }],
      ['echo-c', 'n2', { image: 'lab/echo' }],
      ['udp-a', 'n1', { image: 'x', command: [process.execPath, '-e', UDP_SERVER] }],
      ['udp-b', 'n2', { image: 'x', command: [process.execPath, '-e', UDP_SERVER] }],
      ['client', 'n1', { image: 'lab/pause' }],
    ] as const;
    for (const [name, nodeName, container] of pods) await apply(Pods, inDefault(podManifest(name, container, { nodeName })));
    for (const [name] of pods) {
      const pod = await eventually(
        async () => {
          const seen = await lab.client('c1').get(Pods, name, { namespace: 'default' });
          return seen && isReady(seen) && seen;
        },
        { message: `${name} is ready`, timeoutMs: 30_000 },
      );
      ips.set(name, pod.status?.podIPs?.map((p) => p.ip) ?? []);
    }
  });
  after(cleanUp);

  /** By requests of this process: kubectl would take most of the time. */
  const apply = <T extends KObject>(kind: Kind<T>, object: object) =>
    lab.client('c1').apply(kind, object as T, { fieldManager: 'test', force: true });

  /** A service without selector, whose slices are the test's; its cluster addresses. */
  async function expose(
    name: string,
    spec: object,
    pods: readonly string[],
    port: object = { name: 'http', port: 80 },
  ): Promise<readonly string[]> {
    const all = { ipFamilyPolicy: 'PreferDualStack', ports: [{ protocol: 'TCP', ...port }], ...spec };
    const written = await apply(Services, inDefault({ apiVersion: 'v1', kind: 'Service', metadata: { name }, spec: all }));
    await lead(name, pods, {}, port);
    return written.spec?.clusterIPs ?? [];
  }

  /** Writes the slices of a service, one of each family. `conditions` are those of the first pod. */
  async function lead(
    name: string,
    pods: readonly string[],
    conditions: Endpoint['conditions'] = {},
    port: object = { name: 'http', port: 80 },
    hinted = false,
  ): Promise<void> {
    for (const [i, family] of ['IPv4', 'IPv6'].entries()) {
      const endpoints = pods.map((pod, k) => ({
        addresses: [ips.get(pod)?.[i]],
        nodeName: nodeOf(pod),
        ...(hinted && { hints: { forNodes: [{ name: nodeOf(pod) }] } }),
        conditions: k === 0 ? { ready: true, ...conditions } : { ready: true },
      }));
      const ports = ['protocol' in port ? { ...port, port: 5353 } : { name: 'http', protocol: 'TCP', port: 8080 }];
      const metadata = { name: `${name}-${family.toLowerCase()}`, labels: { 'kubernetes.io/service-name': name } };
      await apply(
        EndpointSlices,
        inDefault({ apiVersion: 'discovery.k8s.io/v1', kind: 'EndpointSlice', metadata, addressType: family, endpoints, ports }),
      );
    }
  }

  async function ask(from: string, host: string, port: number, count = 1): Promise<Answer[]> {
    const url = `http://${host.includes(':') ? `[${host}]` : host}:${port}/`;
    const { stdout, stderr } = await lab.exec(
      from,
      [process.execPath, '--input-type=commonjs', '-e', `(async () => {${ASK}})()`, url, String(count)],
      {
        timeoutMs: 30_000,
      },
    );
    expect(stderr).to.equal('');
    return stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as Answer);
  }
  const podsOf = (answers: readonly Answer[]) => [...new Set(answers.map((a) => a.pod ?? a.error))].sort();
  /** The rules follow soon after the objects. */
  const serves = (from: string, host: string, port: number, pods: readonly string[]) =>
    eventually(
      async () => {
        const found = podsOf(await ask(from, host, port, pods.length === 1 ? 1 : 8 * pods.length));
        expect(found).to.deep.equal(pods);
        return true;
      },
      { message: `${host}:${port} leads to ${pods.join(', ')}` },
    );

  it('balance over their endpoints in both families, which see the address of the pod that asks', async () => {
    for (const [i, ip] of (await expose('web', {}, ['echo-a', 'echo-b', 'echo-c'])).entries()) {
      await serves('c1/client', ip, 80, ['echo-a', 'echo-b', 'echo-c']);
      const answers = await ask('c1/client', ip, 80, 3);
      expect(answers.map((a) => a.peer)).to.deep.equal(Array.from({ length: 3 }, () => ips.get('client')?.[i]));
    }
  });

  it('are reached by processes of nodes, and by a pod that is its own endpoint', async () => {
    for (const ip of await expose('self', {}, ['echo-a'])) {
      await serves('c1/n2', ip, 80, ['echo-a']);
      await serves('c1/echo-a', ip, 80, ['echo-a']);
    }
  });

  it('lead pods to the API server, whose certificate is good for the address of its service', async () => {
    const { spec } = (await lab.client('c1').get(Services, 'kubernetes', { namespace: 'default' })) ?? {};
    const [, ca = ''] = /certificate-authority-data: (\S+)/.exec(readFileSync(lab.host.kubeconfig, 'utf8')) ?? [];
    const get = `
      const [host, ca] = process.argv.slice(1);
      require('node:https').get({ host, path: '/version', ca: Buffer.from(ca, 'base64') }, (res) => res.pipe(process.stdout));
    `;
    await eventually(async () => {
      const { stdout } = await lab.exec('c1/client', [process.execPath, '-e', get, spec?.clusterIP ?? '', ca], { timeoutMs: 5000 });
      return stdout.includes('gitVersion');
    });
  });

  it('drop an endpoint that turns unready, and fall back to one that ends when no other is there', async () => {
    const [ip = ''] = await expose('drop', {}, ['echo-a', 'echo-b', 'echo-c']);
    await serves('c1/client', ip, 80, ['echo-a', 'echo-b', 'echo-c']);
    await lead('drop', ['echo-a', 'echo-b', 'echo-c'], { ready: false });
    await serves('c1/client', ip, 80, ['echo-b', 'echo-c']);
    await lead('drop', ['echo-a'], { ready: false, serving: true, terminating: true });
    await serves('c1/client', ip, 80, ['echo-a']);
  });

  it('without endpoints refuse, as do ports that they do not have', async () => {
    for (const ip of await expose('empty', {}, [])) await serves('c1/client', ip, 80, ['ECONNREFUSED']);
    for (const ip of await expose('full', {}, ['echo-a'])) {
      await serves('c1/client', ip, 80, ['echo-a']);
      expect(podsOf(await ask('c1/client', ip, 81))).to.deep.equal(['ECONNREFUSED']);
    }
  });

  it('of type NodePort are reached from outside by every node, with the node as peer', async () => {
    await expose('port', { type: 'NodePort' }, ['echo-a', 'echo-b'], { name: 'http', port: 80, nodePort: 30_080 });
    for (const address of lab.host.nodes[0]?.addresses ?? []) {
      await serves('c1/cp', address, 30_080, ['echo-a', 'echo-b']);
      const [answer] = await ask('c1/cp', address, 30_080);
      expect(lab.host.addresses).not.to.include(answer?.peer);
    }
  });

  it('with the external policy Local keep the address that asks, and do not answer on nodes without an endpoint', async () => {
    await expose('keep', { type: 'NodePort', externalTrafficPolicy: 'Local' }, ['echo-a'], { name: 'http', port: 80, nodePort: 30_081 });
    for (const [i, address] of (lab.host.nodes[0]?.addresses ?? []).entries()) {
      await serves('c1/cp', address, 30_081, ['echo-a']);
      expect((await ask('c1/cp', address, 30_081))[0]?.peer).to.equal(lab.host.addresses[i]);
    }
    expect(podsOf(await ask('c1/cp', lab.host.nodes[1]?.address ?? '', 30_081))).to.deep.equal(['TIMEOUT']);
  });

  it('with the internal policy Local stay on the node', async () => {
    const [ip = ''] = await expose('near', { internalTrafficPolicy: 'Local' }, ['echo-a', 'echo-b']);
    await serves('c1/client', ip, 80, ['echo-a']);
    await serves('c1/n2', ip, 80, ['echo-b']);
  });

  it('with hints for nodes stay on the node, and leave it where no endpoint is there', async () => {
    const port = { name: 'http', port: 80 };
    const [ip = ''] = await expose('close', { trafficDistribution: 'PreferSameNode' }, [], port);
    await lead('close', ['echo-a', 'echo-b', 'echo-c'], {}, port, true);
    await serves('c1/client', ip, 80, ['echo-a']);
    await serves('c1/n2', ip, 80, ['echo-b', 'echo-c']);
    await lead('close', ['echo-b'], {}, port, true);
    await serves('c1/client', ip, 80, ['echo-b']);
  });

  it('with session affinity lead a client to the endpoint it had', async () => {
    const [ip = ''] = await expose('sticky', { sessionAffinity: 'ClientIP' }, ['echo-a', 'echo-b', 'echo-c']);
    await eventually(async () => (await ask('c1/client', ip, 80))[0]?.pod !== undefined);
    expect(podsOf(await ask('c1/client', ip, 80, 20))).to.have.length(1);
  });

  it('lead UDP flows away from an endpoint that is gone', async () => {
    const port = { name: 'dns', protocol: 'UDP', port: 53 };
    const ask53 = async (ip: string) => {
      const args = [process.execPath, '-e', UDP_CLIENT, ip, ip.includes(':') ? 'udp6' : 'udp4'];
      return [...new Set((await lab.exec('c1/client', args, { timeoutMs: 10_000 })).stdout.trim().split('\n'))];
    };
    for (const ip of await expose('datagrams', {}, ['udp-a'], port)) {
      await lead('datagrams', ['udp-a'], {}, port);
      await eventually(async () => (await ask53(ip)).join() === 'udp-a', { message: 'udp-a answers' });
      await lead('datagrams', ['udp-b'], {}, port);
      await eventually(async () => (await ask53(ip)).join() === 'udp-b', { message: 'udp-b answers' });
    }
  });
});
