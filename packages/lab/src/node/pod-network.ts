import { existsSync } from 'node:fs';
import { createHostNet, type Change } from '@kosmos/hostnet';
import { alone, familyOf, hostOf, parseCidr, toNumber, type Cidr } from '../cidr.ts';
import { defaultRoute, joinLan, loopbackUp } from '../links.ts';
import { netnsOf, POD_BRIDGE } from '../isolate.ts';
import type { NodeConfig } from './config.ts';

/**
 * What the CNI plugins `bridge` and `host-local` do: an address of each of the node's podCIDRs and a link to the pod
 * bridge. A pod has the same host number in every family, so that its first address tells the others.
 */
export interface PodNetwork {
  /** Addresses that pods have already. */
  keep(addresses: readonly string[]): void;
  /** A namespace's name and an address for a new pod; the node's own for one on the host network. Throws when no address is free. */
  allot(uid: string, hostNetwork: boolean): { readonly netns: string; readonly ip: string };
  /** All addresses of the pod with this one. */
  addressesOf(address: string): readonly string[];
  /** Makes the namespace with its link; one that is there, left by a kubelet that was killed, is made anew. */
  add(netns: string, address: string): Promise<void>;
  /** Takes them away and frees the address. */
  remove(netns: string, address: string): Promise<void>;
}

/** .1 is the bridge's, .255 the broadcast address. */
const FIRST = 2;
const LAST = 254;

export function podNetwork(config: NodeConfig): PodNetwork {
  const own = netnsOf.node(config.cluster, config.node);
  const here = createHostNet();
  const used = new Set<string>();
  let next = FIRST;
  const remove = async (netns: string) => {
    if (!existsSync(`/run/netns/${netns}`)) return;
    // The kernel takes a namespace away some time after its last process; the link, and so the address, goes at once.
    // What is not there was not made before a crash.
    await here.applyAll([
      { op: 'deleteLink', name: portOf(netns) },
      { op: 'deleteNetns', name: netns },
    ]);
  };
  const addressesOf = (address: string) => {
    if (address === config.address) return config.addresses;
    const number = toNumber(address) - (parseCidr(config.podCIDR) as Cidr).base;
    return config.podCIDRs.map((cidr) => hostOf(cidr, Number(number)));
  };
  return {
    addressesOf,
    keep: (addresses) => addresses.forEach((a) => used.add(a)),
    allot: (uid, hostNetwork) => {
      if (hostNetwork) return { netns: own, ip: config.address };
      // In turn, so that an address comes back late: others may still have a connection to who had it before.
      for (let tried = FIRST; tried <= LAST; tried += 1) {
        const address = hostOf(config.podCIDR, next);
        next = next === LAST ? FIRST : next + 1;
        if (used.has(address)) continue;
        used.add(address);
        return { netns: netnsOf.pod(config.cluster, config.node, uid), ip: address };
      }
      throw new Error(`no address is free in ${config.podCIDRs.join(', ')}`);
    },
    add: async (netns, address) => {
      await remove(netns);
      const port = portOf(netns);
      await here.apply([
        { op: 'addNetns', name: netns },
        { op: 'addLink', name: port, mtu: config.mtu, kind: 'veth', peer: { name: 'eth0', netns } },
        { op: 'setLink', name: port, master: POD_BRIDGE, addrgenmode: 'none', state: 'up' },
        // For a pod that reaches itself by a service, where the kernel filters what is bridged (br_netfilter).
        { op: 'setHairpin', name: port, on: true },
      ]);
      // Pods of one node reach each other by the node, not across the bridge: else the answer to a pod that asked a service
      // would not pass where its address was translated.
      const gateways = config.podCIDRs.map((cidr) => hostOf(cidr, 1));
      const pod = createHostNet({ netns });
      if (gateways.some((g) => familyOf(g) === 'IPv6'))
        await pod.setSysctl({ family: 'ipv6', conf: 'default', name: 'accept_redirects' }, 0);
      await pod.apply([
        loopbackUp,
        { op: 'setLink', name: 'eth0', mtu: config.mtu },
        ...joinLan('eth0', addressesOf(address).map(alone)),
        ...gateways.map((gateway): Change => ({ op: 'replaceRoute', dst: alone(gateway), dev: 'eth0' })),
        ...gateways.map(defaultRoute),
      ]);
    },
    remove: async (netns, address) => {
      await remove(netns);
      used.delete(address);
    },
  };
}

/** `pod` and the first eight digits of the pod's uid, which end its namespace's name. */
const portOf = (netns: string): string => `pod${netns.slice(netns.lastIndexOf('.') + 1)}`;
