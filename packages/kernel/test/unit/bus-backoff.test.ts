import { Readable } from 'node:stream';
import { expect } from 'chai';
import fc from 'fast-check';
import { Backoff, classify } from '../../src/bus/backoff.ts';
import { lines, listItems } from '../../src/bus/decode.ts';
import { withoutManagedFields } from '../../src/bus/prune.ts';
import { turnIsOver, yieldTurn } from '../../src/bus/turn.ts';
import { KubeError } from '../../src/index.ts';

describe('what follows an error of a list or watch', () => {
  for (const [error, verdict] of [
    [new KubeError(410, 'Expired', ''), 'relist'],
    [new KubeError(500, 'Expired', ''), 'relist'],
    [new KubeError(504, 'Timeout', 'Too large resource version: 9, current: 3'), 'relist-latest'],
    [new KubeError(404, 'NotFound', ''), 'relist-latest'],
    [new KubeError(429, 'TooManyRequests', ''), 'rewatch'],
    [new KubeError(500, 'InternalError', ''), 'rewatch'],
    [new KubeError(403, 'Forbidden', ''), 'rewatch'],
    [Object.assign(new Error('refused'), { code: 'ECONNREFUSED' }), 'rewatch'],
  ] as const) {
    it(`${verdict} after ${error instanceof KubeError ? `${error.status} ${error.reason}` : 'a refused connection'}`, () => {
      expect(classify(error)).to.equal(verdict);
    });
  }

  it('waits longer with each failure, up to 30 s, and starts anew after 2 minutes of health', () => {
    let now = 0;
    const backoff = new Backoff(
      () => now,
      () => 0,
    );
    const waits = () => backoff.after(new Error('x'));
    expect([waits(), waits(), waits(), waits(), waits(), waits(), waits(), waits()]).to.deep.equal([
      800, 1600, 3200, 6400, 12_800, 25_600, 30_000, 30_000,
    ]);
    backoff.healthy();
    now += 119_999;
    expect(waits()).to.equal(30_000);
    backoff.healthy();
    now += 120_000;
    expect(waits()).to.equal(800);
  });

  it('asks a server that refuses connections every second, however long it is away', () => {
    const backoff = new Backoff(
      () => 0,
      () => 1,
    );
    for (let i = 0; i < 20; i += 1) expect(backoff.after(Object.assign(new Error('x'), { code: 'ECONNREFUSED' }))).to.be.at.most(1000);
  });

  it('waits as long as the server asks', () => {
    expect(
      new Backoff(
        () => 0,
        () => 0,
      ).after(new KubeError(429, 'TooManyRequests', '', 7000)),
    ).to.equal(7000);
  });
});

describe('lines of a stream', () => {
  it('are the same wherever the chunks are cut, also within a character', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.string({ unit: 'grapheme' }).map((s) => s.replaceAll('\n', ''))),
        fc.integer({ min: 1, max: 7 }),
        async (wanted, size) => {
          const bytes = Buffer.from(wanted.map((line) => `${line}\n`).join(''));
          const chunks = Array.from({ length: Math.ceil(bytes.length / size) }, (_, i) => bytes.subarray(i * size, (i + 1) * size));
          const got: string[] = [];
          for await (const line of lines(Readable.from(chunks))) got.push(line.toString());
          expect(got).to.deep.equal(wanted);
        },
      ),
    );
  });
});

describe('the items of a list', () => {
  // As text: V8 13.6 (Node 24) may take a key that ends in an escaped character for another such key that it parsed before.
  const unindented = (text: string) =>
    text
      .trim()
      .split('\n')
      .map((line) => line.trimStart())
      .join('\n');
  const read = async (text: string, size: number) => {
    const bytes = Buffer.from(text);
    const chunks = Array.from({ length: Math.ceil(bytes.length / size) }, (_, i) => bytes.subarray(i * size, (i + 1) * size));
    const items: string[] = [];
    const list = listItems(Readable.from(chunks));
    let next = await list.next();
    for (; !next.done; next = await list.next()) items.push(unindented(next.value.toString()));
    return { items, around: next.value };
  };

  it('are the texts between the commas, wherever the chunks are cut and whatever the items hold', async () => {
    const item = fc.dictionary(fc.constantFrom('items', 'a', '"', '[{'), fc.jsonValue());
    await fc.assert(
      fc.asyncProperty(fc.array(item), fc.integer({ min: 1, max: 9 }), fc.boolean(), async (items, size, pretty) => {
        const list = { kind: 'List', metadata: { resourceVersion: '7', items: ['no'], note: '"items":[' }, items };
        const { items: got, around } = await read(JSON.stringify(list, undefined, pretty ? 2 : 0), size);
        expect(got).to.deep.equal(items.map((one) => unindented(JSON.stringify(one, undefined, pretty ? 2 : 0))));
        expect(around).to.deep.equal({ ...list, items: [] });
      }),
    );
  });

  it('are an error where the text ends too soon', async () => {
    const error = await read('{"metadata":{"resourceVersion":"7"},"items":[{"a":1},{"b"', 5).catch((e: unknown) => e);
    expect(error).to.be.instanceOf(SyntaxError);
  });
});

describe('reading a long list', () => {
  const item = JSON.stringify({ metadata: { name: 'x'.repeat(2000) } });
  const MANY = 20_000;

  it('lets others run between its slices, whether it comes as lines or as one list, in whatever pieces', async () => {
    for (const [text, read] of [
      [`${item}\n`.repeat(MANY), lines],
      [`{"metadata":{},"items":[${Array.from({ length: MANY }, () => item).join(',')}]}`, listItems],
    ] as const) {
      let turns = 0;
      let over = false;
      const turn = () => {
        turns += 1;
        if (!over) setImmediate(turn);
      };
      setImmediate(turn);
      let count = 0;
      for await (const each of read(Readable.from([Buffer.from(text)]))) count += JSON.parse(each.toString()) === undefined ? 0 : 1;
      over = true;
      expect(count).to.equal(MANY);
      // 40 MB take a tenth of a second at the very least; a slice is 3 ms.
      expect(turns).to.be.greaterThan(5);
    }
  });

  it('gives no turn of the event loop to two of many lists', async () => {
    const readers = 20;
    const served: (number | 'turn')[] = [];
    let open = readers;
    // As lists are read: an item, and then the question.
    const read = async (reader: number) => {
      for (let slice = 0; slice < 3; slice += 1) {
        await yieldTurn();
        do served.push(reader);
        while (!turnIsOver());
      }
      open -= 1;
    };
    turnIsOver();
    const turn = () => {
      served.push('turn');
      if (open > 0) setImmediate(turn);
    };
    const all = Promise.all(Array.from({ length: readers }, (_, i) => read(i)));
    turn();
    await all;
    const turns = served
      .join(' ')
      .split('turn')
      .map((names) => new Set(names.trim().split(' ').filter(Boolean)));
    expect(Math.max(...turns.map(({ size }) => size))).to.equal(1);
  });
});

describe('an object without its managedFields', () => {
  it('is the object that has them, but for those', () => {
    const json = fc.jsonValue({ maxDepth: 3 });
    const text = fc.constantFrom('a', ',"managedFields":[', '\\', '"', ']', '{');
    const metadata = fc.record({ name: text, labels: json, managedFields: fc.array(json), more: json }, { requiredKeys: ['name'] });
    fc.assert(
      fc.property(
        metadata,
        fc.record({ managedFields: fc.array(json), metadata, text }, { requiredKeys: [] }),
        fc.boolean(),
        (own, spec, last) => {
          const object = last ? { spec, metadata: own } : { metadata: own, spec };
          const { managedFields, ...rest } = own;
          const first = Object.keys(own)[0] === 'managedFields';
          for (const [depth, wrap] of [
            [2, (o: object): object => o],
            [3, (o: object): object => ({ type: 'ADDED', object: o })],
          ] as const) {
            const got = JSON.parse(withoutManagedFields(Buffer.from(JSON.stringify(wrap(object))), depth)) as { object: typeof object };
            const inner = depth === 3 ? got.object : (got as unknown as typeof object);
            // What stands before is looked at first; then they are left to be deleted once they are parsed.
            const kept = first || (last && JSON.stringify(spec).includes(',"managedFields":['));
            const { managedFields: left, ...others } = inner.metadata;
            expect(JSON.stringify({ ...inner, metadata: others })).to.equal(JSON.stringify({ ...object, metadata: rest }));
            if (!kept) expect(left).to.equal(undefined);
            else expect(JSON.stringify(left)).to.equal(JSON.stringify(managedFields));
          }
        },
      ),
    );
  });
});
