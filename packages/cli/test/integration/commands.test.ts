import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import type { Readable } from 'node:stream';
import { expect } from 'chai';
import { config } from '../support/configs.ts';
import { folder, kosmos, start } from '../support/spawn.ts';

const { version } = JSON.parse(readFileSync(resolve(import.meta.dirname, '../../package.json'), 'utf8')) as { version: string };

/** A config with a plugin that brings commands which print what they got. */
const COMMANDS = config(`plugin('talk', (ctx) => {
  const print = async (c: any) => { c.stdout.write(JSON.stringify({ args: c.args, options: c.options, configFile: c.configFile }) + '\\n'); };
  ctx.provide('commands', { path: ['say'], summary: 'says it', arguments: [{ name: '[words...]', description: 'what' }], help: 'Example: kosmos say hello',
    options: [{ flags: '-o, --output <format>', description: 'how', choices: ['json', 'yaml'], default: 'json' }, { flags: '--to <name>', description: 'whom', repeat: true }], run: print });
  ctx.provide('commands', { path: ['deep', 'down'], summary: 'goes deep', run: async () => 7 });
  ctx.provide('commands', { path: ['deep', 'exec'], summary: 'passes on', passThrough: true, run: print });
  ctx.provide('commands', { path: ['fail'], summary: 'fails', run: async () => { throw new TypeError('no way'); } });
  ctx.provide('commands', { path: ['wait'], summary: 'waits', run: (c: any) => new Promise((_, reject) => { process.send?.('waiting'); const t = setInterval(() => {}, 1000); c.signal.addEventListener('abort', () => { clearInterval(t); reject(c.signal.reason); }); }) });
  ctx.provide('commands', { path: ['chatter'], summary: 'talks until it is told to end', run: (c: any) => new Promise((_, reject) => { const t = setInterval(() => c.stdout.write('on and on\\n'), 10); c.signal.addEventListener('abort', () => { clearInterval(t); reject(c.signal.reason); }); }) });
  ctx.onStop(async () => void process.stderr.write('stopped\\n'));
}, { provides: { commands: Commands } })`);

describe('kosmos', () => {
  it('version prints its version', async () => {
    using dir = folder();
    for (const how of ['version', '--version', '-V'])
      expect(await kosmos(dir.path, how)).to.deep.equal({ code: 0, stdout: `${version}\n`, stderr: '' });
  });

  it('help shows the commands that plugins of the config bring', async () => {
    using dir = folder({ 'kosmos.config.ts': COMMANDS });
    const { code, stdout } = await kosmos(dir.path, 'help');
    expect(code).to.equal(0);
    for (const line of ['run [options]', 'say [options] [words...]', 'down, exec']) expect(stdout).to.include(line);
    expect((await kosmos(dir.path, 'help', 'say')).stdout)
      .to.include('choices: "json", "yaml"')
      .and.include('Example: kosmos say hello');
    expect(stdout).not.to.include('\u001b[', 'colours, where this is no terminal');
  });

  it('passes arguments and options to a command, and returns its exit code', async () => {
    using dir = folder({ 'kosmos.config.ts': COMMANDS });
    const said = await kosmos(dir.path, 'say', 'a', 'b', '--to', 'x', '--to', 'y', '-o', 'yaml');
    expect(JSON.parse(said.stdout)).to.deep.equal({
      args: ['a', 'b'],
      options: { output: 'yaml', to: ['x', 'y'] },
      configFile: `${dir.path}/kosmos.config.ts`,
    });
    expect(said).to.include({ code: 0, stderr: 'stopped\n' });
    expect((await kosmos(dir.path, 'deep', 'down')).code).to.equal(7);
  });

  it('takes --config before and after the command', async () => {
    using dir = folder({ 'other.ts': COMMANDS });
    for (const args of [
      ['-c', 'other.ts', 'say'],
      ['say', '--config=other.ts'],
      ['say', '-c', 'other.ts', '--log-level', 'debug'],
    ]) {
      expect(JSON.parse((await kosmos(dir.path, ...args)).stdout)).to.include({ configFile: `${dir.path}/other.ts` });
    }
  });

  it('leaves everything after a pass-through command to it', async () => {
    using dir = folder({ 'kosmos.config.ts': COMMANDS });
    const { stdout } = await kosmos(dir.path, 'deep', 'exec', 'pod', 'sh', '-c', 'ls --all', '--config', 'x', '--', '-o');
    expect((JSON.parse(stdout) as { args: string[] }).args).to.deep.equal(['pod', 'sh', '-c', 'ls --all', '--config', 'x', '--', '-o']);
  });

  it('suggests a command or an option for one that it does not know', async () => {
    using dir = folder({ 'kosmos.config.ts': COMMANDS });
    const unknown = await kosmos(dir.path, 'sya');
    expect(unknown.stderr).to.include("error: unknown command 'sya'").and.include('(Did you mean say?)');
    expect(unknown).to.include({ code: 2, stdout: '' });
    expect((await kosmos(dir.path, 'say', '--ouput', 'json')).stderr).to.include('(Did you mean --output?)');
  });

  it('without a command shows the help and fails', async () => {
    using dir = folder({ 'kosmos.config.ts': COMMANDS });
    const { code, stderr } = await kosmos(dir.path);
    expect(stderr).to.include('Usage: kosmos');
    expect(code).to.equal(2);
  });

  it('tells a fault in one line, and where only when asked', async () => {
    using dir = folder({ 'kosmos.config.ts': COMMANDS });
    const plain = await kosmos(dir.path, 'fail');
    expect(plain.stderr).to.equal(
      'stopped\nerror: no way\n  This is a fault of Kosmos or of a plugin. KOSMOS_DEBUG=1 shows where it happened.\n',
    );
    expect(plain.code).to.equal(1);
    expect((await start(dir.path, ['fail'], { KOSMOS_DEBUG: '1' }).done).stderr).to.match(
      /TypeError: no way\n\s+at .*kosmos\.config\.ts:\d+/,
    );
  });

  it('ends quietly when nobody reads its output, a command in order', async () => {
    using dir = folder({ 'kosmos.config.ts': COMMANDS });
    for (const args of [['version'], ['help'], ['say', 'hello'], ['chatter']]) {
      const { child, done } = start(dir.path, args);
      child.stdout?.destroy();
      const { code, stderr } = await done;
      expect(stderr, args.join(' ')).to.equal(args.length > 1 || args[0] === 'chatter' ? 'stopped\n' : '');
      expect(code, args.join(' ')).to.equal(args[0] === 'chatter' ? 130 : 0);
    }
  });

  it('ends a command on Ctrl-C, in order', async () => {
    using dir = folder({ 'kosmos.config.ts': COMMANDS });
    const running = start(dir.path, ['wait']);
    await running.ready;
    running.child.kill('SIGINT');
    expect(await running.done).to.deep.equal({ code: 130, stdout: '', stderr: 'stopped\n' });
  });
});

describe('the launcher', () => {
  const old = (process.env.PATH ?? '')
    .split(':')
    .concat('/usr/local/bin', '/usr/bin')
    .map((path) => join(path, 'node'))
    .find((node) => existsSync(node) && Number(execFileSync(node, ['-p', 'process.versions.node.split(".")[0]'])) < 22);

  // Registered only where there is one.
  const itOld: (title: string, fn: Mocha.AsyncFunc) => unknown = old ? it : () => {};
  itOld('started by a Node that is too old, goes on with the one of the checkout: output, exit code, IPC and signals', async function () {
    if (!old) return;
    using dir = folder({ 'kosmos.config.ts': COMMANDS });
    expect((await start(dir.path, ['say', 'hello'], {}, { node: old }).done).stdout).to.include('"args":["hello"]');
    expect((await start(dir.path, ['deep', 'down'], {}, { node: old }).done).code).to.equal(7);
    const running = start(dir.path, ['run', '--role', 'manager'], {}, { node: old });
    expect(await running.ready).to.deep.equal({ type: 'ready' });
    running.child.kill('SIGTERM');
    const { code, stderr } = await running.done;
    expect(stderr).to.include('"stopped"');
    expect(code).to.equal(0);
  });
});

describe('kosmos run', () => {
  it('tells that it is ready as a line to the file descriptor in KOSMOS_READY_FD', async () => {
    using dir = folder({ 'kosmos.config.ts': config(`plugin('net')`) });
    const { child, done } = start(dir.path, ['run', '--role', 'manager'], { KOSMOS_READY_FD: '4' }, { more: ['pipe'] });
    const line = await Promise.race([once(child.stdio[4] as Readable, 'data'), done]);
    expect(String(line)).to.equal('{"type":"ready"}\n');
    child.kill('SIGTERM');
    expect((await done).code).to.equal(0);
  });

  it('tells when it is ready, and stops in order on SIGTERM', async () => {
    using dir = folder({
      'kosmos.config.ts': config(
        `plugin('net', (ctx) => { ctx.onStart(async () => {}); const t = setInterval(() => {}, 1000); ctx.onStop(async () => clearInterval(t)); })`,
        `log: { format: 'json' }`,
      ),
    });
    const running = start(dir.path, ['run', '--role', 'agent', '--node', 'n1']);
    expect(await running.ready).to.deep.equal({ type: 'ready' });
    running.child.kill('SIGTERM');
    const { code, stderr } = await running.done;
    const lines = stderr
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as Record<string, unknown>);
    expect(lines.map((line) => line.msg)).to.deep.equal(['ready', 'stopping', 'stopped']);
    expect(lines[0])
      .to.include({ role: 'agent' })
      .and.deep.include({ plugins: ['net'] });
    expect(code).to.equal(0);
  });

  it('ends with an error, in order, on a fault that nothing handles', async () => {
    using dir = folder({
      'kosmos.config.ts': config(
        `plugin('net', (ctx) => { ctx.onReady(async () => void setImmediate(throws)); ctx.onStop(async () => void process.stderr.write('net stopped\\n')); })`,
      ),
    });
    const { code, stderr } = await kosmos(dir.path, 'run', '--role', 'manager');
    expect(stderr)
      .to.include('error: boom\n')
      .and.include('net stopped\n')
      .and.not.match(/\n\s+at .*:\d+:\d+/);
    expect(code).to.equal(1);
  });

  it('ends with an error when a plugin does not stop in time', async () => {
    using dir = folder({
      'kosmos.config.ts': config(`plugin('net', (ctx) => ctx.onStop(() => new Promise(() => setInterval(() => {}, 1000))))`),
    });
    const running = start(dir.path, ['run', '--role', 'manager']);
    await running.ready;
    running.child.kill('SIGTERM');
    const { code, stderr } = await running.done;
    expect(stderr).to.include("error: plugin 'net' hangs: its stop was not done in 0.3 s");
    expect(code).to.equal(1);
  });
});
