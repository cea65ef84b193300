import type { NftRule } from '@kosmos/hostnet';
import { expect } from 'chai';
import type { Problem } from '../../src/agent/desired.ts';
import { natTable } from '../../src/agent/nat.ts';
import type { Nat } from '../../src/plan/types.ts';

const dev = 'vx-bridge';
const tunnel = { name: dev, port: 4876, mtu: 1450, address: '220.1.0.1/8' };
const tunnel6 = { name: 'vx-bridge-6', port: 4866, mtu: 1430, address: '9470::1/16' };
const keep = (cidr: string): Nat => ({ stage: 'keep', cidr, dev });
const translate = (real: string, seen: string): Nat => ({ stage: 'translate', real, seen, dev });

function table(nat: readonly Nat[], tunnels = [tunnel]) {
  const problems: Problem[] = [];
  const made = natTable(nat, tunnels, problems);
  const rules = (name: string): readonly NftRule[] => made?.chains.find((c) => c.name === name)?.rules ?? [];
  const priority = (name: string) => made?.chains.find((c) => c.name === name)?.hook?.priority;
  return { made, rules, priority, problems };
}

describe('the nft table of a plan', () => {
  it('is none where there is no tunnel', () => {
    expect(table([keep('10.1.0.0/24')], []).made).to.equal(undefined);
  });

  it("comes before a CNI's masquerade, and tunnel packets go by connection tracking", () => {
    const { priority, rules } = table([keep('10.1.0.0/24'), translate('10.1.0.0/24', '100.64.0.0/24')]);
    expect(['pre', 'post', 'outer-in', 'outer-out', 'mss'].map(priority)).to.deep.equal([-105, 95, -310, -310, -150]);
    for (const chain of ['outer-in', 'outer-out'])
      expect(rules(chain)).to.deep.equal([{ when: [{ udpDport: [4876] }], action: 'notrack' }]);
  });

  it('keeps sources by mapping them to themselves, each family in a map of its own', () => {
    expect(table([keep('10.1.0.0/24'), keep('fd01::/64'), keep('10.9.0.0/24')]).rules('post')).to.deep.equal([
      { when: [{ oif: [dev] }], action: { snatPrefix: [['10.1.0.0/24', '10.1.0.0/24'], ['10.9.0.0/24', '10.9.0.0/24']] } },
      { when: [{ oif: [dev] }], action: { snatPrefix: [['fd01::/64', 'fd01::/64']] } },
    ]);
  }); // prettier-ignore

  it('lowers the MSS both ways: to what the route carries, and to what the tunnel does, in each family', () => {
    expect(table([], [tunnel, tunnel6]).rules('mss')).to.deep.equal([
      { when: [{ tcpSyn: true }, { oif: [dev, 'vx-bridge-6'] }], action: 'clampMss' },
      { when: [{ tcpSyn: true }, { iif: [dev] }], action: { clampMssTo: 1410 } },
      { when: [{ tcpSyn: true }, { iif: ['vx-bridge-6'] }], action: { clampMssTo: 1370 } },
    ]);
  });

  it('keeps no state of what passes through, but of what is for this node', () => {
    const transit = { stage: 'notrack', cidrs: ['10.1.1.0/24', '10.1.0.0/16'], except: ['10.1.1.64/26', '10.1.1.0/24'], dev } as const;
    expect(table([transit]).rules('raw')).to.deep.equal([
      { when: [{ iif: [dev] }, { daddrIn: ['10.1.0.0/16'] }, { daddrIn: ['10.1.1.0/24'], not: true }], action: 'notrack' },
    ]);
    const { cidrs: _, ...any } = transit;
    expect(table([any]).rules('raw')[0]?.when).to.deep.equal([{ iif: [dev] }, { daddrIn: ['10.1.1.0/24'], not: true }]);
  });

  it('rewrites service addresses packet by packet, ahead of all state on the way in and behind it on the way out', () => {
    const { rules, priority } = table([{ stage: 'rewrite', real: '10.96.0.0/16', seen: '100.96.0.0/16', dev }]);
    expect(rules('raw')).to.deep.equal([{ when: [{ iif: [dev] }, { daddr: '100.96.0.0/16' }], action: { rewriteDaddr: '10.96.0.0/16' } }]);
    expect(rules('unreal')).to.deep.equal([
      { when: [{ oif: [dev] }, { saddr: '10.96.0.0/16' }], action: { rewriteSaddr: '100.96.0.0/16' } },
    ]);
    expect([priority('raw'), priority('unreal')]).to.deep.equal([-310, 110]);
  });

  it('translates both ways, ahead of what keeps, and answers a pod on the same node from the address it asked', () => {
    const { rules, problems } = table([keep('10.1.0.0/16'), translate('10.1.0.0/24', '100.64.0.0/24')]);
    expect(problems).to.deep.equal([]);
    for (const chain of ['pre', 'out'])
      expect(rules(chain)).to.deep.equal([{ when: [], action: { dnatPrefix: [['100.64.0.0/24', '10.1.0.0/24']] } }]);
    expect(rules('post')).to.deep.equal([
      { when: [{ oif: [dev] }], action: { snatPrefix: [['10.1.0.0/24', '100.64.0.0/24']] } },
      { when: [{ oif: [dev] }], action: { snatPrefix: [['10.1.0.0/16', '10.1.0.0/16']] } },
      {
        when: [{ originalDaddr: '100.64.0.0/24' }, { saddr: '10.1.0.0/16' }, { daddr: '10.1.0.0/16' }],
        action: { snatPrefix: [['10.1.0.0/24', '100.64.0.0/24']] },
      },
    ]);
  });

  it("gives this node's own errors, which no connection translates, the address that others see, too", () => {
    const { rules } = table([keep('10.1.3.0/24'), translate('10.1.0.0/16', '100.64.0.0/16'), translate('10.2.0.0/16', '100.65.0.0/16')]);
    expect(rules('unreal')).to.deep.equal([
      { when: [{ oif: [dev] }, { saddr: '10.1.3.0/24' }], action: { rewriteSaddr: '100.64.3.0/24' } },
    ]);
  });

  it('masquerades what comes in for a service and was translated here', () => {
    const { rules } = table([{ stage: 'masquerade', cidr: '10.96.0.0/16', dev }]);
    expect(rules('post')).to.deep.equal([
      { when: [{ iif: [dev] }, { dnatted: true }, { originalDaddr: '10.96.0.0/16' }], action: 'masquerade' },
    ]);
  });

  it('takes the wider of two prefixes that overlap, since nft refuses both, and says which is not in force', () => {
    const { rules, problems } = table([translate('10.1.0.0/24', '100.64.0.0/24'), translate('10.1.0.0/16', '100.65.0.0/16')]);
    expect(rules('post')[0]).to.deep.equal({ when: [{ oif: [dev] }], action: { snatPrefix: [['10.1.0.0/16', '100.65.0.0/16']] } });
    expect(problems).to.deep.equal([
      { item: 'nat 10.1.0.0/24 -> 100.64.0.0/24', message: 'lies within 10.1.0.0/16 -> 100.65.0.0/16, which is in force' },
    ]);
    expect(table([keep('10.1.0.0/24'), keep('10.1.0.0/16'), keep('10.1.0.0/16')]).problems).to.deep.equal([]);
  });

  it('names what cannot be translated one to one, and does the rest', () => {
    const { rules, problems } = table([translate('10.1.0.0/24', '100.64.0.0/16'), translate('10.2.0.0/24', 'x'), keep('10.3.0.0/24')]);
    expect(new Set(problems.map((p) => p.message))).to.deep.equal(new Set(['one to one needs two prefixes of one family and length']));
    expect(rules('post')[0]?.action).to.deep.equal({ snatPrefix: [['10.3.0.0/24', '10.3.0.0/24']] });
  });
});
