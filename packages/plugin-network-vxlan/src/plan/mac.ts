import { hash } from 'node:crypto';

/**
 * The MAC address of a tunnel device: `02` (locally administered, unicast) and 40 bits of SHA-256 over cluster, node and
 * device, so that every node can compute every other's and it never changes.
 */
export function macOf(cluster: string, node: string, device: string): string {
  const hex = hash('sha256', `${cluster}\0${node}\0${device}`, 'hex');
  return `02:${hex.slice(0, 2)}:${hex.slice(2, 4)}:${hex.slice(4, 6)}:${hex.slice(6, 8)}:${hex.slice(8, 10)}`;
}
