import type { Change } from '@kosmos/hostnet';

/** Changes that bring `lo` and `eth0` up with an address and a default route. */
export const joinLan = (address: string, gateway: string): Change[] => [
  { op: 'setLink', name: 'lo', state: 'up' },
  { op: 'setLink', name: 'eth0', state: 'up' },
  { op: 'replaceAddress', address, dev: 'eth0' },
  { op: 'replaceRoute', dst: 'default', via: gateway },
];
