import { execFile } from 'node:child_process';
import { createPublicKey, verify } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { request } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect } from 'chai';
import { startApiServer, type ApiServer } from '../../src/index.ts';
import { Client, configMap, MAPS } from './client.ts';

const TOKEN = '/api/v1/namespaces/default/serviceaccounts/robot/token';
const RBAC = '/apis/rbac.authorization.k8s.io/v1';

describe('who may do what', function () {
  this.timeout(20_000);
  let server: ApiServer;
  let admin: Client;
  before(async () => {
    server = await startApiServer();
    admin = new Client(server);
    await admin.call('POST', '/api/v1/namespaces/default/serviceaccounts', { metadata: { name: 'robot' } });
    await admin.call('POST', `${RBAC}/namespaces/default/roles`, {
      metadata: { name: 'reader' },
      rules: [{ apiGroups: [''], resources: ['configmaps'], verbs: ['get', 'list'] }],
    });
    await admin.call('POST', `${RBAC}/namespaces/default/rolebindings`, {
      metadata: { name: 'readers' },
      roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', name: 'reader' },
      subjects: [
        { kind: 'Group', apiGroup: 'rbac.authorization.k8s.io', name: 'developers' },
        { kind: 'ServiceAccount', name: 'robot', namespace: 'default' },
      ],
    });
  });
  after(() => server.stop());

  const tokenFor = async (spec: object): Promise<string> => (await admin.call('POST', TOKEN, { spec })).body.status.token;

  it('anybody who holds a token of a service account can check it by the keys that the server tells', async () => {
    const token = await tokenFor({});
    const robot = new Client(server, token);
    const { body: configuration } = await robot.call('GET', '/.well-known/openid-configuration');
    expect(configuration.jwks_uri).to.equal(`${server.url}/openid/v1/jwks`);
    const { body, headers } = await robot.call('GET', '/openid/v1/jwks');
    expect(headers['content-type']).to.equal('application/jwk-set+json');
    const [head, claims, signature] = token.split('.') as [string, string, string];
    expect(JSON.parse(Buffer.from(claims, 'base64url').toString()).iss).to.equal(configuration.issuer);
    const key = createPublicKey({ key: body.keys[0], format: 'jwk' });
    const signed = (text: string): boolean =>
      verify('sha256', Buffer.from(text), { key, dsaEncoding: 'ieee-p1363' }, Buffer.from(signature, 'base64url'));
    expect([signed(`${head}.${claims}`), signed(`${head}.${claims}x`)]).to.deep.equal([true, false]);
    const alice = new Client(server, server.issueToken('alice', []));
    expect((await alice.call('GET', '/openid/v1/jwks')).status).to.equal(403);
  });
  const as = (token: string): Client => new Client(server, token);

  it('anonymous gets health and version, no more', async () => {
    const nobody = as('');
    for (const path of ['/healthz', '/livez', '/readyz', '/version']) expect((await nobody.call('GET', path)).status, path).to.equal(200);
    for (const path of ['/', '/api', '/apis', '/openapi/v3', '/api/v1/namespaces', MAPS]) {
      const { status, body } = await nobody.call('GET', path);
      expect([status, body.reason], path).to.deep.equal([403, 'Forbidden']);
      expect(body.message).to.include('User "system:anonymous" cannot');
    }
  });

  it('a client certificate of the CA is a user with groups, over HTTP/1.1 and for kubectl; others are nobody', async () => {
    const { cert, key } = await server.issueCertificate({ commonName: 'alice', organizations: ['developers', 'other'], usage: 'client' });
    const get = (path: string, tls: object): Promise<number> =>
      new Promise((resolve, reject) => {
        request(new URL(path, server.url), { ca: server.ca, agent: false, ...tls }, (res) => resolve(res.resume().statusCode!))
          .on('error', reject)
          .end();
      });
    expect(await get(MAPS, { cert, key })).to.equal(200);
    expect(await get('/api/v1/namespaces/default/secrets', { cert, key })).to.equal(403);
    const stranger = await startApiServer();
    const theirs = await stranger.issueCertificate({ commonName: 'alice', organizations: ['system:masters'], usage: 'client' });
    await stranger.stop();
    expect(await get(MAPS, { cert: theirs.cert, key: theirs.key })).to.equal(403);
    const serving = await server.issueCertificate({ commonName: 'alice', organizations: ['system:masters'], usage: 'server' });
    expect(await get(MAPS, { cert: serving.cert, key: serving.key })).to.equal(403);

    const dir = mkdtempSync(join(tmpdir(), 'access-'));
    try {
      for (const [name, text] of Object.entries({ ca: server.ca, cert, key })) writeFileSync(join(dir, name), text);
      const flags = ['--server', server.url, '--certificate-authority', join(dir, 'ca'), '--client-certificate', join(dir, 'cert')];
      const args = ['--kubeconfig', '/dev/null', ...flags, '--client-key', join(dir, 'key'), 'auth', 'whoami', '-o', 'json'];
      const { status } = JSON.parse((await promisify(execFile)('kubectl', args)).stdout) as any;
      expect(status.userInfo).to.include({ username: 'alice' });
      expect(status.userInfo.groups).to.deep.equal(['developers', 'other', 'system:authenticated']);
    } finally {
      rmSync(dir, { recursive: true });
    }
  });

  it('a service account token is good for its rights, and ends with its account', async () => {
    await admin.call('POST', '/api/v1/namespaces/default/serviceaccounts', { metadata: { name: 'brief' } });
    const answer = await admin.call('POST', TOKEN.replace('robot', 'brief'), { spec: {} });
    expect(answer.status).to.equal(201);
    const brief = as(answer.body.status.token);
    expect((await brief.call('GET', MAPS)).status).to.equal(403);
    await admin.call('DELETE', '/api/v1/namespaces/default/serviceaccounts/brief');
    expect((await brief.call('GET', MAPS)).status).to.equal(401);
    const robot = as(await tokenFor({}));
    expect((await robot.call('GET', MAPS)).status).to.equal(200);
    expect((await robot.call('POST', MAPS, configMap('no'))).status).to.equal(403);
  });

  it('a token that is bound to a pod ends with the pod, also with one of the same name', async () => {
    const pod = { metadata: { name: 'p' }, spec: { containers: [{ name: 'c', image: 'x' }] } };
    const { body } = await admin.call('POST', '/api/v1/namespaces/default/pods', pod);
    const bound = as(await tokenFor({ boundObjectRef: { kind: 'Pod', apiVersion: 'v1', name: 'p', uid: body.metadata.uid } }));
    expect((await bound.call('GET', MAPS)).status).to.equal(200);
    await admin.call('DELETE', '/api/v1/namespaces/default/pods/p?gracePeriodSeconds=0');
    expect((await bound.call('GET', MAPS)).status).to.equal(401);
    await admin.call('POST', '/api/v1/namespaces/default/pods', pod);
    expect((await bound.call('GET', MAPS)).status).to.equal(401);
    const missing = await admin.call('POST', TOKEN, { spec: { boundObjectRef: { kind: 'Pod', apiVersion: 'v1', name: 'none' } } });
    expect(missing.status).to.equal(404);
  });

  it('a token is good only for its audiences, and a review says for which', async () => {
    const vault = await tokenFor({ audiences: ['vault'] });
    expect((await as(vault).call('GET', MAPS)).status).to.equal(401);
    const review = async (spec: object): Promise<any> =>
      (await admin.call('POST', '/apis/authentication.k8s.io/v1/tokenreviews', { spec })).body.status;
    expect((await review({ token: vault })).authenticated).to.equal(undefined);
    const good = await review({ token: vault, audiences: ['vault', 'other'] });
    expect(good).to.deep.include({ authenticated: true, audiences: ['vault'] });
    expect(good.user.username).to.equal('system:serviceaccount:default:robot');
    expect((await review({ token: 'nonsense' })).authenticated).to.equal(undefined);
  });

  it('a token that was changed, or has ended, is nobody', async () => {
    const token = await tokenFor({ expirationSeconds: 600 });
    const [head, body, signature] = token.split('.') as [string, string, string];
    const claims = JSON.parse(Buffer.from(body, 'base64url').toString()) as any;
    expect(claims.exp - claims.iat).to.equal(600);
    const forged = Buffer.from(JSON.stringify({ ...claims, sub: 'system:serviceaccount:kube-system:admin' })).toString('base64url');
    const none = Buffer.from('{"alg":"none"}').toString('base64url');
    for (const bad of [`${head}.${forged}.${signature}`, `${none}.${body}.`, `${none}.${body}.${signature}`, `${head}.${body}`])
      expect((await as(bad).call('GET', MAPS)).status, bad).to.equal(401);
    expect((await as(token).call('GET', MAPS)).status).to.equal(200);
    const now = Date.now;
    Date.now = () => now() + 601_000;
    try {
      expect((await as(token).call('GET', MAPS)).status).to.equal(401);
    } finally {
      Date.now = now;
    }
  });

  it('reviews of access answer as requests would be', async () => {
    const ask = async (spec: object): Promise<boolean> =>
      (await admin.call('POST', '/apis/authorization.k8s.io/v1/subjectaccessreviews', { spec })).body.status.allowed;
    const maps = { resource: 'configmaps', namespace: 'default' };
    expect(await ask({ user: 'bob', groups: ['developers'], resourceAttributes: { ...maps, verb: 'list' } })).to.equal(true);
    expect(await ask({ user: 'bob', groups: ['developers'], resourceAttributes: { ...maps, verb: 'delete' } })).to.equal(false);
    expect(await ask({ user: 'bob', resourceAttributes: { ...maps, verb: 'list' } })).to.equal(false);
    expect(
      await ask({ user: 'bob', groups: ['developers'], resourceAttributes: { ...maps, namespace: 'kube-system', verb: 'list' } }),
    ).to.equal(false);
  });

  it('who may impersonate is taken for the other, and nobody else', async () => {
    const asOther = { 'impersonate-user': 'carol', 'impersonate-group': 'developers' };
    expect((await admin.call('GET', MAPS, undefined, asOther)).status).to.equal(200);
    expect((await admin.call('POST', MAPS, configMap('no'), asOther)).status).to.equal(403);
    const { status, body } = await as(server.issueToken('dave', ['developers'])).call('GET', MAPS, undefined, asOther);
    expect(status).to.equal(403);
    expect(body.message).to.include('User "dave" cannot impersonate resource "users"');
    expect((await admin.call('GET', MAPS, undefined, { 'impersonate-group': 'developers' })).status).to.equal(400);
  });

  it('a rule with names is for lists and watches of one name, and for what makes an object of it', async () => {
    const names = { apiGroups: [''], resources: ['configmaps'], resourceNames: ['own'] };
    await admin.call('POST', `${RBAC}/namespaces/default/roles`, {
      metadata: { name: 'own' },
      rules: [{ ...names, verbs: ['list', 'watch', 'patch'] }],
    });
    await admin.call('POST', `${RBAC}/namespaces/default/rolebindings`, {
      metadata: { name: 'own' },
      roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', name: 'own' },
      subjects: [{ kind: 'User', apiGroup: 'rbac.authorization.k8s.io', name: 'erin' }],
    });
    const erin = as(server.issueToken('erin', []));
    const status = async (method: string, path: string, body?: unknown, headers?: Record<string, string>): Promise<number> =>
      (await erin.call(method, `${MAPS}${path}`, body, headers)).status;
    for (const fields of ['metadata.name=own', 'metadata.name==own,metadata.namespace=default'])
      expect(await status('GET', `?fieldSelector=${fields}`), fields).to.equal(200);
    expect(await status('GET', '?fieldSelector=metadata.name=own&watch=1&timeoutSeconds=1')).to.equal(200);
    for (const fields of ['', 'metadata.name=other', 'metadata.name!=own', 'metadata.namespace=own'])
      expect(await status('GET', `?fieldSelector=${fields}`), fields).to.equal(403);
    const apply = (name: string): Promise<number> =>
      status('PATCH', `/${name}?fieldManager=erin`, configMap(name), { 'content-type': 'application/apply-patch+yaml' });
    expect(await apply('own'), 'it makes one without the right to create').to.equal(403);
    await admin.call('PUT', `${RBAC}/namespaces/default/roles/own`, {
      metadata: { name: 'own' },
      rules: [{ ...names, verbs: ['patch', 'create'] }],
    });
    expect([await apply('own'), await apply('own'), await apply('other')]).to.deep.equal([201, 200, 403]);
  });
});
