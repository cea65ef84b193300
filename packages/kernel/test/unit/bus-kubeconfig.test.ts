import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { readAccess } from '../../src/clusters/kubeconfig.ts';
import { Registry } from '../../src/clusters/registry.ts';
import type { KosmosError, KosmosErrors } from '../../src/index.ts';
import { systemClock } from '../../src/services/clock.ts';
import { testLog } from '../support/engine.ts';

const text = (user: object = {}, cluster: object = {}) =>
  JSON.stringify({
    'current-context': 'x',
    clusters: [{ name: 'c', cluster: { server: 'https://127.0.0.1:6443/', ...cluster } }],
    users: [{ name: 'u', user }],
    contexts: [{ name: 'x', context: { cluster: 'c', user: 'u' } }],
  });

describe('kubeconfigs', () => {
  let folder: string;
  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'kosmos-kubeconfig-'));
  });
  after(() => rmSync(folder, { recursive: true }));
  const file = (name: string, content: string, mode = 0o600) => {
    writeFileSync(join(folder, name), content, { mode });
    return join(folder, name);
  };
  const refused = (access: Parameters<typeof readAccess>[1]): KosmosError => {
    try {
      readAccess('host', access);
    } catch (error) {
      return error as KosmosError;
    }
    throw new Error('it was accepted');
  };

  it('says which file is missing, and where the config names it', () => {
    const error = refused({ kubeconfigFile: '/nowhere/kubeconfig' });
    expect(error).to.include({ code: 'KOSMOS_E_CLUSTER_ACCESS', where: '/nowhere/kubeconfig' });
    expect(error.message).to.equal("the kubeconfig of cluster 'host' cannot be read: there is no such file");
    expect(error.hint).to.contain('clusters.host.kubeconfigFile');
  });

  for (const [what, content, says] of [
    ['text that is no YAML', 'a: [', /^not a kubeconfig: /],
    ['something else', 'hello: world', /^not a kubeconfig: clusters: .*; contexts: /],
    ['a server that is no URL', text({}, { server: 'nope' }), /clusters\.0\.cluster\.server: expected the URL of an API server/],
    ['a user that is not there', text().replace('"user":"u"', '"user":"v"'), /^there is no user 'v'; there are: u$/],
    ['no current context', text().replace('"current-context":"x"', '"other":"x"'), /^no current-context is set; contexts: x$/],
    [
      'a certificate file that is not there',
      text({ 'client-certificate': 'gone.pem' }),
      /it names the file .*gone\.pem, which cannot be read/,
    ],
  ] as const) {
    it(`refuses ${what}`, () => {
      expect(refused({ kubeconfigFile: file('bad', content) }).message).to.match(says);
    });
  }

  it('refuses a context that is not there, and names those that are', () => {
    expect(refused({ kubeconfig: text(), context: 'y' }).message).to.equal("there is no context 'y'; there are: x");
  });

  it('tells the problems of all clusters at once', () => {
    const bad = { a: { kubeconfigFile: '/nowhere/a' }, b: { kubeconfig: 'hello: world' } };
    expect(() => new Registry(bad, systemClock, testLog()).check())
      .to.throw()
      .and.satisfy((error: KosmosErrors) => error.errors.length === 2);
  });

  it('takes a context without a user, or a user without credentials', () => {
    const anonymous = text().replace(',"user":"u"', '');
    expect(readAccess('host', { kubeconfig: anonymous })).to.deep.equal({
      server: 'https://127.0.0.1:6443',
      tls: { rejectUnauthorized: true },
    });
    expect(readAccess('host', { kubeconfig: text() }).authorization).to.equal(undefined);
  });

  it('lead to a server without TLS too', async () => {
    const server = createServer((request, response) => {
      response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify({ path: request.url }));
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const registry = new Registry(
      { host: { kubeconfig: text({}, { server: `http://127.0.0.1:${(server.address() as AddressInfo).port}` }) } },
      systemClock,
      testLog(),
    );
    try {
      expect(await registry.client('host').request('GET', '/version')).to.deep.equal({ path: '/version' });
    } finally {
      registry.close();
      server.close();
    }
  });

  it('verifies the server unless the kubeconfig says not to', () => {
    expect(readAccess('host', { kubeconfig: text() }).tls.rejectUnauthorized).to.equal(true);
    expect(readAccess('host', { kubeconfig: text({}, { 'insecure-skip-tls-verify': true }) }).tls.rejectUnauthorized).to.equal(false);
  });

  it('reads inline data before files, and files beside the kubeconfig', () => {
    file('ca.pem', 'from file');
    const data = Buffer.from('inline').toString('base64');
    const from = (cluster: object) => readAccess('host', { kubeconfigFile: file('good', text({}, cluster)) }).tls.ca;
    expect(from({ 'certificate-authority': 'ca.pem' })).to.equal('from file');
    expect(from({ 'certificate-authority': 'ca.pem', 'certificate-authority-data': data })).to.equal('inline');
  });

  it('reads a token file again for each request, since it is renewed', async () => {
    const tokenFile = file('token', 'one\n');
    const { authorization } = readAccess('host', { kubeconfig: text({ tokenFile }) });
    expect(await authorization?.(false, 0)).to.equal('Bearer one');
    file('token', 'two\n');
    expect(await authorization?.(false, 0)).to.equal('Bearer two');
  });

  it('runs a credential plugin once until its token expires or is refused', async () => {
    const command = file(
      'plugin.sh',
      `#!/bin/sh\necho run >> ${folder}/runs\nprintf '{"status":{"token":"t%s","expirationTimestamp":"1970-01-01T00:01:00Z"}}' "$(wc -l < ${folder}/runs)"\n`,
      0o700,
    );
    const { authorization } = readAccess('host', {
      kubeconfig: text({ exec: { command, apiVersion: 'client.authentication.k8s.io/v1' } }),
    });
    const asked = [
      [false, 0],
      [false, 49_000],
      [true, 49_000],
      [false, 50_000],
    ] as const;
    const given: unknown[] = [];
    for (const [fresh, now] of asked) given.push(await authorization?.(fresh, now));
    // Ten seconds before it expires another one is asked for.
    expect(given).to.deep.equal(['Bearer t1', 'Bearer t1', 'Bearer t2', 'Bearer t3']);
  });

  it('says which credential plugin failed', async () => {
    const { authorization } = readAccess('host', {
      kubeconfig: text({ exec: { command: '/nowhere/plugin', apiVersion: 'client.authentication.k8s.io/v1' } }),
    });
    const error = (await authorization?.(false, 0).catch((e: unknown) => e)) as KosmosError;
    expect(error.message).to.match(/^the credential plugin '\/nowhere\/plugin' failed: /);
  });
});
