import { expect } from 'chai';
import fc from 'fast-check';
import { NEXTHOP_BASE, NEXTHOP_COUNT } from '../../src/agent/constants.ts';
import { nexthopIds } from '../../src/agent/nexthop-ids.ts';

const hops = fc.uniqueArray(fc.integer({ min: 0, max: 500 }), { maxLength: 60 });
const routesOf = (list: readonly number[]) => list.map((n) => ({ gw: `220.0.${n >> 8}.${n & 255}`, dev: 'vx-bridge' }));

describe('nexthop ids', () => {
  it('are one for each hop, within their range, whatever is taken already', () => {
    const taken = fc.dictionary(fc.string(), fc.integer({ min: NEXTHOP_BASE, max: NEXTHOP_BASE + 40 }));
    fc.assert(
      fc.property(hops, taken, (list, known) => {
        const others = new Map(Object.entries(known).map(([hop, id]) => [`x ${hop}`, id]));
        const ids = [...nexthopIds(routesOf([...list, ...list]), others).values()];
        expect(ids).to.have.length(list.length);
        expect(new Set([...ids, ...others.values()]).size).to.equal(list.length + new Set(others.values()).size);
        for (const id of ids) expect(id).to.be.within(NEXTHOP_BASE, NEXTHOP_BASE + NEXTHOP_COUNT - 1);
      }),
    );
  });

  it('are the same in another order and after a restart, and a hop keeps what it has in the kernel', () => {
    fc.assert(
      fc.property(hops, hops, (one, two) => {
        const first = nexthopIds(routesOf(one), new Map());
        const second = nexthopIds(routesOf([...two, ...one].toReversed()), first);
        for (const [hop, id] of first) expect(second.get(hop)).to.equal(id);
      }),
    );
    const ids = (list: readonly number[]) => [...nexthopIds(routesOf(list), new Map()).values()];
    expect(ids([3, 1])).to.deep.equal(ids([1, 3]).toReversed());
  });

  it('give way when a hash is taken: the next free one', () => {
    const [[hop, id]] = [...nexthopIds(routesOf([7]), new Map())] as [[string, number]];
    const moved = nexthopIds(routesOf([7]), new Map([['vx-bridge 220.9.9.9', id]]));
    expect(moved.get(hop)).to.equal(id + 1 < NEXTHOP_BASE + NEXTHOP_COUNT ? id + 1 : NEXTHOP_BASE);
  });
});
