import { expect } from 'chai';
import { Client } from './client.ts';

describe('health', () => {
  let client: Client;
  before(async () => {
    client = await Client.start();
  });
  after(() => client.stop());

  const get = async (path: string): Promise<[number, string]> => {
    const { status, text } = await client.call('GET', path);
    return [status, text];
  };

  it('is ok in a word, or check by check', async () => {
    for (const endpoint of ['healthz', 'livez', 'readyz']) {
      expect(await get(`/${endpoint}`)).to.deep.equal([200, 'ok']);
      const [status, text] = await get(`/${endpoint}?verbose`);
      const lines = text.split('\n');
      expect([status, lines.slice(0, 3), lines.slice(-2)]).to.deep.equal([
        200,
        ['[+]ping ok', '[+]log ok', endpoint === 'readyz' ? '[+]informer-sync ok' : '[+]loopback-serving-certificate ok'],
        [`${endpoint} check passed`, ''],
      ]);
      expect(lines).to.include('[+]poststarthook/rbac/bootstrap-roles ok');
      expect(lines.includes('[+]shutdown ok')).to.equal(endpoint === 'readyz');
    }
  });

  it('leaves out what it is asked to, and says what it does not know', async () => {
    const [, text] = await get('/livez?verbose&exclude=etcd&exclude=other&exclude=another');
    expect(text).to.include('[+]etcd excluded: ok\n[+]');
    expect(text).to.match(/ ok\nwarn: some health checks cannot be excluded: no matches for "another","other"\nlivez check passed\n$/);
    expect(await get('/livez?exclude=nope')).to.deep.equal([200, 'ok']);
  });

  it('has each check by its name, for whoever may read it', async () => {
    for (const name of ['/livez/etcd', '/readyz/ping', '/healthz/poststarthook/crd-informer-synced', '/readyz/shutdown'])
      expect(await get(name), name).to.deep.equal([200, 'ok']);
    for (const name of ['/livez/nope', '/livez/shutdown', '/readyz/etcd', '/livez/', '/healthz/ping/more'])
      expect(await get(name), name).to.deep.equal([404, '404 page not found\n']);
    const nobody = { authorization: '' };
    expect((await client.call('GET', '/readyz?verbose', undefined, nobody)).status).to.equal(200);
    expect((await client.call('GET', '/readyz/ping', undefined, nobody)).status).to.equal(403);
    const monitor = new Client(client.server, client.server.issueToken('m', ['system:monitoring']));
    expect((await monitor.call('GET', '/readyz/ping')).status).to.equal(200);
  });
});
