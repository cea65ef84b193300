import { expect } from 'chai';
import * as fc from 'fast-check';
import { Client, configMap, MAPS } from './client.ts';

describe('bad input', () => {
  let client: Client;
  const reports: unknown[] = [];
  before(async () => {
    client = await Client.start({ report: (e) => reports.push(e) });
  });
  after(() => client.stop());

  const cases: [what: string, method: string, path: string, body: unknown, status: number, headers?: Record<string, string>][] = [
    ['malformed JSON', 'POST', MAPS, '{"apiVersion": ', 400],
    ['a list where an object belongs', 'POST', MAPS, [], 400],
    ['a wrong type deep inside', 'POST', MAPS, configMap('x', { a: { b: 1 } }), 400],
    ['broken UTF-8', 'POST', MAPS, Buffer.from([0x7b, 0xff, 0xfe, 0x7d]), 400],
    ['more than 3 MiB', 'POST', MAPS, Buffer.alloc(3 * 1024 * 1024 + 1, 32), 413],
    ['nested without end', 'POST', MAPS, `${'['.repeat(50_000)}${']'.repeat(50_000)}`, 400],
    ['protobuf that is none', 'POST', MAPS, 'nonsense', 400, { 'content-type': 'application/vnd.kubernetes.protobuf' }],
    ['an absurd label selector', 'GET', `${MAPS}?labelSelector=${encodeURIComponent('((((!!,,=')}`, undefined, 400],
    ['an absurd field selector', 'GET', `${MAPS}?fieldSelector=${encodeURIComponent('===')}`, undefined, 400],
    ['an absurd continue token', 'GET', `${MAPS}?limit=1&continue=${'A'.repeat(2000)}`, undefined, 400],
    ['a limit that is no number', 'GET', `${MAPS}?limit=many`, undefined, 400],
    ['a version that is no number in an update', 'PUT', `${MAPS}/there`, configMap('there', {}, { resourceVersion: 'x' }), 500],
    [
      'a bad quantity',
      'POST',
      '/api/v1/nodes',
      { apiVersion: 'v1', kind: 'Node', metadata: { name: 'q' }, status: { capacity: { cpu: 'lots' } } },
      400,
    ],
  ];
  for (const [what, method, path, body, status, headers] of cases) {
    it(`${what} gets ${status}`, async () => {
      await client.call('POST', MAPS, configMap('there'));
      const answer = await client.call(method, path, body, headers);
      expect(answer.status, answer.text).to.equal(status);
      expect(answer.body.kind).to.equal('Status');
    });
  }

  it('a path that cannot be decoded gets 400, as text', async () => {
    const { status, text } = await client.call('GET', '/api/v1/namespaces/%E0%A4%A');
    expect([status, text]).to.deep.equal([400, '400 Bad Request']);
  });

  it('nobody without credentials sees more than health and version; a bad token nothing', async () => {
    const nobody = new Client(client.server, '');
    expect((await nobody.call('GET', '/healthz')).status).to.equal(200);
    expect((await nobody.call('GET', '/version')).status).to.equal(200);
    expect((await nobody.call('GET', '/api')).status).to.equal(403);
    expect((await nobody.call('GET', MAPS)).status).to.equal(403);
    expect((await new Client(client.server, 'a.b.c').call('GET', '/healthz')).status).to.equal(401);
  });

  it('no JSON value in any patch or create crashes it or is an internal error', async function () {
    this.timeout(30_000);
    const types = [
      'application/json-patch+json',
      'application/merge-patch+json',
      'application/strategic-merge-patch+json',
      'application/apply-patch+yaml',
    ];
    await client.call('POST', MAPS, configMap('fuzzed'));
    await fc.assert(
      fc.asyncProperty(fc.jsonValue(), fc.constantFrom(...types), async (value, type) => {
        const bodies = [value, { metadata: value }, { data: value }, { metadata: { labels: value, finalizers: value } }];
        for (const body of bodies) {
          const patched = await client.call('PATCH', `${MAPS}/fuzzed?fieldManager=f`, body, { 'content-type': type });
          const created = await client.call('POST', MAPS, body);
          for (const { status, text } of [patched, created]) if (status >= 500) throw new Error(`${status}: ${text}`);
        }
      }),
      { numRuns: 60 },
    );
    expect(reports).to.deep.equal([]);
  });
});
