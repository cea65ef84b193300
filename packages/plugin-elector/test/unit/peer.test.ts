import { expect } from 'chai';
import fc from 'fast-check';
import { Peer, TIMING } from '../../src/probe/peer.ts';

const EVERY = TIMING.intervalMs;

/** Probes at 0, EVERY, 2 EVERY ...; each is answered after `rtt(sequence)` ms, or never. Returns when it was found dead and back. */
function run(probes: number, rtt: (sequence: number) => number | undefined, pathAlive: (now: number) => boolean = () => false) {
  const peer = new Peer();
  const turns: { at: number; verdict: string }[] = [];
  let answers: { sequence: number; at: number }[] = [];
  let verdict = peer.verdict;
  for (let i = 0; i < probes; i += 1) {
    const now = i * EVERY;
    for (const answer of answers.filter((a) => a.at <= now)) peer.answer(answer.sequence, answer.at);
    answers = answers.filter((a) => a.at > now);
    const sequence = peer.send(now, pathAlive(now));
    const after = rtt(sequence);
    if (after !== undefined) answers.push({ sequence, at: now + after });
    if (peer.verdict !== verdict) turns.push({ at: now, verdict: (verdict = peer.verdict) });
  }
  return { peer, turns };
}

describe('a peer', () => {
  it('is dead after three losses, within 1.2 s of the last probe that it answered', () => {
    const { turns } = run(40, (n) => (n <= 10 ? 1 : undefined));
    expect(turns).to.deep.equal([{ at: 13 * EVERY, verdict: 'dead' }]);
    expect(13 * EVERY - 9 * EVERY).to.be.at.most(1200); // probe 10 went out at 9 EVERY
  });

  it('that never answers is dead, too', () => {
    expect(run(10, () => undefined).turns).to.deep.equal([{ at: 3 * EVERY, verdict: 'dead' }]);
  });

  it('stays alive while one or two probes in a row are lost', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 2 }), { minLength: 1, maxLength: 60 }), (gaps) => {
        const lost = new Set<number>();
        let at = 1;
        for (const gap of gaps) {
          for (let i = 1; i <= gap; i += 1) lost.add(at + i);
          at += gap + 1;
        }
        expect(run(at + 5, (n) => (lost.has(n) ? undefined : 5)).turns).to.deep.equal([]);
      }),
    );
  });

  it('with a round trip longer than the interval stays alive', () => {
    const { turns, peer } = run(60, () => 2.5 * EVERY);
    expect(turns).to.deep.equal([]);
    expect(peer.rttMs).to.equal(2.5 * EVERY);
  });

  it('whose agent is away while its kernel forwards stays alive', () => {
    expect(
      run(
        60,
        (n) => (n < 10 ? 1 : undefined),
        () => true,
      ).turns,
    ).to.deep.equal([]);
  });

  it('is used again after 10 s without a loss, and not before', () => {
    const { turns } = run(120, (n) => (n > 10 && n <= 30 ? undefined : 1));
    expect(turns.map((t) => t.verdict)).to.deep.equal(['dead', 'alive']);
    const firstAnswered = 30 * EVERY; // probe 31
    expect((turns[1]?.at ?? 0) - firstAnswered).to.be.within(10_000, 10_000 + 2 * EVERY);
  });

  it('on a link that goes on and off more often than every 10 s is not used again', () => {
    const { turns } = run(1000, (n) => (n > 10 && Math.floor(n / 20) % 2 === 0 ? undefined : 1)); // 6 s off, 6 s on
    expect(turns.map((t) => t.verdict)).to.deep.equal(['dead']);
  });

  it('on a link that goes on and off slowly is followed less and less often', () => {
    const period = 100; // probes: 15 s on, 15 s off
    const { turns } = run(4000, (n) => (n > 10 && Math.floor(n / (period / 2)) % 2 === 0 ? undefined : 1));
    const returns = turns.filter((t) => t.verdict === 'alive');
    expect(returns.length, 'of 40 times on').to.equal(1);
  });

  it('tells the share of its last probes that was lost', () => {
    expect(run(40, () => 1).peer.loss).to.equal(0);
    expect(run(41, (n) => (n % 4 === 0 ? undefined : 1)).peer.loss).to.be.closeTo(0.25, 0.01);
    expect(run(41, () => undefined).peer.loss).to.equal(1);
  });

  it('is not moved by answers to what was never asked, or asked long ago', () => {
    const peer = new Peer();
    for (let i = 0; i < 10; i += 1) peer.send(i * EVERY);
    peer.answer(1, 10 * EVERY);
    peer.answer(99, 10 * EVERY);
    expect(peer.verdict).to.equal('dead');
    expect(peer.rttMs).to.equal(undefined);
  });
});
