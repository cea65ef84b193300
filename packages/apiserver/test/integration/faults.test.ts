import { expect } from 'chai';
import { Client, configMap, MAPS } from './client.ts';

describe('fault switches', () => {
  let client: Client;
  before(async () => {
    client = await Client.start();
    for (const name of ['a', 'b', 'c']) await client.call('POST', MAPS, configMap(name));
  });
  afterEach(() => client.server.faults.clear());
  after(() => client.stop());

  const types = (lines: string[]): string[] => lines.map((l) => (JSON.parse(l) as { type: string }).type);

  it('a silent watch opens and says nothing', async () => {
    client.server.faults.add({ verb: 'watch', silent: true });
    const { status, lines } = await client.watch(`${MAPS}?watch=1`, { ms: 200 });
    expect([status, lines.length]).to.deep.equal([200, 0]);
  });

  it('a watch ends after so many events', async () => {
    client.server.faults.add({ verb: 'watch', closeAfter: 2 });
    const { lines, ended } = await client.watch(`${MAPS}?watch=1`);
    expect([lines.length, ended]).to.deep.equal([2, true]);
  });

  it('a watch carries a line that is no JSON', async () => {
    client.server.faults.add({ plural: 'configmaps', garbageAfter: 1 });
    const { lines } = await client.watch(`${MAPS}?watch=1`, { lines: 2 });
    expect(() => JSON.parse(lines[1]!) as unknown).to.throw(SyntaxError);
  });

  for (const code of [410, 429, 500] as const) {
    it(`every watch says ERROR ${code} in its stream`, async () => {
      client.server.faults.add({ watchError: code });
      const { status, lines, ended } = await client.watch(`${MAPS}?watch=1`);
      const event = JSON.parse(lines[0]!) as { type: string; object: { code: number } };
      expect([status, event.type, event.object.code, ended]).to.deep.equal([200, 'ERROR', code, true]);
    });
  }

  it('a streamed list breaks with ERROR after 200', async () => {
    client.server.faults.add({ listError: 410 });
    const { lines } = await client.watch(
      `${MAPS}?watch=1&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true`,
    );
    expect(types(lines)).to.deep.equal(['ADDED', 'ERROR']);
  });

  it('requests are refused with Retry-After, so often as told, and only where they match', async () => {
    client.server.faults.add({ verb: 'get', plural: 'configmaps', refuse: 429, retryAfterSeconds: 7, times: 1 });
    const refused = await client.call('GET', `${MAPS}/a`);
    expect([refused.status, refused.headers['retry-after']]).to.deep.equal([429, '7']);
    expect((await client.call('GET', `${MAPS}/a`)).status).to.equal(200);
  });

  it('answers are slow', async () => {
    client.server.faults.add({ delay: 150 });
    const start = performance.now();
    await client.call('GET', `${MAPS}/a`);
    expect(performance.now() - start).to.be.greaterThan(140);
  });

  it('connections are dropped in the middle, and refused', async () => {
    const watching = client.watch(`${MAPS}?watch=1&resourceVersion=0`, {}, () =>
      setTimeout(() => client.server.faults.dropConnections(), 50),
    );
    expect((await watching).ended).to.equal(true);
    client.server.faults.refuseConnections = true;
    let failed: unknown;
    await client.call('GET', '/version').catch((error: unknown) => {
      failed = error;
    });
    expect(failed).to.be.instanceOf(Error);
    client.server.faults.clear();
    expect((await client.call('GET', '/version')).status).to.equal(200);
  });

  it('requests are counted by verb and plural', async () => {
    client.server.faults.resetRequests();
    await client.call('GET', `${MAPS}/a`);
    await client.call('GET', MAPS);
    await client.call('GET', MAPS);
    expect(client.server.faults.requests()).to.deep.equal([
      { verb: 'get', plural: 'configmaps', count: 1 },
      { verb: 'list', plural: 'configmaps', count: 2 },
    ]);
    expect(client.server.faults.count({ verb: 'update' })).to.equal(0);
  });
});
