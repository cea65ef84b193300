import { createHostNet, type NftChain, type NftTable } from '@kosmos/hostnet';
import { alone, familyOf } from '../cidr.ts';
import { netnsOf } from '../isolate.ts';
import type { RouterTopology, Topology } from '../topology.ts';
import { letForward, plugIn } from './wires.ts';

/** nftables' own name of this number is srcnat. */
const SRCNAT = 100;

/** A router: forwards between its underlays, hides some behind its address, and may forward for some nodes only. */
export async function makeRouter(topology: Topology, router: RouterTopology): Promise<void> {
  const netns = netnsOf.router(router.name);
  await letForward(
    netns,
    router.links.flatMap((l) => l.addresses),
  );
  await plugIn(topology, netns, router.links, []); // no default: what it has no route to does not go in circles
  const chains = [...masquerade(router), ...allow(topology, router)];
  const table: NftTable = { family: 'inet', name: 'router', chains };
  if (chains.length > 0) await createHostNet({ netns }).nft({ replace: [table] });
}

function masquerade(router: RouterTopology): NftChain[] {
  const links = router.links.flatMap((l, i) => (router.masquerade.includes(l.underlay) ? [`eth${i}`] : []));
  if (links.length === 0) return [];
  const hook = { type: 'nat', hook: 'postrouting', priority: SRCNAT } as const;
  return [{ name: 'postrouting', hook, rules: [{ when: [{ oif: links }], action: 'masquerade' }] }];
}

/** Control planes stay in reach, since the agents of every node need them. */
function allow(topology: Topology, router: RouterTopology): NftChain[] {
  if (!router.allow) return [];
  const addressesOf = (name: string) =>
    topology.clusters.flatMap((c) =>
      c.nodes.filter((n) => `${c.name}/${n.name}` === name).flatMap((n) => n.links.flatMap((l) => l.addresses)),
    );
  const controlPlanes = topology.clusters.flatMap((c) => c.link.addresses);
  const nodes = router.allow.flatMap(addressesOf);
  const pairs = nodes.flatMap((a) => nodes.filter((b) => a !== b && familyOf(a) === familyOf(b)).map((b) => ({ a, b })));
  const rules = [
    ...controlPlanes.flatMap((address) => [{ saddr: alone(address) }, { daddr: alone(address) }]).map((when) => ({ when: [when] })),
    ...pairs.map(({ a, b }) => ({ when: [{ saddr: alone(a) }, { daddr: alone(b) }] })),
  ].map(({ when }) => ({ when, action: 'accept' as const }));
  return [{ name: 'forward', hook: { type: 'filter', hook: 'forward', priority: 0, policy: 'drop' }, rules }];
}
