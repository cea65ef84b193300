/** What people and other software do to a node's kernel that Kosmos must put right. */
import type { Lab } from '@kosmos/lab';

/** Of node c2/n1 in a lab of two clusters, where the packets go that flow while there are faults on c1/n1. */
export const PEER = { pods: '10.2.1.0/24', overlay: '220.102.0.11', underlay: '10.102.0.11' };

export interface Fault {
  readonly what: string;
  /** Lines of words, of tools on the node. */
  commands(lab: Lab, node: string): Promise<readonly string[]> | readonly string[];
}

export const FAULTS: readonly Fault[] = [
  { what: 'a route deleted', commands: () => [`ip route delete ${PEER.pods} table 200`] },
  { what: 'a neighbour deleted', commands: () => [`ip neighbour delete ${PEER.overlay} dev vx-bridge`] },
  {
    what: 'a forwarding entry deleted',
    commands: async (lab, node) => [`bridge fdb delete ${await macOfPeer(lab, node)} dev vx-bridge dst ${PEER.underlay} self`],
  },
  { what: 'the nft table deleted', commands: () => ['nft delete table inet kosmos'] },
  { what: 'the policy rule deleted', commands: () => ['ip rule delete pref 200'] },
  { what: 'the device deleted', commands: () => ['ip link delete vx-bridge'] },
  { what: 'the device taken down and up', commands: () => ['ip link set vx-bridge down', 'ip link set vx-bridge up'] },
  { what: 'the MAC address changed', commands: () => ['ip link set vx-bridge address 02:00:00:00:99:99'] },
  { what: 'the address removed', commands: () => ['ip address flush dev vx-bridge'] },
  { what: 'rp_filter set back', commands: () => ['sysctl -q -w net.ipv4.conf.vx-bridge.rp_filter=1'] },
];

async function macOfPeer(lab: Lab, node: string): Promise<string> {
  const { stdout } = await lab.exec(node, ['ip', 'neighbour', 'show', PEER.overlay, 'dev', 'vx-bridge']);
  return /lladdr (\S+)/.exec(stdout)?.[1] ?? '';
}

/** Runs each command on the node. */
export async function onNode(lab: Lab, node: string, commands: readonly string[]): Promise<void> {
  for (const command of commands) {
    const { code, stderr } = await lab.exec(node, command.split(' '), { timeoutMs: 5000 });
    if (code !== 0) throw new Error(`${command}: ${stderr}`);
  }
}
