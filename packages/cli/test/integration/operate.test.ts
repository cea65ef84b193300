import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { eventually } from '@kosmos/testing';
import { expect } from 'chai';
import { config } from '../support/configs.ts';
import { endAll, folder, start } from '../support/spawn.ts';

const CONFIG = config(
  `plugin('base', (ctx) => {
    ctx.provide('hook', bail('base.ask'));
    ctx.onStart(async () => { const t = setInterval(() => ctx.log.debug({ kubeconfig: 'secret' }, 'beat'), 20); ctx.onStop; globalThis.t = t; });
    ctx.onStop(async () => clearInterval(globalThis.t));
  }, { provides: { hook: token('base.hook') }, spec: { options: z.strictObject({ mtu: z.int().default(1450), apiToken: z.string().optional(), size: z.int().default(3), peers: z.unknown(), url: z.string().default('https://me:tooSecret@example.org/x'), credentials: z.unknown() }) },
    options: { apiToken: 'tooSecret', size: 4, peers: [{ name: 'a', password: 'tooSecret' }], credentials: { user: 'tooSecret', pem: ['tooSecret'] } } }),
  plugin('other', (ctx) => ctx.tap(ctx.use.hook, () => undefined), { requires: { hook: token('base.hook') } })`,
  `log: { level: 'info' }, clusters: { m1: { kubeconfig: 'inlineSecret', context: 'x' } },`,
).replaceAll('globalThis.t', '(globalThis as any).t');

describe('operating kosmos', function () {
  this.timeout(180_000);
  let run: string;
  beforeEach(() => (run = mkdtempSync(join(tmpdir(), 'kosmos-run-'))));
  afterEach(endAll);
  afterEach(() => rmSync(run, { recursive: true, force: true }));
  const env = () => ({ KOSMOS_RUN_DIR: run });
  const withoutClusters = CONFIG.replace(/clusters: \{.*\},/, '');

  it('status shows a running process, as tables and as JSON, and log-level changes what it logs', async () => {
    using dir = folder({ 'kosmos.config.ts': withoutClusters });
    const running = start(dir.path, ['run', '--role', 'manager', '--cluster', 'east'], env(), { deadlineMs: 170_000 });
    let logged = '';
    running.child.stderr?.on('data', (text: string) => (logged += text));
    await running.ready;
    const { code, stdout } = await start(dir.path, ['status'], env()).done;
    expect(code).to.equal(0);
    expect(stdout).to.match(new RegExp(`PROCESS +PID +AT +STATE .*\\nmanager +${running.child.pid} +east +ready `));
    expect(stdout).to.match(/PLUGIN +VERSION +STATE .*\nbase +1\.0\.0 +runs .*\nother +1\.0\.0 +runs /);
    const [json] = JSON.parse((await start(dir.path, ['status', '-o', 'json'], env()).done).stdout) as [Record<string, unknown>];
    expect(json).to.include({ pid: running.child.pid, state: 'ready' }).and.to.have.property('informers');
    expect(JSON.stringify(json)).not.to.include('tooSecret');

    expect(logged).not.to.include('beat');
    expect((await start(dir.path, ['log-level', 'debug'], env()).done).stdout).to.equal(`manager-${running.child.pid}: debug\n`);
    await eventually(() => logged.includes('beat'), { message: 'a debug line', timeoutMs: 10_000 });
    expect(logged).not.to.include('"secret"');
    const wrong = await start(dir.path, ['log-level', 'loud'], env()).done;
    expect(wrong.code).to.equal(1);
    expect(wrong.stderr).to.include("there is no level 'loud'; there are: trace, debug, info, warn, error, silent");

    const plugins = await start(dir.path, ['plugins'], env()).done;
    expect(plugins.stdout).to.match(/base +1\.0\.0 +all +- +base\.hook +- +\d+ms +manager=\d+ms/);
    expect(plugins.stdout).to.match(/other +1\.0\.0 +all +base\.hook +- +base\.ask +\d+ms +manager=\d+ms/);
    running.child.kill('SIGTERM');
    expect((await running.done).code).to.equal(0);
    expect(readdirSync(run)).to.deep.equal([]);
  });

  it('run keeps the space of young objects small, since a collection of a large one takes long', async () => {
    using dir = folder({ 'kosmos.config.ts': config('', `http: { port: 0 }, log: { format: 'json' }`) });
    const running = start(dir.path, ['run', '--role', 'manager'], env());
    let logged = '';
    running.child.stderr?.on('data', (text: string) => (logged += text));
    await running.ready;
    const port = () => /"port":(\d+)/.exec(logged)?.[1];
    await eventually(port, { message: 'the port to be logged', timeoutMs: 10_000 });
    const metrics = await (await fetch(`http://127.0.0.1:${port()}/metrics`)).text();
    const young = Number(/heap_space_size_total_bytes\{space="new"\} (\d+)/.exec(metrics)?.[1]);
    expect(young).to.be.within(1, 2 * 2 ** 20);
    running.child.kill('SIGTERM');
    await running.done;
  });

  it('status says so where nothing runs, and removes what a killed process left', async () => {
    using dir = folder({ 'kosmos.config.ts': withoutClusters });
    const running = start(dir.path, ['run', '--role', 'manager'], env());
    await running.ready;
    running.child.kill('SIGKILL');
    await running.done;
    expect(readdirSync(run)).to.have.length(1);
    const { code, stderr } = await start(dir.path, ['status'], env()).done;
    expect(code).to.equal(1);
    expect(stderr).to.include('error: no kosmos process of this user runs on this machine').and.include('KOSMOS_E_NO_PROCESS');
    expect(readdirSync(run)).to.deep.equal([]);
  });

  it('status asks an address, and says why none answers there', async () => {
    using dir = folder();
    const { code, stderr } = await start(dir.path, ['status', '--address', 'http://127.0.0.1:1'], env()).done;
    expect(code).to.equal(1);
    expect(stderr).to.include('no kosmos process answers at http://127.0.0.1:1');
  });

  it('config shows each value and where it comes from, and no secret', async () => {
    using dir = folder({ 'kosmos.config.ts': CONFIG });
    const { code, stdout, stderr } = await start(dir.path, ['config', '-o', 'json', '--log-level', 'debug']).done;
    expect({ code, stderr }).to.deep.equal({ code: 0, stderr: '' });
    const entries = JSON.parse(stdout) as { path: string; value: unknown; source: string }[];
    const at = (path: string) => entries.filter((entry) => entry.path === path).map(({ value, source }) => [value, source]);
    const file = 'kosmos.config.ts';
    expect(at('clusters.m1.kubeconfig')).to.deep.equal([['********', file]]);
    expect(at('clusters.m1.context')).to.deep.equal([['x', file]]);
    expect(at('log.level')).to.deep.equal([['debug', '--log-level']]);
    expect(at('timeouts.stopMs')).to.deep.equal([[300, file]]);
    expect(at('timeouts.shutdownMs')).to.deep.equal([[25_000, 'default']]);
    expect(at('plugins[0].mtu')).to.deep.equal([[1450, 'default']]);
    expect(at('plugins[0].size')).to.deep.equal([[4, file]]);
    for (const path of ['apiToken', 'credentials']) expect(at(`plugins[0].${path}`)).to.deep.equal([['********', file]]);
    expect(at('plugins[0].peers')).to.deep.equal([[[{ name: 'a', password: '********' }], file]]);
    expect(at('plugins[0].url')).to.deep.equal([['https://********@example.org/x', 'default']]);
    expect(stdout).not.to.match(/tooSecret|inlineSecret/);
    const table = (await start(dir.path, ['config']).done).stdout;
    expect(table)
      .to.match(/^PATH +VALUE +SOURCE\n/)
      .and.not.to.match(/tooSecret|inlineSecret/);
  });

  it('config says which kubeconfig is taken where the config names none, and why', async () => {
    using dir = folder({ 'kosmos.config.ts': withoutClusters, 'mine.conf': '{}' });
    const mine = join(dir.path, 'mine.conf');
    const { stdout } = await start(dir.path, ['config'], { ...env(), KUBECONFIG: `/nowhere:${mine}` }).done;
    expect(stdout).to.match(new RegExp(`\\nclusters\\.host\\.kubeconfigFile +${mine} +environment, KUBECONFIG\\n`));
  });

  it('ends within its deadline on SIGTERM, however long plugins take, and names them', async () => {
    const slow = (name: string) => `plugin('${name}', (ctx) => { ctx.onStop(() => new Promise(() => {})); })`;
    const text = config(`${slow('a')}, ${slow('b')}, ${slow('c')}`).replace('stopMs: 300', 'stopMs: 60_000, shutdownMs: 400');
    using dir = folder({ 'kosmos.config.ts': text });
    const running = start(dir.path, ['run', '--role', 'manager'], env());
    await running.ready;
    running.child.kill('SIGTERM');
    const { code, stderr } = await running.done;
    expect(code).to.equal(1);
    for (const name of ['a', 'b', 'c']) expect(stderr).to.include(`plugin '${name}' hangs: its stop was not done in`);
    expect(existsSync(run)).to.equal(true);
  });
});
