/** One lab a mode; `network-modes.full.test.ts` has all combinations. */
import { suite } from '../support/modes-suite.ts';

suite({ types: ['gateway', 'gateway'], gateways: 2, families: 'dual', equal: true });
suite({ types: ['gateway', 'gateway'], gateways: 1, families: 'ipv4', forward: 'iptables-nft' });
suite({ types: ['p2p', 'p2p'], gateways: 1, families: 'dual', equal: true });
suite({ types: ['gateway', 'p2p', 'gateway'], gateways: 2, families: 'ipv4' });
