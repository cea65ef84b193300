import { manualClock } from '@kosmos/testing';
import { expect } from 'chai';
import { TIMING } from '../../src/probe/peer.ts';
import { Prober, type Target } from '../../src/probe/prober.ts';

const SOURCE = '220.101.0.1';
const targets = (n: number): Target[] =>
  Array.from({ length: n }, (_, i) => ({ dev: 'vx-bridge', via: `220.102.0.${i + 1}`, source: SOURCE }));
const key = (n: number) => `vx-bridge 220.102.0.${n}`;

/** A prober on a network where those in `down` answer no probe, and those in `silent` none of the agent's. */
function network(peers: number) {
  const clock = manualClock();
  const down = new Set<string>();
  const silent = new Set<string>();
  const seen = { sent: 0, pings: 0, opened: [] as string[], closed: [] as string[], changes: 0 };
  const prober = new Prober({
    clock,
    run: 7,
    changed: () => (seen.changes += 1),
    failed: () => {},
    ping: async (address) => {
      seen.pings += 1;
      return !down.has(address);
    },
    openPort(source, answered) {
      seen.opened.push(source);
      return {
        send(to, probe) {
          seen.sent += 1;
          if (!down.has(to) && !silent.has(to)) clock.after(2, () => answered(to, { ...probe, kind: 'answer' }, 16));
        },
        close: () => void seen.closed.push(source),
      };
    },
  });
  prober.follow(targets(peers), [SOURCE]);
  return { clock, down, silent, seen, prober, unusable: () => [...prober.unusable].sort() };
}

describe('the prober', () => {
  it('finds one of two peers dead within 1.3 s, and uses it again after 10 s of health', async () => {
    const { clock, down, unusable } = network(2);
    await clock.advance(5000);
    down.add('220.102.0.1');
    await clock.advance(1300);
    expect(unusable()).to.deep.equal([key(1)]);
    down.clear();
    await clock.advance(9000);
    expect(unusable()).to.deep.equal([key(1)]);
    await clock.advance(2000);
    expect(unusable()).to.deep.equal([]);
  });

  it('goes on using a peer whose agent is silent while its kernel answers pings', async () => {
    const { clock, silent, down, unusable, seen } = network(3);
    await clock.advance(5000);
    silent.add('220.102.0.2');
    await clock.advance(60_000);
    expect(unusable()).to.deep.equal([]);
    expect(seen.pings).to.be.greaterThan(100);
    down.add('220.102.0.2'); // now the node, too
    await clock.advance(1600);
    expect(unusable()).to.deep.equal([key(2)]);
  });

  it('suspects its own node when more than half of the peers are gone at once, and holds', async () => {
    const { clock, down, unusable, seen } = network(5);
    await clock.advance(5000);
    for (let n = 1; n <= 5; n += 1) down.add(`220.102.0.${n}`);
    await clock.advance(60_000);
    expect(unusable()).to.deep.equal([]);
    down.clear();
    await clock.advance(60_000);
    expect(unusable()).to.deep.equal([]);
    expect(seen.changes).to.equal(0);
  });

  it('believes it after 10 s when the others still answer', async () => {
    const { clock, down, unusable } = network(5);
    await clock.advance(5000);
    for (const n of [1, 2, 3]) down.add(`220.102.0.${n}`);
    await clock.advance(5000);
    expect(unusable()).to.deep.equal([]);
    await clock.advance(7000);
    expect(unusable()).to.deep.equal([key(1), key(2), key(3)]);
  });

  it('believes one death at once when the other peer was silent for a moment only', async () => {
    const { clock, down, unusable } = network(2);
    await clock.advance(5000);
    down.add('220.102.0.1').add('220.102.0.2');
    await clock.advance(550);
    down.delete('220.102.0.2');
    await clock.advance(1200);
    expect(unusable()).to.deep.equal([key(1)]);
  });

  it('believes two deaths one after the other at once', async () => {
    const { clock, down, unusable } = network(3);
    await clock.advance(5000);
    down.add('220.102.0.1');
    await clock.advance(3000);
    down.add('220.102.0.2');
    await clock.advance(1500);
    expect(unusable()).to.deep.equal([key(1), key(2)]);
  });

  it('keeps what it knows of a peer when the others change, and forgets one that is followed no more', async () => {
    const { clock, down, prober, unusable } = network(3);
    down.add('220.102.0.1');
    await clock.advance(3000);
    expect(unusable()).to.deep.equal([key(1)]);
    prober.follow(targets(4), [SOURCE]);
    expect(unusable()).to.deep.equal([key(1)]);
    prober.follow(targets(4).slice(1), [SOURCE]);
    expect(unusable()).to.deep.equal([]);
  });

  it('sends each peer one probe an interval, not all at the same time', async () => {
    const { clock, seen } = network(20);
    await clock.advance(TIMING.intervalMs * 10);
    expect(seen.sent).to.be.within(20 * 9, 20 * 11);
    const before = seen.sent;
    await clock.advance(TIMING.intervalMs / 10);
    expect(seen.sent - before).to.be.at.most(4);
  });

  it('answers on each of its overlay addresses, and closes those that it has no more', async () => {
    const { clock, seen, prober } = network(1);
    prober.follow([], [SOURCE, '9470::1']);
    expect(seen.opened).to.deep.equal([SOURCE, '9470::1']);
    prober.follow([], ['9470::1']);
    expect(seen.closed).to.deep.equal([SOURCE]);
    prober.stop();
    expect(seen.closed).to.deep.equal([SOURCE, '9470::1']);
    await clock.advance(10_000);
    expect(clock.waiting()).to.equal(0);
  });
});
