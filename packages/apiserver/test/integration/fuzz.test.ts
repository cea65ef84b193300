import { expect } from 'chai';
import * as fc from 'fast-check';
import { labels, OBJECTS, type Json } from '../fixtures/objects.ts';
import { Client } from './client.ts';

/** Every place in a JSON value, as paths of keys. */
function places(value: unknown, at: string[] = []): string[][] {
  if (typeof value !== 'object' || value === null) return [at];
  return [at, ...Object.entries(value).flatMap(([k, v]) => places(v, [...at, k]))];
}

function put(object: Json, [first, ...rest]: string[], value: unknown): Json {
  const copy: Json = Array.isArray(object) ? ([...object] as unknown as Json) : { ...object };
  copy[first!] = rest.length ? put(copy[first!], rest, value) : value;
  return copy;
}

const odd = fc.oneof(
  fc.constantFrom<unknown>(
    null,
    '',
    ' ',
    'x',
    'a/b/c',
    '../..',
    '-1',
    '1e400',
    '25%',
    'None',
    0,
    -1,
    1.5,
    2 ** 31,
    1e300,
    true,
    [],
    {},
    [null],
    [{}],
    [[]],
    { a: null },
    { '': '' },
    ['x', 'x'],
    'x'.repeat(300),
    '\u0000',
    '\ud800',
    { constructor: 1 },
    '((',
    '.a[',
    'size(self)',
  ),
  fc.jsonValue({ maxDepth: 3 }),
);

describe('what nobody would write', () => {
  let client: Client;
  const reports: unknown[] = [];
  before(async () => {
    client = await Client.start({ report: (e) => reports.push(e) });
  });
  after(() => client.stop());

  for (const [i, [path, object]] of OBJECTS.entries()) {
    it(`at any place of ${path.split('/').at(-1)} gets an answer that is no internal error`, async function () {
      this.timeout(30_000);
      const good = { ...object, metadata: { name: `x${i}`, labels, annotations: labels, ...object['metadata'] } };
      const made = await client.call('POST', path, good);
      expect(made.status, made.text).to.equal(201);
      const own = `${path}/${good.metadata.name}`;
      const at = places(good).filter((p) => p.length > 0);
      await fc.assert(
        fc.asyncProperty(fc.constantFrom(...at), odd, async (place, value) => {
          const bad = put(good, place, value);
          const answers = await Promise.all([
            client.call('POST', `${path}?dryRun=All`, put(bad, ['metadata'], { ...bad['metadata'], name: 'other' })),
            client.call('PUT', `${own}?dryRun=All`, bad),
            client.call('PATCH', `${own}?dryRun=All`, bad, { 'content-type': 'application/merge-patch+json' }),
            client.call('PATCH', `${own}?dryRun=All`, bad, { 'content-type': 'application/strategic-merge-patch+json' }),
            client.call('PATCH', `${own}?dryRun=All&fieldManager=f&force=true`, bad, { 'content-type': 'application/apply-patch+yaml' }),
          ]);
          // Kubernetes itself answers 500, without a reason, to strategic patches and configurations that fit no list.
          for (const { status, text, body } of answers) if (status >= 500 && body?.reason) throw new Error(`${status}: ${text}`);
        }),
        { numRuns: 60 },
      );
      expect(reports).to.deep.equal([]);
    });
  }

  it('in the query of a list or a watch gets an answer that is no internal error', async function () {
    this.timeout(30_000);
    const names = [
      'labelSelector',
      'fieldSelector',
      'limit',
      'continue',
      'resourceVersion',
      'resourceVersionMatch',
      'sendInitialEvents',
      'allowWatchBookmarks',
      'timeoutSeconds',
      'pretty',
      'dryRun',
      'fieldValidation',
      'fieldManager',
      'gracePeriodSeconds',
    ];
    const value = fc.oneof(
      fc.constantFrom(
        '',
        '0',
        '-1',
        '1e9',
        '99999999999999999999',
        'a in (b',
        '!',
        'a==b,',
        'metadata.name=',
        'metadata.name!=x,',
        'spec.nope=1',
        'a notin ()',
        '!a',
        'NotOlderThan',
        'Exact',
        'true',
        'eyJ2IjoibWV0YS5rOHMuaW8vdjEifQ',
        'x'.repeat(3000),
        '\u0000',
        '%',
      ),
      fc.string({ maxLength: 40, unit: 'binary' }),
    );
    await fc.assert(
      fc.asyncProperty(
        fc.dictionary(fc.constantFrom(...names), value, { maxKeys: 4 }),
        fc.constantFrom('pods', 'configmaps', 'nodes'),
        async (query, plural) => {
          const path = `/api/v1/${plural}?${new URLSearchParams(query)}`;
          for (const [method, accept] of [
            ['GET', 'application/json'],
            ['GET', 'application/json;as=Table;v=v1;g=meta.k8s.io,application/json'],
          ] as const) {
            const { status, text } = await client.call(method, path, undefined, { accept });
            if (status >= 500) throw new Error(`${status}: ${text}`);
          }
        },
      ),
      { numRuns: 150 },
    );
    expect(reports).to.deep.equal([]);
  });
});
