/**
 * Modes, families, and networks apart and equal, some under a FORWARD policy that other software sets. Not yet every
 * combination: services, and a cluster's own global addresses, do not pass every such policy.
 */
import type { Mode } from '../support/modes.ts';
import { suite } from '../support/modes-suite.ts';

const ONE: Pick<Mode, 'types' | 'gateways'> = { types: ['gateway', 'gateway'], gateways: 1 };
const TWO: Pick<Mode, 'types' | 'gateways'> = { types: ['gateway', 'gateway'], gateways: 2 };
const MIXED: Pick<Mode, 'types' | 'gateways'> = { types: ['gateway', 'p2p', 'gateway'], gateways: 2 };

const MODES: readonly Mode[] = [
  { types: ['p2p', 'p2p'], gateways: 1, families: 'ipv6', equal: true },
  { ...ONE, families: 'ipv4', equal: true },
  { ...ONE, families: 'dual', equal: true },
  { ...ONE, families: 'ipv6', forward: 'iptables-legacy' },
  { ...ONE, families: 'dual', forward: 'iptables-nft' },
  { ...TWO, families: 'ipv6', equal: true },
  { ...TWO, families: 'ipv4', forward: 'iptables-legacy' },
  { ...TWO, families: 'dual', forward: 'iptables-legacy' },
  { ...MIXED, families: 'ipv4', equal: true },
  { ...MIXED, families: 'dual', equal: true },
];
for (const mode of MODES) suite(mode);
