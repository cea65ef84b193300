import { expect } from 'chai';
import * as fc from 'fast-check';
import { differences } from '../../src/plan/difference.ts';
import type { NodePlan } from '../../src/plan/types.ts';
import { fleet, node, planner } from '../support/fleet.ts';

const plansOf = (given: ReturnType<typeof fleet>): NodePlan[] => [...planner(given).all()];

describe('the difference of two plans', () => {
  it('is nothing where nothing changed', () => {
    expect(differences(plansOf(fleet(3, 4)), plansOf(fleet(3, 4)))).to.deep.equal([]);
  });

  it('names what each node gets more, less and otherwise', () => {
    const before = fleet(2, 2);
    const moved = node('c01', 'n001', { ip: '192.168.1.99', podCIDRs: ['10.1.1.0/24'] });
    const after = { ...before, nodes: [...before.nodes.filter((n) => n.metadata.name !== 'c01-n001'), moved] };
    const found = differences(plansOf(before), plansOf(after));
    expect(found.map((d) => d.node)).to.deep.equal(['c00-n000', 'c00-n001', 'c01-n001']);
    const { routes, arps, fdbs, devices, nat } = found[0]!.lists;
    expect([devices, nat]).to.deep.equal([undefined, undefined]);
    expect(routes?.changed.map(({ from, to }) => `${from.cidr}: ${from.gw} -> ${to.gw}`)).to.deep.equal([
      '10.1.1.0/24: 220.168.1.2 -> 220.168.1.99',
    ]);
    expect([arps?.added.length, arps?.removed.length]).to.deep.equal([1, 1]);
    expect(fdbs?.changed.map(({ from, to }) => `${from.ip} -> ${to.ip}`)).to.deep.equal(['192.168.1.2 -> 192.168.1.99']);
    expect(found[2]!.lists.devices?.changed.length).to.equal(1);
  });

  it('leads from the one to the other: added and changed in place, removed away', () => {
    const shape = fc.record({ clusters: fc.integer({ min: 1, max: 4 }), nodes: fc.integer({ min: 0, max: 4 }) });
    fc.assert(
      fc.property(shape, shape, (a, b) => {
        const [before, after] = [plansOf(fleet(a.clusters, a.nodes)), plansOf(fleet(b.clusters, b.nodes))];
        const found = new Map(differences(before, after).map((d) => [d.node, d.lists]));
        const routesOf = (plans: NodePlan[], name: string) => plans.find((p) => p.node === name)?.routes ?? [];
        for (const name of new Set([...before, ...after].map((p) => p.node))) {
          const routes = new Map(routesOf(before, name).map((r) => [r.cidr, r]));
          const change = found.get(name)?.routes;
          for (const r of change?.removed ?? []) routes.delete(r.cidr);
          for (const r of change?.added ?? []) routes.set(r.cidr, r);
          for (const { to } of change?.changed ?? []) routes.set(to.cidr, to);
          expect([...routes.values()].sort((x, y) => (x.cidr < y.cidr ? -1 : 1))).to.deep.equal(
            [...routesOf(after, name)].sort((x, y) => (x.cidr < y.cidr ? -1 : 1)),
          );
        }
      }),
      { numRuns: 40 },
    );
  });
});
