import { needs } from '@kosmos/testing';
import { expect } from 'chai';
import { createFirewall, createHostNet, type Firewall, HostNetError, type Iptables } from '../../src/index.ts';
import { must } from '../../src/run.ts';

const NETNS = `kw-${process.pid}`;
const root = createHostNet();

describe('filter tables of other software', function () {
  this.timeout(60_000);
  let firewall: Firewall;
  before(needs('root', 'ip', 'nft', 'nsenter', 'iptables-legacy', 'iptables-nft', 'ip6tables-legacy', 'ip6tables-nft'));
  beforeEach(async () => {
    await root.apply([{ op: 'addNetns', name: NETNS }]);
    firewall = createFirewall({ netns: NETNS });
  });
  afterEach(async () => void (await root.applyAll([{ op: 'deleteNetns', name: NETNS }])));
  const inside = (...argv: string[]) => must(['nsenter', `--net=/run/netns/${NETNS}`, ...argv]);

  it('are those that are there, and looking makes none', async () => {
    expect(await firewall.tables()).to.deep.equal({ iptables: [], nft: [] });
    await inside('ip6tables-legacy', '-P', 'FORWARD', 'DROP');
    await inside('iptables-nft', '-P', 'FORWARD', 'DROP');
    const { iptables, nft } = await firewall.tables();
    expect(iptables).to.deep.equal(['ip6tables-legacy', 'iptables-nft']);
    expect(nft).to.deep.equal([{ family: 'ip', table: 'filter', name: 'FORWARD', hook: 'forward', policy: 'drop' }]);
  });

  for (const tool of ['iptables-legacy', 'ip6tables-legacy', 'iptables-nft', 'ip6tables-nft'] satisfies Iptables[]) {
    it(`of ${tool} show what was changed, all or nothing`, async () => {
      await inside(tool, '-P', 'FORWARD', 'DROP');
      const chain = async (name: string) => (await firewall.chains(tool, ['FORWARD', 'OURS'])).get(name);
      expect(await chain('OURS')).to.equal(undefined);
      const ours = { op: 'replaceChain', chain: 'OURS', rules: [{ iif: 'vx0', jump: 'ACCEPT' }] } as const;
      await firewall.change(tool, [ours, { op: 'insertRule', chain: 'FORWARD', position: 1, rule: { jump: 'OURS' } }]);
      expect(await chain('FORWARD')).to.deep.equal({ policy: 'DROP', rules: ['-j OURS'] });
      expect(await chain('OURS')).to.deep.equal({ policy: undefined, rules: ['-i vx0 -j ACCEPT'] });
      const failing = firewall.change(tool, [
        { ...ours, rules: [] },
        { op: 'deleteRule', chain: 'FORWARD', rule: { jump: 'NONE' } },
      ]);
      expect(await failing.catch((error: unknown) => error))
        .to.be.instanceOf(HostNetError)
        .with.property('code', 'HOSTNET_E_COMMAND');
      expect((await chain('OURS'))!.rules).to.have.length(1);
      await firewall.change(tool, [
        { op: 'deleteRule', chain: 'FORWARD', rule: { jump: 'OURS' } },
        { op: 'deleteChain', chain: 'OURS' },
      ]);
      expect(await chain('FORWARD')).to.deep.equal({ policy: 'DROP', rules: [] });
      expect(await chain('OURS')).to.equal(undefined);
    });
  }

  it('of nft take rules at the start of a chain, and let them go by handle', async () => {
    await inside(
      'nft',
      'table inet Fw.1 { chain FORWARD { type filter hook forward priority 0; policy drop; counter comment "theirs"; }; }',
    );
    const [chain] = (await firewall.tables()).nft;
    await firewall.insert(chain!, [
      { when: [{ iif: ['a'] }], action: 'accept', comment: 'ours 1' },
      { when: [{ oif: ['a'] }], action: 'accept', comment: 'ours 2' },
    ]);
    const rules = await firewall.rules(chain!);
    expect(rules.map(({ comment }) => comment)).to.deep.equal(['ours 1', 'ours 2', 'theirs']);
    await firewall.delete(
      chain!,
      rules.slice(0, 2).map(({ handle }) => handle),
    );
    expect((await firewall.rules(chain!)).map(({ comment }) => comment)).to.deep.equal(['theirs']);
  });
});
