import { expect } from 'chai';
import { removeAll } from '../../src/agent/uninstall.ts';
import { differences, dump } from '../support/agent-lab.ts';
import { forwardLab, letsThrough } from '../support/forward-lab.ts';

const DROPPING = 'type filter hook forward priority filter; policy drop;';
const CHAIN = `nft 'table inet fw { chain forward { ${DROPPING} ct state established accept; }; }'`;

describe('network agent: FORWARD policies of other software', function () {
  this.timeout(120_000);
  const lab = forwardLab();
  const { first, second, hold, apply, seen, shell, ping, both } = lab;

  letsThrough(lab, { 'iptables-legacy and iptables-nft': 'iptables-legacy -P FORWARD DROP; iptables-nft -P FORWARD DROP' });

  it('makes no table of iptables where there is none', async () => {
    await apply();
    expect((await shell('cat /proc/net/ip_tables_names 2>/dev/null || true')).trim()).to.equal('');
    expect(await shell('nft list tables')).to.not.match(/table ip6? filter/);
  });

  it('stays behind chains that hold NetworkPolicy, and before what drops: it does not open what a policy forbids', async () => {
    const tool = 'iptables-legacy';
    const policy = `${tool} -N cali-FORWARD; ${tool} -A cali-FORWARD -p icmp -s ${second().podIp} -j DROP; ${tool} -A FORWARD -j cali-FORWARD`;
    await shell(`${tool} -P FORWARD DROP; ${policy}; ${tool} -A FORWARD -j REJECT`);
    await apply();
    const chain = (await shell(`${tool} -S FORWARD`)).split('\n').map((line) => line.split(' -j ')[1]);
    expect(chain).to.deep.equal([undefined, 'cali-FORWARD', 'KOSMOS-FORWARD', 'REJECT --reject-with icmp-port-unreachable', undefined]);
    expect(await ping(1), 'what the policy forbids').to.not.equal(0);
    await shell(`${tool} -F cali-FORWARD`);
    expect(await both()).to.deep.equal([0, 0]);
    // The policy's owner puts its jump first again, and ours need not move.
    await shell(`${tool} -D FORWARD -j cali-FORWARD; ${tool} -I FORWARD 1 -j cali-FORWARD`);
    expect((await hold(first())).written).to.equal(0);
  });

  it('names nft chains of others that drop, and what to do, and touches nothing', async () => {
    await shell(CHAIN);
    const before = await shell('nft list table inet fw');
    const { blocked } = await apply();
    expect(await both()).to.not.deep.equal([0, 0]);
    expect(blocked.map(({ item }) => item)).to.deep.equal(["nft chain 'inet fw forward'"]);
    expect(await seen()).to.deep.equal(["nft chain 'inet fw forward'"]);
    expect(blocked[0]!.message).to.match(/^its policy drops .* by vx-bridge there, or set foreignChains: true/);
    expect(await shell('nft list table inet fw')).to.equal(before);
  });

  it('lets tunnels through nft chains of others where it may, again after a reload, and takes only its own rules away', async () => {
    await shell(CHAIN);
    const before = await dump(first().netns);
    expect((await apply(true)).blocked).to.deep.equal([]);
    expect(await both()).to.deep.equal([0, 0]);
    expect((await hold(first(), true)).written).to.equal(0);
    expect(await seen()).to.deep.equal([]);
    await shell(`nft delete table inet fw; ${CHAIN}`);
    expect(await both()).to.not.deep.equal([0, 0]);
    await hold(first(), true);
    expect(await both()).to.deep.equal([0, 0]);
    await removeAll(first().net);
    expect(differences(before, await dump(first().netns))).to.deep.equal([]);
  });

  it('takes an iptables table that was made by nft for what it is', async () => {
    await shell(
      `nft 'table ip filter { chain FORWARD { ${DROPPING} ct state established accept; ip saddr { 192.0.2.1, 192.0.2.9 } accept; }; }'`,
    );
    expect((await apply()).blocked.map(({ item }) => item)).to.deep.equal(["nft chain 'ip filter FORWARD'"]);
    expect(await seen()).to.deep.equal(["nft chain 'ip filter FORWARD'"]);
    await apply(true);
    expect(await both()).to.deep.equal([0, 0]);
  });
});
