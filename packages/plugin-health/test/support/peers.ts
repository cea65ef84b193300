import type { TunnelPeer } from '@kosmos/plugin-network-vxlan/contracts';

/** Node `<cluster>-n<number>` behind `vx-bridge`. */
export function peer(cluster: string, number: number, gateway = false): TunnelPeer {
  return {
    dev: 'vx-bridge',
    via: `220.1.${number >> 8}.${number & 255}`,
    source: '220.9.0.1',
    mac: `02:00:00:00:${hex(number >> 8)}:${hex(number & 255)}`,
    node: `${cluster}-n${number}`,
    cluster,
    gateway,
  };
}

const hex = (n: number) => n.toString(16).padStart(2, '0');
