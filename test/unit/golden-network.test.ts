import { readdirSync, readFileSync } from 'node:fs';
import type { NetworkHooks } from '@kosmos/plugin-network-vxlan/contracts';
import { parseCidr } from '@kosmos/plugin-network-vxlan/contracts';
import { dualstack } from '@kosmos/plugin-dualstack';
import { gateway } from '@kosmos/plugin-gateway';
import { globalip } from '@kosmos/plugin-globalip';
import { expect } from 'chai';
import { filled, type Fleet, hooksOf, type Planner } from '../support/planner.ts';

interface Golden {
  readonly name: string;
  readonly given: Fleet;
  readonly original: Readonly<Record<string, Original>>;
}
interface Original {
  readonly devices: readonly { name: string; id: number; port: number; addr: string; bindDev: string; type: string }[];
  readonly routes: readonly { cidr: string; gw: string; dev: string }[];
}

const folder = new URL('../fixtures/golden/', import.meta.url);
const all = readdirSync(folder)
  .filter((file) => file.endsWith('.json'))
  .map((file) => JSON.parse(readFileSync(new URL(file, folder), 'utf8')) as Golden);

describe('what the Go original plans', () => {
  let hooks: NetworkHooks;
  before(async () => {
    hooks = await hooksOf([gateway(), globalip(), dualstack()]);
  });

  it('is there for every mode', () => expect(all).to.have.length(12));

  for (const { name, given, original } of all) {
    describe(name, () => {
      let plans: Planner;
      before(() => {
        plans = filled(hooks, given);
      });

      it('is planned for the same nodes', () => {
        const planned = [...plans.all()].filter((plan) => plan.devices.length > 0).map((plan) => plan.node);
        expect(planned).to.deep.equal(Object.keys(original).sort());
      });

      for (const [node, expected] of Object.entries(original)) {
        it(`has the devices of ${node}, and its routes to other clusters`, () => {
          const plan = plans.planOf(node)!;
          expect(plan.devices.map(({ mac: _mac, ...device }) => device)).to.have.deep.members(expected.devices);
          const text = (routes: Original['routes']) => routes.map((r) => `${parseCidr(r.cidr)!.text} via ${r.gw} dev ${r.dev}`).sort();
          const delivery = (r: Original['routes'][number]) =>
            r.dev.startsWith('vx-local') && plan.devices.some((d) => d.name.startsWith('vx-bridge'));
          const ours = text(plan.routes.filter((r) => !delivery(r)));
          const theirs = text(expected.routes);
          expect(
            ours.filter((route) => !theirs.includes(route)),
            'routes that the original has not',
          ).to.deep.equal([]);
          const to = (route: string) => route.split(' ')[0]!;
          expect(
            [...new Set(theirs.map(to))].filter((cidr) => !ours.some((route) => to(route) === cidr)),
            'networks without a route',
          ).to.deep.equal([]);
        });

        it(`has a neighbour and a forwarding entry for each next hop of ${node}, to the right node`, () => {
          const plan = plans.planOf(node)!;
          for (const { gw, dev } of plan.routes) {
            const arp = plan.arps.find((a) => a.ip === gw && a.dev === dev);
            const fdb = plan.fdbs.find((f) => f.mac === arp?.mac && f.dev === dev);
            const target = [...plans.all()].find((p) => p.devices.some((d) => d.name === dev && d.addr.startsWith(`${gw}/`)))!;
            expect(arp?.mac).to.equal(target.devices.find((d) => d.name === dev)!.mac);
            const { spec } = given.nodes.find((n) => n.metadata.name === target.node)!;
            expect(fdb?.ip).to.equal(dev.endsWith('-6') ? spec!.ip6 : spec!.ip);
          }
        });
      }
    });
  }
});
