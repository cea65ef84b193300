import { hash } from 'node:crypto';

/**
 * The MAC address of a tunnel device: `02` (locally administered, unicast) and 40 bits of SHA-256 over cluster, node and
 * device, so that every node can compute every other's and it never changes.
 */
export function macOf(cluster: string, node: string, device: string): string {
  const bytes = hash('sha256', `${cluster}\0${node}\0${device}`, 'binary');
  let mac = '02';
  for (let i = 0; i < 5; i += 1) mac += OCTETS[bytes.charCodeAt(i)]!;
  return mac;
}

const OCTETS = Array.from({ length: 256 }, (_, n) => `:${n.toString(16).padStart(2, '0')}`);
