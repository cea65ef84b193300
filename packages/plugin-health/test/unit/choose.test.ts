import { expect } from 'chai';
import { choose, keyOf, SAMPLE } from '../../src/agent/choose.ts';
import { peer } from '../support/peers.ts';

const none = { busy: new Set<string>(), troubled: new Set<string>(), turn: 0 };
const many = Array.from({ length: 500 }, (_, i) => peer('c2', i + 1));

describe('whom a node probes', () => {
  it('is everybody where there are few', () => {
    expect(choose(many.slice(0, SAMPLE), none)).to.deep.equal(many.slice(0, SAMPLE));
  });

  it('is every gateway, and of many others a sample that comes around to all of them', () => {
    const gateways = Array.from({ length: 200 }, (_, i) => peer('c3', i + 1000, true));
    const seen = new Set<string>();
    for (let turn = 0; turn < Math.ceil(many.length / SAMPLE); turn += 1) {
      const chosen = choose([...many, ...gateways], { ...none, turn });
      expect(chosen.filter((p) => p.gateway)).to.have.length(200);
      expect(chosen).to.have.length(200 + SAMPLE);
      for (const p of chosen) seen.add(p.node);
    }
    expect(seen.size).to.equal(700);
  });

  it('is also who is sent to and who was in trouble, whatever turn it is', () => {
    const [busy, troubled] = [many[400]!, many[450]!];
    const chosen = choose(many, { busy: new Set([keyOf(busy)]), troubled: new Set([keyOf(troubled)]), turn: 0 });
    expect(chosen)
      .to.include(busy)
      .and.to.include(troubled)
      .and.to.have.length(SAMPLE + 2);
  });
});
