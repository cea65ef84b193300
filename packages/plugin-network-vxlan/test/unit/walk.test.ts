import { expect } from 'chai';
import * as fc from 'fast-check';
import { createWalk, type Place } from '../../src/walk/walk.ts';
import type { Planner } from '../../src/plan/planner.ts';
import { type Fleet, fleet, planner } from '../support/fleet.ts';

function places(plans: Planner, { nodes }: Fleet): Place[] {
  return nodes.map(({ metadata, spec }) => ({
    plan: plans.planOf(metadata.name)!,
    cluster: spec!.clusterName!,
    podCIDRs: spec!.podCIDRs!,
    ips: [spec!.ip!],
  }));
}
const pod = (node: Fleet['nodes'][number]) => node.spec!.podCIDRs![0]!.replace(/\.0\/24$/, '.7');

describe('the packet walk', () => {
  it('finds every pair of pods of a P2P fleet reachable both ways, in one hop between clusters', () => {
    fc.assert(
      fc.property(fc.integer({ min: 2, max: 5 }), fc.integer({ min: 1, max: 5 }), (clusters, nodes) => {
        const given = fleet(clusters, nodes);
        const walk = createWalk(places(planner(given), given));
        for (const a of given.nodes) {
          for (const b of given.nodes) {
            const { hops, stopped } = walk(pod(a), pod(b));
            expect(stopped, `${a.metadata.name} to ${b.metadata.name}`).to.equal(undefined);
            const expected = a === b ? [] : [a.spec!.clusterName === b.spec!.clusterName ? 'cni' : 'vx-bridge'];
            expect(hops.map((hop) => hop.dev)).to.deep.equal(expected);
          }
        }
      }),
      { numRuns: 12 },
    );
  });

  it('takes another next hop where packets to one are lost, and says who is silent where there is none', () => {
    const given = fleet(2, 2);
    const [a, b, c, d] = places(planner(given), given) as [Place, Place, Place, Place];
    const all = { cidr: '10.1.0.0/16', gw: '220.168.1.1', dev: 'vx-bridge' };
    const passing = { stage: 'notrack', dev: 'vx-bridge', except: ['10.1.1.0/24'] } as const;
    const from = { ...a, plan: { ...a.plan, routes: [{ ...all, alternates: ['220.168.1.2'] }] } };
    const through = { ...c, plan: { ...c.plan, nat: [...c.plan.nat, passing] } };
    const walk = (...dead: string[]) => createWalk([from, b, through, d], (_, to) => dead.includes(to))('10.0.0.7', '10.1.1.7');
    expect(walk('c01-n000').hops.map(({ to }) => to)).to.deep.equal(['c01-n001']);
    expect(walk('c01-n000', 'c01-n001').stopped).to.equal('c01-n000 and c01-n001 do not answer');
  });

  it('names the first reason why a packet gets no further', () => {
    const given = fleet(2, 1);
    const [a, b] = places(planner(given), given) as [Place, Place];
    const reason = (changed: Partial<Place['plan']>) =>
      createWalk([{ ...a, plan: { ...a.plan, ...changed } }, b])('10.0.0.7', '10.1.0.7').stopped;
    expect(reason({})).to.equal(undefined);
    expect(reason({ routes: [] })).to.equal('c00-n000 has no route to 10.1.0.7');
    expect(reason({ devices: [] })).to.equal('c00-n000 has no device vx-bridge for its route to 10.1.0.0/24');
    expect(reason({ arps: [] })).to.equal('c00-n000 has no neighbour entry for 220.168.1.1 on vx-bridge');
    expect(reason({ fdbs: [] })).to.match(/^c00-n000 has no forwarding entry for 02:/);
    expect(reason({ fdbs: [{ ...a.plan.fdbs[0]!, ip: '192.168.9.9' }] })).to.equal(
      "c00-n000 sends to 192.168.9.9, which is no node's address",
    );
    expect(createWalk([a, b])('10.9.0.1', '10.1.0.7').stopped).to.equal('no node has the address or the pods of 10.9.0.1');
  });
});
