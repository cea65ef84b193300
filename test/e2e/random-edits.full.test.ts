/** A real kernel that is led through 100 random fleets one after the other holds what a fresh one holds of the last. */
import { createHostNet, type HostNet } from '@kosmos/hostnet';
import { dualstack } from '@kosmos/plugin-dualstack';
import { gateway } from '@kosmos/plugin-gateway';
import { globalip } from '@kosmos/plugin-globalip';
import { needs } from '@kosmos/testing';
import { expect } from 'chai';
import * as fc from 'fast-check';
import { differences, dump } from '../../packages/plugin-network-vxlan/test/support/agent-lab.ts';
import { kernelState } from '../../packages/plugin-network-vxlan/src/agent/kernel-state.ts';
import type { NetworkHooks } from '@kosmos/plugin-network-vxlan/contracts';
import { filled, type Fleet, hooksOf, type Planner } from '../support/planner.ts';
import { fleetOf, type Shape, shape, shapes } from '../support/random-fleets.ts';

const EDITS = 100;
/** The last one is another each time. */
const SEEDS = [1, 2, Date.now() % 2 ** 31];
/** Whose kernel is looked at. */
const NODE = 'c0-n0';

/** A cluster becomes another one: with other nodes, CIDRs, modes and families, or with none of them changed but one. */
const edit = fc.record({ cluster: fc.nat(3), to: shape, only: fc.constantFrom('enable', 'type', 'ipFamily', 'networks', 'nodes', 'all') });

describe('a kernel after 100 random edits of the fleet', function () {
  this.timeout(600_000);
  let hooks: NetworkHooks;
  const root = createHostNet();
  const name = (end: string) => `ke${process.pid}-${end}`;
  const ends = ['edited', 'fresh'].map(name);

  before(needs('root', 'ip', 'bridge', 'nft', 'nsenter'));
  before(async () => {
    hooks = await hooksOf([gateway({ gateways: 2 }), globalip(), dualstack()]);
  });
  afterEach(async () => void (await root.applyAll(ends.map((netns) => ({ op: 'deleteNetns', name: netns })))));

  for (const seed of SEEDS) {
    it(`is that of a fresh start (seed ${seed})`, async () => {
      const [edited, fresh] = await Promise.all(ends.map(host));
      const state = kernelState(edited!);
      let now: readonly Shape[] = fc.sample(shapes, { seed, numRuns: 1 })[0]!;
      let fleet = fleetOf(now);
      const planner = filled(hooks, fleet);
      for (const { cluster, to, only } of fc.sample(edit, { seed, numRuns: EDITS })) {
        now = now.map((s, i) => (i !== cluster % now.length ? s : only === 'all' ? to : { ...s, [only]: to[only] }));
        const next = fleetOf(now);
        change(planner, fleet, next);
        fleet = next;
        await hold(state, planner, fleet);
      }
      await hold(kernelState(fresh!), filled(hooks, fleet), fleet);
      const [a, b] = await Promise.all(ends.map(dump));
      expect(differences(b!, a!, true)).to.deep.equal([]);
      const { written } = await hold(kernelState(edited!), planner, fleet);
      expect(written, 'a restarted agent has nothing to do').to.equal(0);
    });
  }

  async function host(netns: string): Promise<HostNet> {
    await root.applyAll([{ op: 'deleteNetns', name: netns }]);
    await root.apply([{ op: 'addNetns', name: netns }]);
    const net = createHostNet({ netns });
    await net.setSysctl({ family: 'ipv6', conf: 'default', name: 'addr_gen_mode' }, 1); // link-local addresses would come while a test looks
    await net.setSysctl({ family: 'ipv6', conf: 'default', name: 'accept_dad' }, 0);
    await net.apply([
      { op: 'addLink', name: 'eth0', kind: 'veth', peer: { name: 'far0' } },
      ...['lo', 'far0', 'eth0'].map((link, i) => ({
        op: 'setLink' as const,
        name: link,
        ...(i > 0 && { mac: `02:00:00:00:99:0${i}` }),
        state: 'up' as const,
      })),
      { op: 'replaceAddress', address: '172.16.0.1/16', dev: 'eth0' },
      { op: 'replaceAddress', address: 'fd00::1/32', dev: 'eth0' },
    ]);
    return net;
  }
});

async function hold(state: ReturnType<typeof kernelState>, planner: Planner, { nodes }: Fleet) {
  const { ip, ip6 } = nodes.find(({ metadata }) => metadata.name === NODE)!.spec!;
  const underlay = { ...(ip && { ip }), ...(ip6 && { ip6 }) };
  const plan = planner.planOf(NODE)!;
  const changed = await state.change(plan, underlay);
  const outcome = await state.hold(plan, underlay);
  expect([...outcome.problems, ...outcome.refused]).to.deep.equal([]);
  return { written: changed + outcome.written };
}

/** Tells the planner what differs, as the watches of an agent would. */
function change(planner: Planner, before: Fleet, { clusters, nodes }: Fleet): void {
  const there = new Set(nodes.map(({ metadata }) => metadata.name));
  for (const { metadata } of before.nodes) if (!there.has(metadata.name)) planner.removeNode(metadata.name);
  for (const cluster of clusters) planner.setCluster(cluster);
  for (const node of nodes) planner.setNode(node);
}
