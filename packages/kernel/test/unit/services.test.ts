import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createKernel, createLogger } from '@kosmos/kernel/runtime';
import { expect } from 'chai';
import { span } from '../../src/services/tracing.ts';
import { memoryLog, plugin } from '../fixtures/host.ts';
import { recordSpans } from '../support/tracing.ts';

describe('the log', () => {
  it('changes its level, and that of every child, while it is used', () => {
    const lines: string[] = [];
    const log = createLogger({ format: 'json', level: 'info', stream: { write: (line) => lines.push(line) } });
    const child = log.child({ plugin: 'net' }).child({ controller: 'c' });
    child.debug({}, 'one');
    log.level = 'debug';
    child.debug({}, 'two');
    log.level = 'silent';
    child.error({}, 'three');
    expect(log.level).to.equal('silent');
    expect(lines.map((line) => JSON.parse(line) as object)).to.have.length(1);
    expect(JSON.parse(lines[0] ?? '')).to.include({ level: 'debug', plugin: 'net', controller: 'c', msg: 'two' });
  });
});

describe('spans', () => {
  const key = { cluster: 'host', name: 'o' };

  it('are none, and cost nothing, without an SDK', async () => {
    expect(await span('a', key, async () => 7)).to.equal(7);
  });

  it('are given to the SDK that is set up, one within the other, with what was thrown', async () => {
    using sdk = recordSpans();
    const write = () => span('apply Pod', key, () => Promise.reject(new Error('no')));
    expect(await span('reconcile demo/c', key, () => write().catch(() => 7), { id: '1' })).to.equal(7);
    const attributes = { 'k8s.cluster.name': 'host', 'k8s.object.name': 'o' };
    expect(sdk.spans()).to.deep.equal([
      { name: 'apply Pod', within: 'reconcile demo/c', attributes, error: 'no' },
      { name: 'reconcile demo/c', within: undefined, attributes: { ...attributes, id: '1' }, error: undefined },
    ]);
  });
});

describe('what a process says of itself', () => {
  const ask = (to: object, path: string, method = 'GET', body?: string) =>
    new Promise<{ status: number; text: string }>((resolve, reject) => {
      const sent = request({ ...to, path, method }, (response) => {
        let text = '';
        response.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
        response.on('end', () => resolve({ status: response.statusCode ?? 0, text }));
      });
      sent.on('error', reject);
      sent.end(body);
    });
  let folder: string;
  beforeEach(() => (folder = mkdtempSync(join(tmpdir(), 'kosmos-services-'))));
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  it('is its status, over HTTP and on the socket; its log level only on the socket, which is its own', async () => {
    const socketPath = join(folder, 'x.sock');
    const kernel = await createKernel({
      config: { plugins: [plugin('base')], http: { port: 0 }, log: { level: 'silent' } },
      role: 'manager',
      controlSocket: socketPath,
    });
    await kernel.start();
    try {
      const { port } = kernel.http ?? { port: 0 };
      expect(statSync(socketPath).mode & 0o777).to.equal(0o600);
      for (const to of [{ port, host: '127.0.0.1' }, { socketPath }]) {
        const { status, text } = await ask(to, '/status');
        expect(status).to.equal(200);
        expect(JSON.parse(text)).to.deep.include({ state: 'ready', reasons: [], clusters: [], informers: [], controllers: [], leases: [] });
        expect((await ask(to, '/readyz')).status).to.equal(200);
        expect((await ask(to, '/metrics')).text).to.include('kosmos_');
      }
      expect((await ask({ port, host: '127.0.0.1' }, '/log-level', 'PUT', 'debug')).status).to.equal(404);
      expect((await ask({ socketPath }, '/log-level', 'PUT', 'loud')).status).to.equal(400);
      expect((await ask({ socketPath }, '/log-level', 'PUT', 'error')).text).to.equal('error\n');
      expect((await ask({ socketPath }, '/log-level')).text).to.equal('error\n');
    } finally {
      await kernel.stop();
    }
  });

  it('is not worth failing for, where the socket cannot be made', async () => {
    const log = memoryLog();
    const kernel = await createKernel({ config: { plugins: [] }, role: 'manager', log, controlSocket: '/dev/null/x.sock' });
    await kernel.start();
    expect(log.lines.map(({ level, message }) => [level, message])).to.deep.include(['warn', 'no socket for kosmos status']);
    await kernel.stop();
  });
});
