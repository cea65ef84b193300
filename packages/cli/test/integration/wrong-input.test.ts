/** What wrong input gets: one clear message each, all at once, a non-zero exit, nothing left. */
import { createServer } from 'node:http';
import { type AddressInfo, createServer as createTcpServer } from 'node:net';
import { join } from 'node:path';
import { expect } from 'chai';
import { config } from '../support/configs.ts';
import { type Done, folder, kosmos } from '../support/spawn.ts';

/** Runs a manager with this config; what it printed, the folder's name taken out. */
async function manager(text: string, name = 'kosmos.config.ts'): Promise<Done & { readonly errors: string[] }> {
  using dir = folder({ [name]: text });
  const done = await kosmos(dir.path, 'run', '--role', 'manager', '--config', name);
  expect(done.stdout).to.equal('');
  expect(dir.files()).to.deep.equal([name]);
  expect(done.stderr).not.to.match(/\n\s+at .*:\d+:\d+/, 'a stack');
  const stderr = done.stderr.replaceAll(dir.path, '.');
  return {
    ...done,
    stderr,
    errors: stderr
      .split('\n')
      .filter((line) => line.startsWith('error: '))
      .map((line) => line.slice(7)),
  };
}

function expectOne(done: Done, ...lines: string[]): void {
  expect(
    done.stderr
      .trimEnd()
      .split('\n')
      .map((line) => line.trim()),
  ).to.include.members(lines);
  expect(done.code).to.equal(1);
}

describe('kosmos run', () => {
  it('without a config file says so', async () => {
    using dir = folder();
    expectOne(
      await kosmos(dir.path, 'run', '--role', 'manager'),
      `error: no config file: there is no kosmos.config.ts, kosmos.config.js, kosmos.config.mjs in ${dir.path}`,
      'Write a kosmos.config.ts in this folder, or name one: --config FILE.',
      'KOSMOS_E_CONFIG_NONE',
    );
    expectOne(
      await kosmos(dir.path, 'run', '--role', 'manager', '-c', 'no.ts'),
      `error: no config file: ${join(dir.path, 'no.ts')} does not exist`,
    );
  });

  it('without a role, or with an unknown one, says which there are', async () => {
    using dir = folder();
    for (const args of [[], ['--role', 'boss']]) {
      const { code, stderr } = await kosmos(dir.path, 'run', ...args);
      expect(stderr).to.match(
        args.length > 0 ? /'boss' is invalid\. Allowed choices are manager, agent, scheduler, dns/ : /required option '--role <role>'/,
      );
      expect(code).to.equal(2);
    }
  });

  it('as an agent without a node says so', async () => {
    using dir = folder();
    expectOne(await kosmos(dir.path, 'run', '--role', 'agent'), 'error: the role agent needs the name of its node', 'Add --node NAME.');
  });
});

describe('a config that', () => {
  it('does not parse is told with file and line, in TypeScript and in JavaScript', async () => {
    const broken = 'export default {\n  plugins: [],\n  log: {\n};\n';
    for (const name of ['kosmos.config.ts', 'kosmos.config.mjs']) {
      const done = await manager(broken, name);
      expect(done.errors).to.have.length(1);
      expect(done.errors[0]).to.match(/^the config does not parse: /);
      expectOne(done, `at ./${name}:4`, 'KOSMOS_E_CONFIG_LOAD');
    }
  });

  it('lies in a CommonJS package, as npm init makes it, is told what to change there', async () => {
    using dir = folder({ 'kosmos.config.ts': config(''), 'package.json': '{ "name": "mine", "type": "commonjs" }' });
    expectOne(
      await kosmos(dir.path, 'run', '--role', 'manager'),
      'error: the config is an ES module, but the package.json beside it says that files are CommonJS',
      'Make it "type": "module" there: npm pkg set type=module.',
    );
  });

  it('imports a package that is not installed is told what to install', async () => {
    expectOne(
      await manager(`import { nat } from 'kosmos-plugin-nat';\nexport default { plugins: [nat()] };\n`),
      "error: the config imports the package 'kosmos-plugin-nat', which is not installed",
      'npm install kosmos-plugin-nat',
    );
  });

  it('throws is told with its line', async () => {
    expectOne(
      await manager(`const none: any = undefined;\nexport default { plugins: none.list };\n`),
      "error: the config failed while it was loaded: Cannot read properties of undefined (reading 'list')",
      'at ./kosmos.config.ts:2',
    );
    expectOne(
      await manager(`export default () => {\n  throw new Error('no REGION');\n};\n`),
      'error: the config function failed: no REGION',
      'at ./kosmos.config.ts:2',
    );
  });

  it('has no default export is told what to write', async () => {
    expectOne(
      await manager('export const config = {};\n'),
      'error: the config has no default export',
      'End it with: export default defineConfig({ plugins: [...] });',
    );
  });

  it('has unknown options, wrong types and values out of range is told all of them with their paths', async () => {
    const done = await manager(
      config(
        `plugin('net', () => {}, { options: { mtu: 90000, mtuu: 1 } })`,
        `http: { port: '80', hots: 'a' }, log: { level: 'loud' }, clusters: { a: { file: 'x' } }`,
      ),
    );
    expect(done.errors).to.have.members([
      'http.port: expected number; found "80"',
      "http.hots: unknown option 'hots'",
      'log.level: expected one of "trace"|"debug"|"info"|"warn"|"error"|"silent"; found "loud"',
      'clusters.a: expected { kubeconfigFile, context? }, { kubeconfig, context? } or { inCluster: true }; found an object with file',
      "plugins[0].mtu of plugin 'net': Too big: expected number to be <=9000; found 90000",
      "plugins[0].mtuu: unknown option 'mtuu' of plugin 'net'",
    ]);
    expectOne(
      done,
      "Did you mean 'host'? Allowed: host, port.",
      "Did you mean 'mtu'? Allowed: mtu.",
      'at ./kosmos.config.ts',
      '6 problems',
    );
  });
});

describe('a plugin that', () => {
  it('is missing is told with who needs it', async () => {
    expectOne(
      await manager(config(`plugin('gateway', () => {}, { requires: { net: token('network-vxlan.network') } })`)),
      "error: plugin 'gateway' requires 'network-vxlan.network', which nobody provides",
      'at plugin gateway, role manager',
      "It is defined by plugin 'network-vxlan': add that plugin to `plugins`, or another one that provides 'network-vxlan.network'.",
      'KOSMOS_E_TOKEN_MISSING',
    );
  });

  it('is there twice is told with both places', async () => {
    expectOne(
      await manager(config(`plugin('net'), [plugin('net')]`)),
      "error: plugin 'net' is there twice: plugins[0] and plugins[1][0]",
      'KOSMOS_E_PLUGIN_TWICE',
    );
  });

  it('is in a circle is told with the whole circle', async () => {
    const circle = (name: string, gives: string, needs: string) =>
      `plugin('${name}', () => {}, { provides: { x: token('${gives}') }, requires: { y: token('${needs}') } })`;
    expectOne(
      await manager(config([circle('a', 'a.x', 'c.x'), circle('b', 'b.x', 'a.x'), circle('c', 'c.x', 'b.x')].join(', '))),
      'error: plugins require each other in a circle: a -> c -> b -> a',
      'KOSMOS_E_TOKEN_CYCLE',
    );
  });

  it('is made for another kernel is told with both versions', async () => {
    const done = await manager(config(`plugin('net', () => {}, { spec: { kernel: '^9.0.0' } })`));
    expect(done.errors[0]).to.match(/^plugin 'net' 1\.0\.0 needs @kosmos\/kernel \^9\.0\.0; found \d+\.\d+\.\d+$/);
    expectOne(done, 'at ./kosmos.config.ts: plugins[0]', 'KOSMOS_E_PLUGIN_INCOMPATIBLE');
  });

  it('is its factory, not called, is told so', async () => {
    expectOne(
      await manager(config(`definePlugin`)),
      'error: plugins[0]: found a function (definePlugin), not a plugin',
      'Call the factory that the plugin package exports: plugins: [vxlan()].',
    );
  });

  it('throws in setup is named, with every other that does', async () => {
    const done = await manager(config(`plugin('net', throws), plugin('dns', throws)`));
    expect(done.errors).to.deep.equal(["plugin 'net' failed in setup: boom", "plugin 'dns' failed in setup: boom"]);
    expectOne(done, 'at plugin net, setup', 'KOSMOS_E_SETUP', '2 problems');
  });

  it('throws in start is named, and the others are stopped', async () => {
    const done = await manager(
      config(
        `plugin('fine', (ctx) => ctx.onStop(async () => void process.stderr.write('fine stopped\\n'))), plugin('net', (ctx) => ctx.onStart(async () => throws()))`,
      ),
    );
    expectOne(done, 'fine stopped', "error: plugin 'net' failed in start: boom", 'at plugin net, start', 'KOSMOS_E_START');
  });

  it('hangs in start is named, even where it holds the process', async () => {
    const done = await manager(config(`plugin('net', (ctx) => ctx.onStart(() => new Promise(() => setInterval(() => {}, 1000))))`));
    expectOne(done, "error: plugin 'net' hangs: its start was not done in 0.3 s", 'at plugin net, start', 'KOSMOS_E_START_TIMEOUT');
  });
});

describe('a cluster', () => {
  const kubeconfig = (server: string) =>
    JSON.stringify({
      apiVersion: 'v1',
      kind: 'Config',
      'current-context': 'c',
      contexts: [{ name: 'c', context: { cluster: 'c', user: 'u' } }],
      clusters: [{ name: 'c', cluster: { server } }],
      users: [{ name: 'u', user: { token: 't' } }],
    });
  /** A manager that watches pods of the host cluster. */
  const watching = (access: object) =>
    manager(
      config(
        `plugin('net', (ctx) => ctx.informer({ group: '', version: 'v1', kind: 'Pod', plural: 'pods', namespaced: true }))`,
        `clusters: { host: ${JSON.stringify(access)} }`,
      ),
    );

  it('whose kubeconfig is missing is told with the path, from the config on', async () => {
    const done = await watching({ kubeconfigFile: 'host.conf' });
    expectOne(
      done,
      "error: the kubeconfig of cluster 'host' cannot be read: there is no such file",
      'at ./host.conf',
      'KOSMOS_E_CLUSTER_ACCESS',
    );
    expect(done.errors).to.have.length(1);
  });

  it('whose server nobody listens for is told with its address', async () => {
    const done = await watching({ kubeconfig: kubeconfig('https://127.0.0.1:1') });
    expectOne(
      done,
      "error: the API server of cluster 'host' at https://127.0.0.1:1 cannot be reached: nothing listens there (ECONNREFUSED)",
      'KOSMOS_E_CLUSTER_UNREACHABLE',
    );
    expect(done.errors).to.have.length(1);
  });

  it('whose server takes connections and says nothing is told', async () => {
    const server = createTcpServer((socket) => void socket.on('error', () => {}).resume());
    await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
    const { port } = server.address() as AddressInfo;
    try {
      const done = await watching({ kubeconfig: kubeconfig(`http://127.0.0.1:${port}`) });
      expectOne(done, 'error: the first lists from the clusters did not arrive in 0.3 s; not answering: host', 'KOSMOS_E_SYNC_TIMEOUT');
    } finally {
      await new Promise((done) => server.close(done));
    }
  });

  it('that a command asks for and nobody knows is told', async () => {
    const name = 'kosmos.config.ts';
    using dir = folder({
      [name]: config(
        `plugin('net', (ctx) => ctx.provide('c', { path: ['look'], summary: 'looks', run: async (c: any) => void c.clusters.client('nope') }), { provides: { c: Commands } })`,
      ),
    });
    const done = await kosmos(dir.path, 'look');
    expect(done.stderr).to.match(/^error: there is no cluster 'nope'; known: .*\n {2}at cluster nope\n.*\n {2}KOSMOS_E_CLUSTER_UNKNOWN\n$/);
    expect(done.code).to.equal(1);
  });
});

describe('a port for health that is in use', () => {
  it('is told', async () => {
    const server = createServer();
    await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
    const { port } = server.address() as AddressInfo;
    try {
      expectOne(
        await manager(config('', `http: { port: ${port} }`)),
        `error: port ${port} on 127.0.0.1 is in use`,
        'at config, http.port',
        'KOSMOS_E_PORT_IN_USE',
      );
    } finally {
      await new Promise((done) => server.close(done));
    }
  });
});
