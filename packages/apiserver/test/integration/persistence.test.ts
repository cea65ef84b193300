import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, readFileSync } from 'node:fs';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { eventually } from '@kosmos/testing';
import { expect } from 'chai';
import { parse } from 'yaml';
import { Client, configMap, MAPS } from './client.ts';
import { ApiServerError, startApiServer, type ApiServer } from '../../src/index.ts';

const bin = new URL('../../bin/kosmos-apiserver.js', import.meta.url).pathname;

describe('with a data directory', () => {
  let dir: string;
  const children: ChildProcess[] = [];
  beforeEach(() => {
    dir = mkdtempSync(join(tmpdir(), 'kosmos-apiserver-test-'));
  });
  afterEach(() => {
    for (const child of children.splice(0)) child.kill('SIGKILL');
    rmSync(dir, { recursive: true, force: true });
  });

  async function run(...args: string[]): Promise<{ child: ChildProcess; client: Client }> {
    const child = spawn(process.execPath, [bin, '--data', dir, ...args], { stdio: ['ignore', 'pipe', 'inherit', 'ipc'] });
    children.push(child);
    const [file] = (await once(createInterface(child.stdout!), 'line')) as [string];
    const {
      clusters: [{ cluster }],
      users: [{ user }],
    } = parse(readFileSync(file, 'utf8')) as any;
    const ca = Buffer.from(cluster['certificate-authority-data'], 'base64').toString();
    const client = new Client({ url: cluster.server, ca, stop: async () => {} } as unknown as ApiServer, user.token);
    return { child, client };
  }

  it('every acknowledged write outlives kill -9, versions never repeat, and watches resume', async function () {
    this.timeout(30_000);
    const { child, client } = await run();
    const acknowledged = new Map<string, string>();
    const stopping = new AbortController();
    const writers = Array.from({ length: 8 }, async (_, w) => {
      for (let i = 0; !stopping.signal.aborted; i += 1) {
        const answer = await client.call('POST', MAPS, configMap(`w${w}-${i}`)).catch(() => undefined);
        if (answer?.status === 201) acknowledged.set(answer.body.metadata.name, answer.body.metadata.resourceVersion);
      }
    });
    await eventually(() => acknowledged.size >= 200, { message: '200 acknowledged writes', timeoutMs: 20_000, intervalMs: 10 });
    child.kill('SIGKILL');
    stopping.abort();
    await Promise.all(writers);

    const again = await run();
    const { body } = await again.client.call('GET', MAPS);
    const kept = new Map(body.items.map((o: any) => [o.metadata.name, o.metadata.resourceVersion]));
    for (const [name, version] of acknowledged) expect(kept.get(name), name).to.equal(version);
    const highest = Math.max(...[...acknowledged.values()].map(Number));
    const fresh = await again.client.call('POST', MAPS, configMap('fresh'));
    expect(Number(fresh.body.metadata.resourceVersion)).to.be.greaterThan(highest);
    const middle = [...acknowledged.values()].map(Number).sort((a, b) => a - b)[100]!;
    const { lines } = await again.client.watch(`${MAPS}?watch=1&resourceVersion=${middle}`, { lines: 99 });
    expect(lines.slice(0, 99).map((l) => (JSON.parse(l) as any).type)).to.deep.equal(Array(99).fill('ADDED'));
    again.child.kill('SIGTERM');
    const [code] = (await once(again.child, 'exit')) as [number];
    expect(code).to.equal(0);
  });

  it('whatever was going on when it was killed, again and again: what was acknowledged is there, what was not is there whole or not', async function () {
    this.timeout(60_000);
    interface Known {
      /** The version that was acknowledged last; undefined: deleted, or never made. */
      version: string | undefined;
      /** What may have happened after that: the value that a write was to give, null for a deletion. */
      open: { value: string | null } | undefined;
      value: string | undefined;
    }
    const objects = new Map<string, Known>();
    const given = new Set<string>();
    let highest = 0;
    const acknowledge = (version: string): void => {
      expect(given.has(version), `version ${version} was given twice`).to.equal(false);
      given.add(version);
      highest = Math.max(highest, Number(version));
    };
    for (let round = 0; round < 8; round += 1) {
      const { child, client } = await run();
      const { body } = await client.call('GET', MAPS);
      expect(Number(body.metadata.resourceVersion)).to.be.at.least(highest);
      const kept = new Map<string, any>(body.items.map((o: any) => [o.metadata.name, o]));
      for (const [name, known] of objects) {
        const found = kept.get(name);
        kept.delete(name);
        if (known.open && (found?.data.v ?? null) === known.open.value) {
          if (found && found.metadata.resourceVersion !== known.version) acknowledge(found.metadata.resourceVersion);
        } else {
          expect(found?.metadata.resourceVersion, name).to.equal(known.version);
          expect(found?.data.v, name).to.equal(known.value);
        }
        Object.assign(known, { version: found?.metadata.resourceVersion, value: found?.data.v, open: undefined });
      }
      kept.delete('kube-root-ca.crt');
      expect([...kept.keys()], 'objects that nobody made').to.deep.equal([]);
      const since = body.metadata.resourceVersion;
      const done: string[] = [];
      const killed = new AbortController();
      const writers = Array.from({ length: 6 }, async (_, w) => {
        for (let i = 0; !killed.signal.aborted; i += 1) {
          const name = `w${w}-${i % 5}`;
          const known = objects.get(name) ?? { version: undefined, value: undefined, open: undefined };
          objects.set(name, known);
          const remove = known.version !== undefined && i % 7 === 0;
          const value = remove ? null : `${round}-${w}-${i}`;
          known.open = { value };
          const answer = await (
            remove
              ? client.call('DELETE', `${MAPS}/${name}`)
              : known.version
                ? client.call('PUT', `${MAPS}/${name}`, configMap(name, { v: value }))
                : client.call('POST', MAPS, configMap(name, { v: value }))
          ).catch(() => undefined);
          if (!answer) return;
          expect(answer.status, answer.text).to.be.oneOf([200, 201]);
          done.push(name);
          known.open = undefined;
          if (remove) Object.assign(known, { version: undefined, value: undefined });
          else {
            Object.assign(known, { version: answer.body.metadata.resourceVersion, value });
            acknowledge(answer.body.metadata.resourceVersion);
          }
        }
      });
      await eventually(() => done.length >= 40 + round * 37, { message: `writes of round ${round}`, timeoutMs: 20_000, intervalMs: 1 });
      if (round === 4) {
        // A watch sees every version after the one it begins with, across the restarts before.
        const { lines } = await client.watch(`${MAPS}?watch=1&resourceVersion=${since}`, { lines: 30 });
        const versions = lines.map((l) => Number((JSON.parse(l) as any).object.metadata.resourceVersion));
        expect(versions).to.deep.equal([...versions].sort((a, b) => a - b));
      }
      child.kill('SIGKILL');
      killed.abort();
      await Promise.all(writers);
    }
    expect(given.size).to.be.greaterThan(400);
  });

  it('no write is acknowledged that is not on disk, and nobody sees one', async function () {
    this.timeout(60_000);
    const { child, client } = await run();
    /** From `bytes` on, writes to files of the server fail. */
    const limit = (bytes: number | 'unlimited'): unknown =>
      execFileSync('prlimit', ['--pid', String(child.pid), `--fsize=${bytes}:unlimited`]);
    for (let i = 0; i < 20; i += 1) expect((await client.call('POST', MAPS, configMap(`before-${i}`))).status).to.equal(201);
    const { body: before } = await client.call('GET', MAPS);

    limit(1);
    const answers = new Map<string, number>();
    await Promise.all(
      Array.from({ length: 10 }, async (_, w) => {
        for (let i = 0; i < 60; i += 1) {
          const name = `before-${(w * 60 + i) % 20}`;
          const asked = [
            ['POST', MAPS, configMap(`new-${w}-${i}`)],
            ['PUT', `${MAPS}/${name}`, configMap(name, { v: 'other' })],
            ['DELETE', `${MAPS}/${name}`, undefined],
          ] as const;
          const [method, path, sent] = asked[i % 3]!;
          answers.set(`${method} ${path} ${w}-${i}`, (await client.call(method, path, sent)).status);
        }
      }),
    );
    expect([...answers].filter(([, status]) => status !== 500)).to.deep.equal([]);
    expect((await client.call('GET', MAPS)).body).to.deep.equal(before);
    const unready = await client.call('GET', '/readyz');
    const failed = '[-]poststarthook/storage-readiness failed: reason withheld';
    expect([unready.status, /\[-\].*/.exec(unready.text)?.[0]]).to.deep.equal([500, failed]);
    expect((await client.call('GET', '/livez/etcd')).text).to.match(/^internal server error: the data directory cannot be written: .+\n$/);
    limit('unlimited');
    const since = before.metadata.resourceVersion;
    const { body: after } = await client.call('POST', MAPS, configMap('after'));
    expect((await client.call('GET', '/readyz')).text).to.equal('ok');
    const { lines } = await client.watch(`${MAPS}?watch=1&resourceVersion=${since}`, { lines: 1 });
    expect(JSON.parse(lines[0]!)).to.deep.include({ type: 'ADDED', object: after });
    child.kill('SIGKILL');

    const { body: kept } = await (await run()).client.call('GET', MAPS);
    const named = (items: any[]): string[] => items.map((o) => `${o.metadata.name} ${o.metadata.resourceVersion}`).sort();
    expect(named(kept.items)).to.deep.equal(named([...before.items, after]));
  });

  it('of many who write one version of an object exactly one wins, each time', async () => {
    const { client } = await run();
    let { body } = await client.call('POST', MAPS, configMap('contended'));
    for (let round = 0; round < 20; round += 1) {
      const answers = await Promise.all(
        Array.from({ length: 12 }, (_, i) => client.call('PUT', `${MAPS}/contended`, { ...body, data: { winner: `${round}-${i}` } })),
      );
      const won = answers.filter((a) => a.status === 200);
      expect(won.map((a) => a.status)).to.deep.equal([200]);
      expect(answers.filter((a) => a.status === 409)).to.have.lengthOf(11);
      ({ body } = await client.call('GET', `${MAPS}/contended`));
      expect(body.data).to.deep.equal(won[0]!.body.data);
    }
  });

  it('a kubeconfig stays good over a restart', async () => {
    const first = await startApiServer({ dataDir: dir });
    const token = first.issueToken('someone', ['system:masters']);
    const { ca } = first;
    await first.stop();
    const client = new Client(await startApiServer({ dataDir: dir }), token);
    expect(client.server.ca).to.equal(ca);
    expect((await client.call('GET', '/api/v1/namespaces/default')).status).to.equal(200);
    await client.stop();
  });

  it('a second server on the same directory is refused with a clear message', async () => {
    const first = await startApiServer({ dataDir: dir });
    let error: unknown;
    await startApiServer({ dataDir: dir }).catch((e: unknown) => {
      error = e;
    });
    await first.stop();
    expect(error).to.be.instanceOf(ApiServerError);
    expect((error as Error).message).to.match(/^the data directory .* cannot be opened/);
  });

  it('serves a bound handle that comes over IPC', async () => {
    const { child, client } = await run();
    const listener = net.createServer().listen(0, '127.0.0.1');
    await once(listener, 'listening');
    const { port } = listener.address() as net.AddressInfo;
    child.send({ type: 'listen' }, listener as never);
    const other = new Client({ url: `https://127.0.0.1:${port}`, ca: client.server.ca, stop: async () => {} } as unknown as ApiServer, '');
    listener.close();
    const { status } = await other.call('GET', '/version');
    expect(status).to.equal(200);
    await other.stop();
  });

  it('a port in use is one clear message and exit 1', async () => {
    const server = net.createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as net.AddressInfo;
    const child = spawn(process.execPath, [bin, '--port', String(port)], { stdio: ['ignore', 'ignore', 'pipe'] });
    let text = '';
    child.stderr.on('data', (c) => {
      text += String(c);
    });
    const [code] = (await once(child, 'close')) as [number];
    server.close();
    expect([code, text]).to.deep.equal([
      1,
      `kosmos-apiserver: port ${port} of 127.0.0.1 is in use: choose another port, or 0 for any free one\n`,
    ]);
  });
});
