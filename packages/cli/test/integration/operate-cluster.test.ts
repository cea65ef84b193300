import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Kind, KObject } from '@kosmos/kernel';
import { type Kernel, type KernelStatus, createKernel } from '@kosmos/kernel/runtime';
import { type TestApiServer, eventually, startTestApiServer } from '@kosmos/testing';
import { expect } from 'chai';
import { config } from '../support/configs.ts';
import { type Folder, type Running, endAll, folder, start } from '../support/spawn.ts';

const ConfigMaps: Kind<KObject> = { group: '', version: 'v1', kind: 'ConfigMap', plural: 'configmaps', namespaced: true };
const Leases: Kind<KObject & { spec: { holderIdentity?: string } }> = {
  group: 'coordination.k8s.io',
  version: 'v1',
  kind: 'Lease',
  plural: 'leases',
  namespaced: true,
};
/** A controller with a lease, over the host and a member that is not there. It writes a copy; `bad` fails, `slow` ends after SIGTERM only. */
const CONFIG = config(
  `plugin('demo', (ctx) => {
    const kind = ${JSON.stringify(ConfigMaps)};
    const informer = ctx.informer(kind, { namespace: 'default', labels: 'test=cli', clusters: ['host', 'away'] });
    const writer = ctx.writer('copy');
    ctx.controller('copy').for(informer).concurrency(3).gated('demo').reconcile(async ({ cluster, name }: any, { log, signal }: any) => {
      log.info({}, 'reconciling');
      if (name === 'bad') throw new Error('it is bad');
      if (name === 'slow') await new Promise((resolve) => process.once('SIGTERM', () => setImmediate(resolve)));
      await writer.apply(cluster, kind, { metadata: { name: name + '-copy', namespace: 'default' } });
      log.info({}, 'reconciled');
    });
  })`,
  `log: { format: 'json' }, clusters: { host: { kubeconfigFile: 'host.conf' }, away: { kubeconfigFile: 'away.conf' } },`,
).replace('startMs: 300, stopMs: 300', '');
/** What a user has in a file for `node --import`, with an exporter that prints a line a span. */
const TRACING = `
import { context, trace } from '@opentelemetry/api';
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks';
import { SimpleSpanProcessor, TracerProvider } from '@opentelemetry/sdk-trace';
const print = (span) => process.stderr.write('span ' + span.name + ' ' + JSON.stringify(span.attributes) + '\\n');
const exporter = { export: (spans, done) => { spans.forEach(print); done({ code: 0 }); }, shutdown: async () => {} };
context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
trace.setGlobalTracerProvider(new TracerProvider({ spanProcessors: [new SimpleSpanProcessor({ exporter })] }));
`;

describe('operating kosmos with clusters', function () {
  this.timeout(180_000);
  let server: TestApiServer;
  let client: Kernel;
  let run: string;
  let dir: Folder;
  let running: Running;
  let logged = '';
  const lines = () =>
    logged
      .split('\n')
      .filter((line) => line.startsWith('{') && line.endsWith('}'))
      .map((line) => JSON.parse(line) as Record<string, unknown>);
  const env = () => ({ KOSMOS_RUN_DIR: run });
  const status = async (): Promise<KernelStatus> =>
    (JSON.parse((await start(dir.path, ['status', '-o', 'json'], env()).done).stdout) as [KernelStatus])[0];
  const put = (name: string) =>
    client.clusters
      .client('host')
      .apply(ConfigMaps, { metadata: { name, namespace: 'default', labels: { test: 'cli' } } }, { fieldManager: 'test' });

  before(async () => {
    server = await startTestApiServer();
    client = await createKernel({
      config: { plugins: [], clusters: { host: { kubeconfig: server.kubeconfig } }, log: { level: 'silent' } },
      role: 'cli',
    });
    run = mkdtempSync(join(tmpdir(), 'kosmos-run-'));
    dir = folder({
      'kosmos.config.ts': CONFIG,
      'tracing.mjs': TRACING,
      'host.conf': server.kubeconfig,
      'away.conf': server.kubeconfig.replaceAll(server.url, 'https://127.0.0.1:1'),
    });
    const options = { ...env(), NODE_OPTIONS: `--import ${join(dir.path, 'tracing.mjs')}` };
    running = start(dir.path, ['run', '--role', 'manager'], options, { deadlineMs: 170_000 });
    running.child.stderr?.on('data', (text: string) => (logged += text));
    await running.ready;
    await eventually(async () => (await status()).leases[0]?.held, { message: 'the lease' });
  });
  after(async () => {
    endAll();
    await running?.done;
    await client?.stop();
    await server?.stop();
    rmSync(run, { recursive: true, force: true });
    dir?.[Symbol.dispose]();
  });

  it('status shows clusters, informers, queues, leaders and lag, as tables and as JSON', async () => {
    await put('bad');
    const failing = await eventually(async () => {
      const seen = await status();
      return seen.controllers[0]?.failing === 1 && seen;
    });
    expect(failing.clusters.map(({ name, state }) => [name, state])).to.deep.equal([
      ['host', 'live'],
      ['away', 'unreachable'],
    ]);
    const [lease] = failing.leases;
    expect(lease).to.deep.equal({ name: 'demo', held: true, holder: failing.self.instance });
    const [own, away] = failing.informers;
    expect(own).to.deep.include({ cluster: 'host', kind: 'configmaps', state: 'live', plugins: ['demo'], objects: 1, queued: 0 });
    expect(own?.lagMs).to.be.within(0, 120_000);
    expect(away).to.include({ cluster: 'away', state: 'syncing', error: 'nothing listens there (ECONNREFUSED)' });
    const { stdout } = await start(dir.path, ['status'], env()).done;
    expect(stdout).to.match(new RegExp(`CLUSTER +STATE +SERVER\\nhost +live +${server.url}\\naway +unreachable +https://127.0.0.1:1\\n`));
    expect(stdout).to.match(
      /INFORMER +CLUSTER +STATE +OBJECTS +QUEUED +LAST HEARD +PLUGINS\nconfigmaps +host +live +1 +0 +\d+m?s +demo\nconfigmaps +away +syncing: nothing listens there \(ECONNREFUSED\) +0 +0 +- +demo\n/,
    );
    expect(stdout).to.match(/CONTROLLER +QUEUED +DELAYED +ACTIVE +FAILING +LEASE\ndemo\/copy +0 +\d +\d +1 +demo\n/);
    expect(stdout).to.match(new RegExp(`LEASE +HELD +HOLDER\\ndemo +yes +${failing.self.instance}\\n`));
  });

  it('the log has plugin, controller, cluster, key and an id of the run in each line of a reconcile, and says which cluster is away', async () => {
    await put('good');
    const of = (name: string) => lines().filter((line) => line.name === name);
    await eventually(() => of('good').length === 2, { message: 'both lines' });
    const key = { plugin: 'demo', controller: 'copy', cluster: 'host', namespace: 'default', name: 'good' };
    const [first, second] = of('good');
    expect(first).to.deep.include({ level: 'info', msg: 'reconciling', ...key });
    expect(first?.reconcile)
      .to.match(/^[0-9a-f]{8}$/)
      .and.equal(second?.reconcile);
    const failed = of('bad').filter(({ level }) => level === 'warn');
    expect(failed[0]).to.deep.include({ msg: 'reconcile failed; it will be tried again', err: { message: 'it is bad' } });
    expect(new Set(of('bad').map(({ reconcile }) => reconcile)).size).to.be.at.least(failed.length);
    expect(lines().find(({ level, cluster }) => level === 'warn' && cluster === 'away')).to.deep.include({
      msg: 'cluster does not answer',
      server: 'https://127.0.0.1:1',
      reason: 'nothing listens there (ECONNREFUSED)',
    });
  });

  it('spans go to the SDK that node --import sets up', async () => {
    const span = (name: string, object: string) =>
      logged.split('\n').some((line) => line.startsWith(`span ${name} `) && line.includes(object));
    await eventually(() => span('apply ConfigMap', '"good-copy"') && span('reconcile demo/copy', '"good"'), { message: 'spans' });
  });

  it('SIGTERM lets what runs end, gives the lease back, and ends with 0', async () => {
    await put('slow');
    await eventually(() => lines().some(({ name }) => name === 'slow'), { message: 'the reconcile to begin' });
    running.child.kill('SIGTERM');
    const { code } = await running.done;
    expect(code).to.equal(0);
    expect(
      lines()
        .filter(({ name }) => name === 'slow')
        .map(({ msg }) => msg),
    ).to.deep.equal(['reconciling', 'reconciled']);
    const lease = await client.clusters.client('host').get(Leases, 'demo', { namespace: 'kosmos-system' });
    expect(lease?.spec.holderIdentity).to.equal('');
  });
});
