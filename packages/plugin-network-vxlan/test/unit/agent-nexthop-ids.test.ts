import { expect } from 'chai';
import fc from 'fast-check';
import { NEXTHOP_BASE, NEXTHOP_COUNT } from '../../src/agent/constants.ts';
import { hopKey, knownHops, nexthopIds, nexthopOf } from '../../src/agent/nexthop-ids.ts';

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

  it('are of groups for routes by several hops, behind their members, and the same after a restart', () => {
    const [one, two] = routesOf([1, 2]) as [{ gw: string; dev: string }, { gw: string; dev: string }];
    const routes = [{ ...two, alternates: [one.gw] }, one, { ...two, alternates: [one.gw] }];
    const ids = nexthopIds(routes, new Map());
    const group = 'vx-bridge 220.0.0.2,220.0.0.1/2';
    expect([...ids.keys()]).to.deep.equal(['vx-bridge 220.0.0.2', 'vx-bridge 220.0.0.1', group]);
    const kernel = [...ids.keys()].map((hop) => nexthopOf(hop, ids));
    expect(kernel[2]).to.deep.equal({ id: ids.get(group), group: [kernel[0]!.id, kernel[1]!.id] });
    expect([...knownHops(kernel).keys()]).to.deep.equal(['vx-bridge 220.0.0.2', 'vx-bridge 220.0.0.1']);
    expect(nexthopIds(routes, knownHops(kernel))).to.deep.equal(ids);
  });

  it('stay with the group, whichever of its members are used: the first ones that are usable, and never none', () => {
    const gateways = ['220.0.0.1', '220.0.0.2', '220.0.0.3'];
    fc.assert(
      fc.property(fc.subarray(gateways), fc.integer({ min: 1, max: 3 }), (dead, active) => {
        const route = { gw: gateways[0]!, alternates: gateways.slice(1), active, dev: 'vx-bridge' };
        const ids = nexthopIds([route], new Map());
        const made = nexthopOf(hopKey(route), ids, ({ via }) => !dead.includes(via));
        const good = dead.length === 3 ? gateways : gateways.filter((via) => !dead.includes(via));
        const members = good.slice(0, active).map((via) => ids.get(`vx-bridge ${via}`));
        expect(made).to.deep.equal({ id: ids.get(hopKey(route)), group: members });
      }),
    );
  });

  it('give way when a hash is taken: the next free one', () => {
    const [[hop, id]] = [...nexthopIds(routesOf([7]), new Map())] as [[string, number]];
    const moved = nexthopIds(routesOf([7]), new Map([['vx-bridge 220.9.9.9', id]]));
    expect(moved.get(hop)).to.equal(id + 1 < NEXTHOP_BASE + NEXTHOP_COUNT ? id + 1 : NEXTHOP_BASE);
  });
});
