import type { Change } from '@kosmos/hostnet';
import { familyOf, type Family } from './cidr.ts';

/** Changes that bring a link up with addresses (`10.0.0.1/24`). */
export const joinLan = (name: string, addresses: readonly string[]): Change[] => [
  { op: 'setLink', name, state: 'up' },
  ...addresses.map((address): Change => ({ op: 'replaceAddress', address, dev: name })),
];

export const loopbackUp: Change = { op: 'setLink', name: 'lo', state: 'up' };

const EVERYWHERE: Readonly<Record<Family, string>> = { IPv4: '0.0.0.0/0', IPv6: '::/0' };

export const defaultRoute = (via: string): Change => ({ op: 'replaceRoute', dst: EVERYWHERE[familyOf(via)], via });
