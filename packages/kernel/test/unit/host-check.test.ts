import { type Config, type Plugin, definePlugin, many, part, token } from '@kosmos/kernel';
import { type ErrorCode, createKernel, problemsIn } from '@kosmos/kernel/runtime';
import { expect } from 'chai';
import * as z from 'zod';
import { satisfies } from '../../src/host/version.ts';
import { memoryLog, plugin } from '../fixtures/host.ts';

async function problems(config: unknown, more: object = {}) {
  try {
    await createKernel({ config: config as Config, configFile: '/x/kosmos.config.ts', role: 'manager', log: memoryLog(), ...more });
  } catch (error) {
    const found = problemsIn(error);
    if (!found) throw error;
    return found;
  }
  return [];
}
const messages = async (config: unknown) => (await problems(config)).map((error) => error.message);
const codes = async (config: unknown): Promise<ErrorCode[]> => (await problems(config)).map((error) => error.code as ErrorCode);

const A = token<number>('alpha.number');
const B = token<number>('beta.number');
const gives = (name: string, t: typeof A, requires = {}) => plugin(name, (ctx) => ctx.provide('it', 1), { provides: { it: t }, requires });

describe('a config', () => {
  it('tells everything that is wrong at once, each with its path, what was found and what is allowed', async () => {
    const wrong = {
      plugins: [],
      http: { port: 70_000 },
      log: { level: 'loud', colour: true },
      timeouts: { startMs: '5s' },
      clusters: { Host: { inCluster: true }, a: { kubeconfig: 'secret', file: 1 }, b: 'admin.conf' },
      verbos: 1,
    };
    expect(await messages(wrong)).to.have.members([
      'http.port: Too big: expected number to be <=65535; found 70000',
      'log.level: expected one of "trace"|"debug"|"info"|"warn"|"error"|"silent"; found "loud"',
      "log.colour: unknown option 'colour'",
      'timeouts.startMs: expected number; found "5s"',
      'clusters.Host: a cluster name is lower case letters, digits, - and .; found an object with inCluster',
      "clusters.a.file: unknown option 'file'",
      'clusters.b: expected { kubeconfigFile, context? }, { kubeconfig, context? } or { inCluster: true }; found "admin.conf"',
      "verbos: unknown option 'verbos'",
    ]);
    const [first] = await problems({ plugins: [], logs: {} });
    expect(first).to.include({
      code: 'KOSMOS_E_CONFIG_INVALID',
      where: '/x/kosmos.config.ts',
      hint: "Did you mean 'log'? Allowed: clusters, plugins, log, http, timeouts.",
    });
  });

  it('must be an object with a list of plugins', async () => {
    expect(await messages(undefined)).to.deep.equal(['config: expected object; found nothing']);
    expect(await messages({})).to.deep.equal(['plugins: expected array; found nothing']);
  });

  it('may nest plugins and switch them off', async () => {
    const log = memoryLog();
    const config: Config = { plugins: [false, [plugin('a'), [null, plugin('b')]], undefined] };
    expect((await createKernel({ config, role: 'manager', log })).plugins).to.deep.equal(['a', 'b']);
  });
});

describe('a plugin', () => {
  it('that is none is refused, with its place', async () => {
    const factory = definePlugin({ name: 'x', version: '1.0.0', apiVersion: 1, kernel: '*', options: z.object({}), parts: {} });
    expect(await messages({ plugins: [factory, [{}], 'vxlan'] })).to.deep.equal([
      'plugins[0]: found a function, not a plugin',
      'plugins[1][0]: found an empty object, not a plugin (what a factory made by definePlugin returns)',
      'plugins[2]: found "vxlan", not a plugin (what a factory made by definePlugin returns)',
    ]);
  });

  it('of an unsound shape is refused, with what is allowed', async () => {
    const sound = plugin('sound').spec;
    const made = (more: object) => ({ $$type: 'kosmos/plugin', input: {}, required: true, spec: { ...sound, ...more } });
    const plugins = [
      made({ name: 'Big' }),
      made({ version: 'one' }),
      made({ kernel: 'new' }),
      made({ options: {} }),
      made({ parts: { boss: sound.parts.all } }),
      made({ parts: { manager: {} } }),
    ];
    expect(await messages({ plugins })).to.deep.equal([
      `plugins[0]: the plugin's name is "Big"; allowed is kebab-case, e.g. network-vxlan`,
      `plugins[1]: the version of plugin 'sound' is "one"; allowed is a semantic version, e.g. 1.2.0`,
      `plugins[2]: the kernel range of plugin 'sound' is "new"; allowed is a semver range, e.g. ^1.2`,
      `plugins[3]: the options of plugin 'sound' are no schema; give a Standard Schema, e.g. of zod`,
      `plugins[4]: plugin 'sound' has a part for the unknown role 'boss'; allowed: all, manager, agent, scheduler, dns, cli`,
      `plugins[5]: the part 'manager' of plugin 'sound' was not made with part()`,
    ]);
    expect(await codes({ plugins })).to.deep.equal(plugins.map(() => 'KOSMOS_E_PLUGIN_INVALID'));
  });

  it('made for another kernel or contract is refused', async () => {
    const found = await problems({
      plugins: [plugin('new', undefined, { kernel: '^9.1' }), plugin('other', undefined, { apiVersion: 2 })],
    });
    expect(found.map((e) => e.code)).to.deep.equal(['KOSMOS_E_PLUGIN_INCOMPATIBLE', 'KOSMOS_E_PLUGIN_INCOMPATIBLE']);
    expect(found[0]?.message).to.match(/^plugin 'new' 1\.0\.0 needs @kosmos\/kernel \^9\.1; found \d/);
    expect(found[1]?.message).to.equal("plugin 'other' 1.0.0 is made for contract version 2; this kernel has 1");
  });

  it('goes with a release candidate of its kernel, and of the line after', () => {
    expect(satisfies('1.2.0', '^1.1')).to.equal(true);
    expect(satisfies('2.0.0', '^1.1')).to.equal(false);
    expect(satisfies('2.0.0-rc.1', '^2.0.0')).to.equal(true);
    expect(satisfies('2.0.0-rc.1', '^1.1')).to.equal(true);
    expect(satisfies('2.0.0-beta.1', '^1.1')).to.equal(false);
    expect(satisfies('1.0.0-rc.1', '^1.1')).to.equal(false);
  });

  it('gets its options as its schema makes them, or every issue is told with its path', async () => {
    const schema = z.strictObject({
      mtu: z.int().min(576).max(9000).default(1400),
      peers: z.array(z.strictObject({ name: z.string() })).default([]),
    });
    let seen: unknown;
    const factory = definePlugin({
      name: 'net',
      version: '1.0.0',
      apiVersion: 1,
      kernel: '*',
      options: schema,
      parts: { all: part<z.output<typeof schema>>()({ setup: (_ctx, options) => void (seen = options) }) },
    });
    expect(await problems({ plugins: [factory()] })).to.deep.equal([]);
    expect(seen).to.deep.equal({ mtu: 1400, peers: [] });
    const found = await problems({ plugins: [factory({ mtu: 90_000, mtuu: 1, peers: [{ name: 7, port: 1 }] } as never)] });
    expect(found.map((e) => e.message)).to.have.members([
      "plugins[0].mtu of plugin 'net': Too big: expected number to be <=9000; found 90000",
      "plugins[0].mtuu: unknown option 'mtuu' of plugin 'net'",
      "plugins[0].peers[0].name of plugin 'net': expected string; found 7",
      "plugins[0].peers[0].port: unknown option 'port' of plugin 'net'",
    ]);
    expect(found.map((e) => e.hint))
      .to.include("Did you mean 'mtu'? Allowed: mtu, peers.")
      .and.include('Allowed: name.');
    expect(new Set(found.map((e) => e.code))).to.deep.equal(new Set(['KOSMOS_E_PLUGIN_OPTIONS']));
  });

  it('is there once', async () => {
    expect(await problems({ plugins: [plugin('a'), [plugin('a')]] })).to.have.length(1);
    expect((await problems({ plugins: [plugin('a'), [plugin('a')]] }))[0]).to.include({
      code: 'KOSMOS_E_PLUGIN_TWICE',
      message: "plugin 'a' is there twice: plugins[0] and plugins[1][0]",
    });
  });

  it('of the config goes before a built-in one of the same name', async () => {
    expect(await problems({ plugins: [plugin('a')] }, { builtin: [plugin('a'), plugin('b')] })).to.deep.equal([]);
  });
});

describe('parts', () => {
  const kernelOf = (plugins: Plugin[]) => createKernel({ config: { plugins }, role: 'manager', log: memoryLog() });

  it('are ordered by what they require, then as in the config', async () => {
    const kernel = await kernelOf([
      plugin('last', undefined, { requires: { a: A, b: B } }),
      plugin('first'),
      gives('b', B, { a: A }),
      gives('a', A),
    ]);
    expect(kernel.plugins).to.deep.equal(['a', 'b', 'last', 'first']);
  });

  it('receive what they declared and nothing else', async () => {
    let seen: unknown;
    await kernelOf([
      gives('a', A),
      gives('b', B),
      plugin('c', (ctx) => (seen = { use: { ...ctx.use }, maybe: { ...ctx.maybe } }), {
        requires: { x: A },
        optional: { no: token('no.body') },
      }),
    ]);
    expect(seen).to.deep.equal({ use: { x: 1 }, maybe: {} });
  });

  it('get all values of a token with many providers, in the order of plugins', async () => {
    const Many = many<string>('m.words');
    const word = (name: string) => plugin(name, (ctx) => ctx.provide('w', name), { provides: { w: Many } });
    let seen: unknown;
    await kernelOf([plugin('reader', (ctx) => (seen = ctx.use.words), { requires: { words: Many } }), word('x'), word('y')]);
    expect(seen).to.deep.equal(['x', 'y']);
  });

  it('that require what nobody provides are told, with who would', async () => {
    const needy = plugin('needy', undefined, { requires: { a: A } });
    const [error] = await problems({ plugins: [needy] });
    expect(error).to.include({
      code: 'KOSMOS_E_TOKEN_MISSING',
      message: "plugin 'needy' requires 'alpha.number', which nobody provides",
      where: 'plugin needy, role manager',
    });
    expect(error?.hint).to.equal(
      "It is defined by plugin 'alpha': add that plugin to `plugins`, or another one that provides 'alpha.number'.",
    );
    const elsewhere = plugin('alpha', (ctx) => ctx.provide('a', 1), { provides: { a: A }, role: 'agent' });
    expect((await problems({ plugins: [needy, elsewhere] }))[0]?.hint).to.equal(
      "Plugin 'alpha' provides it in the role agent only, not in manager.",
    );
    const older = plugin('alpha', (ctx) => ctx.provide('a', 1), { provides: { a: token('alpha.number', { major: 2 }) } });
    expect((await problems({ plugins: [needy, older] }))[0]?.hint).to.match(/^Plugin 'alpha' provides version 2 of it/);
  });

  it('that provide the same, or need each other in a circle, are told all at once', async () => {
    const C = token<number>('c.number');
    const plugins = [
      gives('one', C),
      gives('two', C),
      gives('a', A, { b: B }),
      gives('b', B, { a: A }),
      plugin('needy', undefined, { requires: { x: token('x.x') } }),
    ];
    const found = await problems({ plugins });
    expect(found.map((e) => [e.code, e.message])).to.have.deep.members([
      ['KOSMOS_E_TOKEN_TWICE', "plugins 'one' and 'two' both provide 'c.number'"],
      ['KOSMOS_E_TOKEN_MISSING', "plugin 'needy' requires 'x.x', which nobody provides"],
      ['KOSMOS_E_TOKEN_CYCLE', 'plugins require each other in a circle: a -> b -> a'],
    ]);
  });

  it('must provide exactly what they declare', async () => {
    const silent = plugin('silent', undefined, { provides: { it: A } });
    const loud = plugin('loud', (ctx) => ctx.provide('other' as never, 1 as never));
    expect((await problems({ plugins: [silent, loud] })).map((e) => [e.code, e.message])).to.deep.equal([
      ['KOSMOS_E_PROVIDE', "plugin 'silent' declares that it provides it but did not"],
      ['KOSMOS_E_PROVIDE', "plugin 'loud' provides 'other', which its part does not declare"],
    ]);
  });

  it('that throw in setup, or make it asynchronous, are all told', async () => {
    const bad = plugin('bad', () => {
      throw new Error('boom');
    });
    const slow = plugin('slow', (async () => {}) as () => void);
    expect((await problems({ plugins: [bad, slow] })).map((e) => [e.code, e.message, e.where])).to.deep.equal([
      ['KOSMOS_E_SETUP', "plugin 'bad' failed in setup: boom", 'plugin bad, setup'],
      ['KOSMOS_E_SETUP', "plugin 'slow' returned a promise from setup, which must be synchronous", 'plugin slow, setup'],
    ]);
  });

  it('may not declare after setup', async () => {
    let late = () => {};
    await kernelOf([plugin('late', (ctx) => (late = () => ctx.onStop(async () => {})))]);
    expect(late).to.throw("plugin 'late' calls onStop after its setup").with.property('code', 'KOSMOS_E_LATE');
  });
});

describe('the runtime', () => {
  it('refuses to run beside a second copy of itself', async () => {
    const shared = globalThis as { [key: symbol]: unknown };
    const key = Symbol.for('kosmos.runtime');
    const before = shared[key];
    shared[key] = 'file:///elsewhere/package.json';
    try {
      expect(await codes({ plugins: [] })).to.deep.equal(['KOSMOS_E_RUNTIME_TWICE']);
    } finally {
      shared[key] = before;
    }
  });
});
