import { createHostNet, type Change } from '@kosmos/hostnet';
import { prefixOf } from '../cidr.ts';
import { netnsOf } from '../isolate.ts';
import { defaultRoute, joinLan, loopbackUp } from '../links.ts';
import { defaultsFrom, routesFrom } from '../routes.ts';
import { underlayOf, type LinkTopology, type Topology } from '../topology.ts';

/** An underlay's bridge in the namespace `net`. */
export const bridgeOf = (underlay: string): string => `br-${underlay}`;

/** The end of a link that is in `net`, a port of the underlay's bridge; a long name is cut and made unique by a hash (djb2). */
export function portOf(netns: string, index: number): string {
  const name = index === 0 ? netns : `${netns}~${index}`;
  if (name.length <= 15) return name;
  let hash = 5381;
  for (const char of name) hash = ((hash * 33) ^ (char.codePointAt(0) ?? 0)) >>> 0;
  return `${name.slice(0, 6)}~${hash.toString(36)}`.slice(0, 15);
}

/** Makes a host's links, its addresses on them, and its routes to the other underlays. */
export async function plugIn(topology: Topology, netns: string, links: readonly LinkTopology[]): Promise<void> {
  await createHostNet({ netns: netnsOf.net }).apply(
    links.flatMap((link, i): Change[] => {
      const name = portOf(netns, i);
      const { mtu } = underlayOf(topology, link.underlay);
      return [
        { op: 'addLink', name, mtu, kind: 'veth', peer: { name: `eth${i}`, netns } },
        { op: 'setLink', name, master: bridgeOf(link.underlay), state: 'up' },
      ];
    }),
  );
  const host = createHostNet({ netns });
  const defaults = defaultsFrom(topology, links);
  const detours = routesFrom(topology, links).filter((r) => !defaults.includes(r.via));
  await host.apply([
    loopbackUp,
    ...links.flatMap(({ underlay, addresses }, i): Change[] => {
      const { cidrs, mtu } = underlayOf(topology, underlay);
      const withLength = addresses.map((address, k) => `${address}/${prefixOf(cidrs[k] as string)}`);
      return [{ op: 'setLink', name: `eth${i}`, mtu }, ...joinLan(`eth${i}`, withLength)];
    }),
    ...defaults.map(defaultRoute),
    ...detours.map((r): Change => ({ op: 'replaceRoute', ...r })),
  ]);
}

/** Takes a host's ports away; the kernel takes the other ends at once. */
export async function unplug(netns: string, links: readonly LinkTopology[]): Promise<void> {
  await createHostNet({ netns: netnsOf.net }).applyAll(links.map((_, i) => ({ op: 'deleteLink', name: portOf(netns, i) })));
}

/** Lets a namespace forward packets of the families that `addresses` are of. Before its links, which take over the defaults. */
export async function letForward(netns: string, addresses: readonly string[]): Promise<void> {
  const host = createHostNet({ netns });
  await host.setSysctl({ family: 'ipv4', name: 'ip_forward' }, 1);
  if (!addresses.some((a) => a.includes(':'))) return;
  await host.setSysctl({ family: 'ipv6', conf: 'all', name: 'forwarding' }, 1);
  // Nobody else has its addresses: the second until a link-local address may be used would be lost.
  await host.setSysctl({ family: 'ipv6', conf: 'default', name: 'accept_dad' }, 0);
}
