import type { ClusterTopology } from '@kosmos/lab';
import type { Rig } from './rig.ts';

/**
 * What kube-proxy has on a node for these services (port 80 to the pod's 7000), with the rules that meet other software:
 * it drops forwarded packets whose state it calls invalid, and connections that are picked up in the middle are invalid.
 */
export async function kubeProxy(
  rig: Rig,
  cluster: ClusterTopology,
  node: string,
  services: readonly { vip: string; pod: string }[],
): Promise<void> {
  const dnat = services.map(({ vip, pod }) => {
    const six = vip.includes(':');
    const ip = six ? 'ip6' : 'ip';
    return `${ip} daddr ${vip} tcp dport 80 dnat ${ip} to ${six ? `[${pod}]` : pod}:7000\n    ${ip} daddr ${vip} udp dport 80 dnat ${ip} to ${six ? `[${pod}]` : pod}:7000`;
  });
  const own = cluster.podCIDRs.map((cidr) => {
    const ip = cidr.includes(':') ? 'ip6' : 'ip';
    return `ct status dnat ${ip} saddr != ${cidr} mark set mark or 0x4000`;
  });
  const text = `table inet kube-proxy {
  chain services {
    ${dnat.join('\n    ')}
  }
  chain prerouting {
    type nat hook prerouting priority dstnat; jump services
  }
  chain output {
    type nat hook output priority -100; jump services
  }
  chain forward {
    type filter hook forward priority filter - 20
    ct state invalid drop
    ${own.join('\n    ')}
  }
}
`;
  const { code, stderr } = await rig.exec(`${cluster.name}/${node}`, ['nft', '-f', '-'], { input: text });
  if (code !== 0) throw new Error(`kube-proxy's rules on ${node}: ${stderr}`);
  await rig.exec(`${cluster.name}/${node}`, ['sysctl', '-qw', 'net.netfilter.nf_conntrack_tcp_loose=0']);
}
