import { expect } from 'chai';
import fc from 'fast-check';
import { hashOf } from '../../src/controllers/hash.ts';
import { formatIndexes, parseIndexes } from '../../src/controllers/job/indexes.ts';
import { parseSchedule } from '../../src/controllers/job/schedule.ts';

describe('Indexes of a job', () => {
  it('are written as Kubernetes does', () => {
    for (const [indexes, text] of [
      [[], ''],
      [[3], '3'],
      [[2, 1], '1,2'],
      [[0, 1, 2, 5, 7, 8], '0-2,5,7,8'],
    ] as [number[], string][])
      expect(formatIndexes(indexes)).to.equal(text);
  });

  it('are read as they were written', () => {
    fc.assert(
      fc.property(fc.uniqueArray(fc.nat(60)), (indexes) => {
        expect([...parseIndexes(formatIndexes(indexes))].sort()).to.deep.equal([...indexes].sort());
      }),
    );
  });
});

describe('A schedule', () => {
  const at = (text: string): number => Date.parse(text);
  const cases: [schedule: string, zone: string | undefined, from: string, next: string][] = [
    ['*/15 * * * *', undefined, '2026-03-01T10:07:00Z', '2026-03-01T10:15:00Z'],
    ['0 9 * * mon', undefined, '2026-03-01T10:00:00Z', '2026-03-02T09:00:00Z'],
    ['0 9 * * *', 'Asia/Tokyo', '2026-03-01T10:00:00Z', '2026-03-02T00:00:00Z'],
    ['@daily', undefined, '2026-03-01T10:00:00Z', '2026-03-02T00:00:00Z'],
    ['0 0 13 * 5', undefined, '2026-03-01T00:00:00Z', '2026-03-06T00:00:00Z'],
    ['@every 1h30m', undefined, '2026-03-01T10:00:00Z', '2026-03-01T11:30:00Z'],
  ];
  for (const [schedule, zone, from, next] of cases)
    it(`${schedule}${zone ? ` in ${zone}` : ''} comes next at ${next}`, () => {
      expect(parseSchedule(schedule, zone).next(at(from))).to.equal(at(next));
    });

  it('tells the last time that was missed, also after a long while', () => {
    const schedule = parseSchedule('*/5 * * * *', undefined);
    expect(schedule.last(at('2026-03-01T10:00:00Z'), at('2026-03-01T10:17:00Z'))).to.equal(at('2026-03-01T10:15:00Z'));
    expect(schedule.last(at('2026-03-01T10:00:00Z'), at('2026-03-01T10:04:00Z'))).to.equal(undefined);
    expect(schedule.last(at('2026-01-01T00:00:00Z'), at('2026-03-01T10:17:00Z'))).to.equal(at('2026-03-01T10:15:00Z'));
  });
});

describe('The hash of a template', () => {
  it('is the same whatever the order of its fields, and another one after a collision', () => {
    expect(hashOf({ a: 1, b: { c: [1, 2], d: undefined } })).to.equal(hashOf({ b: { c: [1, 2] }, a: 1 }));
    expect(hashOf({ a: 1 }, 1)).not.to.equal(hashOf({ a: 1 }));
    expect(hashOf({ a: 1 })).to.match(/^[bcdfghjklmnpqrstvwxz2456789]{1,10}$/);
  });
});
