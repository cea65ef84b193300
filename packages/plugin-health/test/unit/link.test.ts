import { expect } from 'chai';
import { Link } from '../../src/agent/link.ts';
import { peer } from '../support/peers.ts';

/** Records outcomes a second apart; undefined: lost. */
function recorded(outcomes: readonly (number | undefined)[], pong = false): { link: Link; now: number } {
  const link = new Link(peer('c2', 1));
  let now = 0;
  for (const rtt of outcomes) link.record(rtt, pong, (now += 1000));
  return { link, now };
}
const lost = (n: number) => Array.from({ length: n }, () => undefined);
const answers = (n: number, rtt = 2) => Array.from({ length: n }, () => rtt);

describe('a tunnel by its probes', () => {
  it('is dead after three losses in a row, and works again after five answers', () => {
    expect(recorded([...answers(5), ...lost(2)]).link.trouble).to.equal(undefined);
    expect(recorded([...answers(5), ...lost(3)]).link.trouble).to.equal('NoAnswer');
    expect(recorded([...lost(3), ...answers(4)]).link.trouble).to.equal('NoAnswer');
    expect(recorded([...lost(3), ...answers(5)]).link.trouble).to.equal(undefined);
  });

  it('whose peer answers pings only has an agent that is silent', () => {
    expect(recorded(lost(3), true).link.trouble).to.equal('AgentSilent');
  });

  it('is probed every 10 s while it works, and each second while there is doubt', () => {
    const settled = recorded(answers(5));
    expect([settled.link.due(settled.now + 9999), settled.link.due(settled.now + 10_000)]).to.deep.equal([false, true]);
    const doubtful = recorded([...answers(5), ...lost(1)]);
    expect(doubtful.link.due(doubtful.now + 1000)).to.equal(true);
    const back = recorded([...lost(5), ...answers(1)]);
    expect(back.link.due(back.now + 1000)).to.equal(true);
  });

  it('tells its loss of the last 32 probes, and a smoothed round trip', () => {
    expect(recorded([...lost(8), ...answers(24)]).link.loss).to.equal(0.25);
    expect(recorded([...lost(8), ...answers(32)]).link.loss).to.equal(0);
    expect(recorded([...answers(5, 1), 9]).link.rttMs).to.equal(2);
  });

  it('lets packets of full size get lost: it is in trouble, with the size that passes, until they do', () => {
    const { link } = recorded(answers(1));
    link.passes(1380, 1450, 0);
    expect([link.trouble, link.mtu]).to.deep.equal(['MtuTooSmall', 1380]);
    link.passes(1450, 1450, 0);
    expect([link.trouble, link.mtu]).to.deep.equal([undefined, 1450]);
  });

  it('takes over what the probes for failover found', () => {
    const link = new Link(peer('c2', 1));
    expect(link.probed).to.equal(false);
    link.adopt({ rttMs: 4, loss: 0.5 });
    expect(link.probed).to.equal(true);
    expect([link.trouble, link.rttMs, link.loss]).to.deep.equal([undefined, 4, 0.5]);
    link.record(undefined, false, 0);
    expect([link.doubtful, link.rttMs, link.loss]).to.deep.equal([true, undefined, 1]);
  });
});
