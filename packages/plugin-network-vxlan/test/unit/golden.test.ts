import { readdirSync, readFileSync } from 'node:fs';
import { expect } from 'chai';
import { type Fleet, planner } from '../support/fleet.ts';

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

describe('what the Go original plans for P2P over IPv4', () => {
  for (const { name, given, original } of all) {
    describe(name, () => {
      const plans = planner(given);

      it('is planned for the same nodes', () => {
        const planned = [...plans.all()].filter((plan) => plan.devices.length > 0).map((plan) => plan.node);
        expect(planned).to.deep.equal(Object.keys(original).sort());
      });

      for (const [node, expected] of Object.entries(original)) {
        it(`has the devices and routes of ${node}`, () => {
          const plan = plans.planOf(node)!;
          expect(plan.devices.map(({ mac: _mac, ...device }) => device)).to.deep.equal(expected.devices);
          const text = (routes: Original['routes']) => routes.map((r) => `${r.cidr} via ${r.gw} dev ${r.dev}`).sort();
          expect(text(plan.routes)).to.deep.equal(text(expected.routes));
        });

        it(`has a neighbour and a forwarding entry for each next hop of ${node}, to the right node`, () => {
          const plan = plans.planOf(node)!;
          for (const { gw, dev } of plan.routes) {
            const arp = plan.arps.find((a) => a.ip === gw && a.dev === dev);
            const fdb = plan.fdbs.find((f) => f.mac === arp?.mac && f.dev === dev);
            const target = [...plans.all()].find((p) => p.devices.some((d) => d.name === dev && d.addr.startsWith(`${gw}/`)))!;
            expect(arp?.mac).to.equal(target.devices.find((d) => d.name === dev)!.mac);
            expect(fdb?.ip).to.equal(given.nodes.find((n) => n.metadata.name === target.node)!.spec!.ip);
          }
        });
      }
    });
  }
});
