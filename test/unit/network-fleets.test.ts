/** 100 random fleets of every kind of cluster side by side: who should reach whom does, on every way there is, and nobody else. */
import type { Plugin } from '@kosmos/kernel';
import type { NetworkHooks } from '@kosmos/plugin-network-vxlan/contracts';
import { dualstack } from '@kosmos/plugin-dualstack';
import { gateway } from '@kosmos/plugin-gateway';
import { globalip } from '@kosmos/plugin-globalip';
import { expect } from 'chai';
import * as fc from 'fast-check';
import { fleetOf, type NodeShape, podOf, type Shape, shapes, type Version } from '../support/random-fleets.ts';
import { createWalk, filled, type Fleet, hooksOf, type Planner } from '../support/planner.ts';

const GATEWAYS = 2;

/** Which nodes take part in a family, said anew and plainly. */
function takesPart(s: Shape, n: number, v: Version): boolean {
  const wanted = (of: Version) => s.ipFamily === 'all' || s.ipFamily === `ipv${of}`;
  const has = (node: NodeShape, of: Version) => node.has === 'both' || node.has === String(of);
  if (!s.enable || !wanted(v) || !has(s.nodes[n]!, v)) return false;
  if (s.type === 'p2p') return true;
  // Of each family the gateways that have it: those beyond the number take over from gateways, not from families.
  return s.nodes.some((node) => node.gateway && has(node, v));
}

/** A cluster that has the common networks routes none of them away: it does not reach, or answer, one that is seen by them. */
function shouldReach(all: readonly Shape[], a: number, an: number, b: number, bn: number, v: Version): boolean {
  if (!takesPart(all[a]!, an, v) || !takesPart(all[b]!, bn, v)) return false;
  const [x, y] = [all[a]!.networks, all[b]!.networks];
  return !(x === 'same' && y !== 'plain') && !(y === 'same' && x !== 'plain');
}

function walkOf(plans: Planner, { nodes }: Fleet) {
  return createWalk(
    nodes.map(({ metadata, spec }) => ({
      plan: plans.planOf(metadata.name)!,
      cluster: spec!.clusterName!,
      podCIDRs: spec!.podCIDRs!,
      ips: [spec!.ip, spec!.ip6].flatMap((ip) => ip || []),
    })),
  );
}

const bytes = (plans: Planner) => JSON.stringify([[...plans.all()], plans.conditions()]);

describe('the network of random fleets', function () {
  this.timeout(120_000);
  let hooks: NetworkHooks;
  before(async () => {
    hooks = await hooksOf([gateway({ gateways: GATEWAYS }), globalip(), dualstack()]);
  });

  it('leads every packet of a pair that should have a way both there and back, seen by the right address, and no other pair', () => {
    fc.assert(
      fc.property(shapes, (all) => {
        const given = fleetOf(all);
        const walk = walkOf(filled(hooks, given), given);
        for (const [a, x] of all.entries()) {
          for (const [b, y] of all.entries()) {
            if (a === b) continue;
            for (const v of [4, 6] as const) {
              for (const an of x.nodes.keys()) {
                for (const bn of y.nodes.keys()) {
                  const there = walk({ ip: podOf(a, an, x, v, false), cluster: `c${a}` }, podOf(b, bn, y, v, true));
                  const back = walk({ ip: podOf(b, bn, y, v, false), cluster: `c${b}` }, podOf(a, an, x, v, true));
                  const pair = `IPv${v} c${a}-n${an} to c${b}-n${bn}: ${JSON.stringify([there, back])}`;
                  // An address may be another's, too, in the sender's own cluster.
                  const reached = [there, back].every(
                    (w, i) => w.stopped === undefined && w.hops.at(-1)?.to === (i === 0 ? `c${b}-n${bn}` : `c${a}-n${an}`),
                  );
                  expect(reached, pair).to.equal(shouldReach(all, a, an, b, bn, v));
                  if (!reached) continue;
                  expect(there.source, pair).to.equal(podOf(a, an, x, v, true));
                }
              }
            }
          }
        }
      }),
      { numRuns: 100 },
    );
  });

  it('is planned the same, object by object from another fleet, as at once', () => {
    fc.assert(
      fc.property(shapes, shapes, (from, to) => {
        const [before, after] = [fleetOf(from), fleetOf(to)];
        const plans = filled(hooks, before);
        void bytes(plans);
        const nodes = new Map(before.nodes.map((n) => [n.metadata.name, n]));
        for (const node of after.nodes) {
          if (!nodes.has(node.metadata.name)) continue;
          plans.setNode(node);
          nodes.set(node.metadata.name, node);
          expect(bytes(plans), node.metadata.name).to.equal(bytes(filled(hooks, { ...before, nodes: [...nodes.values()] })));
        }
        for (const name of nodes.keys()) if (!after.nodes.some((n) => n.metadata.name === name)) plans.removeNode(name);
        for (const { metadata } of before.clusters.slice(after.clusters.length)) plans.removeCluster(metadata.name);
        for (const cluster of after.clusters) plans.setCluster(cluster);
        for (const node of after.nodes) plans.setNode(node);
        expect(bytes(plans)).to.equal(bytes(filled(hooks, after)));
      }),
      { numRuns: 100 },
    );
  });

  const plugins = { gateway: () => gateway({ gateways: GATEWAYS }), globalip: () => globalip(), dualstack: () => dualstack() };
  const names = Object.keys(plugins) as (keyof typeof plugins)[];
  const orders = (list: readonly (keyof typeof plugins)[]): (readonly (keyof typeof plugins)[])[] =>
    list.length < 2 ? [list] : list.flatMap((first) => orders(list.filter((n) => n !== first)).map((rest) => [first, ...rest]));
  const subsets = (list: readonly (keyof typeof plugins)[]): (readonly (keyof typeof plugins)[])[] =>
    list.reduce<(readonly (keyof typeof plugins)[])[]>((sets, n) => [...sets, ...sets.map((s) => [...s, n])], [[]]);

  it('is the same whatever the order of the plugins, and whatever other plugins are there that a fleet has no use for', async () => {
    const composed = new Map<string, { readonly has: readonly string[]; readonly hooks: NetworkHooks }>();
    for (const subset of subsets(names)) {
      for (const order of orders(subset))
        composed.set(order.join(), { has: order, hooks: await hooksOf(order.map((n): Plugin => plugins[n]())) });
    }
    expect(composed.size).to.equal(16);
    const without = (all: readonly Shape[], used: readonly string[]) =>
      all.map((s): Shape => ({
        ...s,
        type: used.includes('gateway') ? s.type : 'p2p',
        networks: used.includes('globalip') || s.networks !== 'mapped' ? s.networks : 'plain',
        ipFamily: used.includes('dualstack') ? s.ipFamily : 'ipv4',
      }));
    fc.assert(
      fc.property(shapes, fc.constantFrom(...subsets(names)), (all, used) => {
        const given = fleetOf(without(all, used));
        const able = [...composed.values()].filter(({ has }) => used.every((n) => has.includes(n)));
        const [first, ...others] = able.map((c) => bytes(filled(c.hooks, given)));
        for (const other of others) expect(other).to.equal(first);
      }),
      { numRuns: 100 },
    );
  });
});
