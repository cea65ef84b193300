import { forwardLab, letsThrough } from '../support/forward-lab.ts';

describe('network agent: FORWARD policies of other software, one by one', function () {
  this.timeout(120_000);
  letsThrough(forwardLab(), {
    'iptables-legacy with the policy DROP': 'iptables-legacy -P FORWARD DROP',
    'iptables-nft with the policy DROP': 'iptables-nft -P FORWARD DROP',
    'iptables-legacy with a rule that drops': 'iptables-legacy -A FORWARD -j DROP',
    'iptables-nft with a rule that rejects': 'iptables-nft -A FORWARD -j REJECT',
  });
});
