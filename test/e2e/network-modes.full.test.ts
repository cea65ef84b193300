/** Every mode with every family, with networks apart and with equal ones, in turn under each FORWARD policy that other software sets. */
import { suite } from '../support/modes-suite.ts';

const MODES = [
  { types: ['p2p', 'p2p'], gateways: 1 },
  { types: ['gateway', 'gateway'], gateways: 1 },
  { types: ['gateway', 'gateway'], gateways: 2 },
  { types: ['gateway', 'p2p', 'gateway'], gateways: 2 },
] as const;

const FORWARD = [undefined, 'iptables-legacy', 'nft', 'iptables-nft'] as const;
let turn = 0;

for (const mode of MODES) {
  for (const families of ['ipv4', 'ipv6', 'dual'] as const) {
    for (const equal of [false, true]) suite({ ...mode, families, equal, forward: FORWARD[(turn += 1) % FORWARD.length] });
  }
}
