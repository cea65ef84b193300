import type { Draft, NetworkHooks } from '../contracts.ts';
import { overlayAddress } from './address.ts';
import { baseDevices } from './base.ts';
import { macOf } from './mac.ts';
import { type NodeState, type Peer, peerOf } from './model.ts';
import type { Device } from './types.ts';

/** How others reach the node: one peer a device. */
export function peersOf(node: NodeState, hooks: NetworkHooks): readonly Peer[] {
  const peers: Peer[] = [];
  for (const family of node.families) {
    const underlay = node.ip(family)!;
    const draft: Draft = {
      node,
      cls: node.cls,
      family,
      nat: () => {},
      device(device) {
        const { name: dev, net } = device;
        if (net.family !== family.id || peers.some((peer) => peer.dev === dev)) return;
        const address = overlayAddress(net, underlay);
        // Hashing is the slow part, and what is hashed stays the same as long as the node does.
        const mac = peerOf(node, dev)?.arp.mac ?? macOf(node.cluster.name, node.object.spec?.nodeName ?? node.name, dev);
        peers.push({
          node,
          dev,
          device,
          address,
          // The local tunnel ends at the cluster's border, so two clusters may use the same addresses on it.
          tunnel: dev === family.local.name ? `${dev} of cluster '${node.cluster.name}'` : dev,
          fdb: { ip: underlay.text, mac, dev },
          arp: { ip: address.text, mac, dev },
        });
      },
    };
    baseDevices(draft);
    hooks.devices.run(draft);
  }
  return peers;
}

/** The node's own devices, sorted by name. */
export function devicesOf({ peers, interfaceName }: NodeState, mtu: number | undefined): Device[] {
  return peers
    .map(({ dev, device, address, arp }): Device => ({
      type: 'vxlan',
      name: dev,
      addr: `${address.text}/${device.net.length}`,
      mac: arp.mac,
      bindDev: interfaceName,
      id: device.id,
      port: device.port,
      ...(mtu !== undefined && { mtu }),
    }))
    .sort((a, b) => (a.name < b.name ? -1 : 1));
}

export function samePeers(a: readonly Peer[], b: readonly Peer[]): boolean {
  return (
    a.length === b.length &&
    a.every(({ node, dev, address, fdb, arp, device }, i) => {
      const other = b[i]!;
      return (
        node === other.node &&
        dev === other.dev &&
        address.text === other.address.text &&
        fdb.ip === other.fdb.ip &&
        arp.mac === other.arp.mac &&
        device.id === other.device.id &&
        device.port === other.device.port &&
        device.net.length === other.device.net.length
      );
    })
  );
}
