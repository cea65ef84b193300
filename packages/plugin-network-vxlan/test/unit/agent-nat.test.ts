import type { NftRule } from '@kosmos/hostnet';
import { expect } from 'chai';
import type { Problem } from '../../src/agent/desired.ts';
import { natTable } from '../../src/agent/nat.ts';
import type { Nat } from '../../src/plan/types.ts';

const dev = 'vx-bridge';
const tunnel = { name: dev, port: 4876 };
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
    expect(rules('mss')).to.deep.equal([{ when: [{ oif: [dev] }, { tcpSyn: true }], action: 'clampMss' }]);
  });

  it('keeps sources by mapping them to themselves, each family in a map of its own', () => {
    expect(table([keep('10.1.0.0/24'), keep('fd01::/64'), keep('10.9.0.0/24')]).rules('post')).to.deep.equal([
      { when: [{ oif: [dev] }], action: { snatPrefix: [['10.1.0.0/24', '10.1.0.0/24'], ['10.9.0.0/24', '10.9.0.0/24']] } },
      { when: [{ oif: [dev] }], action: { snatPrefix: [['fd01::/64', 'fd01::/64']] } },
    ]);
  }); // prettier-ignore

  it('translates both ways, ahead of what keeps, and answers a pod of the own cluster from the address it asked', () => {
    const { rules, problems } = table([keep('10.1.0.0/16'), translate('10.1.0.0/24', '100.64.0.0/24')]);
    expect(problems).to.deep.equal([]);
    expect(rules('pre')).to.deep.equal([{ when: [], action: { dnatPrefix: [['100.64.0.0/24', '10.1.0.0/24']] } }]);
    expect(rules('post')).to.deep.equal([
      { when: [{ oif: [dev] }], action: { snatPrefix: [['10.1.0.0/24', '100.64.0.0/24']] } },
      { when: [{ oif: [dev] }], action: { snatPrefix: [['10.1.0.0/16', '10.1.0.0/16']] } },
      { when: [{ originalDaddr: '100.64.0.0/24' }], action: { snatPrefix: [['10.1.0.0/24', '100.64.0.0/24']] } },
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
